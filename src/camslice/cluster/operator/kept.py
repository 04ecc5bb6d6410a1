"""What the policies of a fleet's pods keep of what full frames show, model by model, and whether that is what is demanded.

A recall is a fleet's, not a pod's: the demand is on all of its detections, and the audited frames of one pod are few. So those
of all pods count together, each pod by its audited frames; a pod that looks at full frames audits none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from camslice.cluster.operator.reports import PodReport
from camslice.fleet.policy import FULL
from camslice.stream.model_work import policy_over
from camslice.stream.watching.recall import FEWEST_FRAMES
from camslice.stream.watching.steward import PolicyState

_LONGEST_REASON = 1000
_DIGITS = 6
"""More than pods tell: only what adding up leaves is rounded away."""
_CLOSE = 0.005
"""A recall that changed by less, on the same side of what is demanded, is not said again."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One model: the cheapest policy in force, why, and the `recall` of all audited frames; None while those are too few to
    say anything. `overloaded`: somewhere less is looked at than the recall allows, for want of room."""

    model: str
    policy: str
    reason: str
    recall: float | None
    overloaded: bool

    def status(self) -> dict[str, Any]:
        """As the CameraFleet's status says it."""
        reason = self.reason[:_LONGEST_REASON]
        told: dict[str, Any] = {"model": self.model, "policy": self.policy, "reason": reason, "overloaded": self.overloaded}
        return told if self.recall is None else {**told, "recall": self.recall}


def kept_of(reports: Iterable[PodReport], demanded: float, before: Sequence[Mapping[str, Any]] = ()) -> tuple[Kept, ...]:
    """Of each model with a policy. `before`: what the status says already."""
    states: dict[str, list[PolicyState]] = {}
    for report in reports:
        for model, state in report.policies.items():
            states.setdefault(model, []).append(state)
    said = {str(each.get("model")): each.get("recall") for each in before}
    together = {model: policy_over(of_model) for model, of_model in sorted(states.items())}
    return tuple(_kept(model, over, demanded, said.get(model)) for model, over in together.items() if over is not None)


def lowest(kept: Iterable[Kept]) -> float | None:
    """The recall of the worst model; None where none is known."""
    return min((each.recall for each in kept if each.recall is not None), default=None)


def too_little(kept: Iterable[Kept], demanded: float) -> str | None:
    """The sentence for the first model of which less is kept than is demanded."""
    for each in kept:
        if each.recall is not None and each.recall < demanded:
            why = ", cheaper than the recall allows for want of room" if each.overloaded else ""
            found = f"{each.recall:g} is measured, policy {each.policy}{why}"
            return f"{each.model}: a recall of {demanded:g} is demanded, and {found}"
    return None


def not_known(kept: Iterable[Kept]) -> str:
    """Of which models too little was audited to say; empty for none."""
    names = [each.model for each in kept if each.recall is None]
    return f"the recall of {', '.join(names)} is not known yet: too few frames were audited" if names else ""


def _kept(model: str, over: PolicyState, demanded: float, before: object) -> Kept:
    recall = over.recall
    if recall is not None:
        enough = over.policy == FULL.name or over.audited >= FEWEST_FRAMES
        recall = _steady(before, round(recall, _DIGITS), demanded) if enough else None
    return Kept(model, over.policy, over.reason, recall, over.overloaded)


def _steady(before: object, now: float, demanded: float) -> float:
    """In thousandths, but for one that those would put on the other side of what is demanded."""
    if isinstance(before, int | float) and abs(now - before) < _CLOSE and (before < demanded) == (now < demanded):
        return float(before)
    rounded = round(now, 3)
    return rounded if (rounded < demanded) == (now < demanded) else now
