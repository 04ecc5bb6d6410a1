"""What a model has done since the start: counts that only grow, also when its process begins anew, and that can be added up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace

from camslice.fleet.policy import policy_named, rung_of
from camslice.stream.watching.recall import FEWEST_FRAMES
from camslice.stream.watching.steward import PolicyState


@dataclass(frozen=True, slots=True)
class ModelWork:
    """`inferences`: pictures that were analysed, full frames and canvases. `policy_changes`: how often the policy changed.

    `audited_frames` were looked at both ways and showed something in full: `audited_detections` in all, of which the policy
    had reported `kept_detections`.
    """

    inferences: int = 0
    policy_changes: int = 0
    audited_frames: int = 0
    audited_detections: int = 0
    kept_detections: int = 0

    @property
    def recall(self) -> float | None:
        """Over all audited frames; None while there are too few of them to say anything."""
        if self.audited_frames < FEWEST_FRAMES:
            return None
        return self.kept_detections / self.audited_detections

    def __add__(self, other: ModelWork) -> ModelWork:
        return ModelWork(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """Another policy came into force at UTC second `at_s`, and why."""

    at_s: float
    model: str
    before: str
    after: str
    reason: str


def work_of(works: Iterable[ModelWork]) -> ModelWork:
    """The sum."""
    total = ModelWork()
    for work in works:
        total = total + work
    return total


def policy_over(states: Sequence[PolicyState]) -> PolicyState | None:
    """Several processes' policies of one model as one: the cheapest speaks, audited frames and changes add up, and any that is
    overloaded counts. The recall is that of all audited frames. None when nobody has a policy."""
    if not states:
        return None
    cheapest = max(states, key=lambda state: rung_of(policy_named(state.policy)))
    alike = sum(state.policy == cheapest.policy for state in states)
    audited = [(state.recall, state.audited) for state in states if state.recall is not None and state.audited]
    frames = sum(each for _, each in audited)
    return replace(
        cheapest,
        reason=cheapest.reason if alike == len(states) else f"in {alike} of {len(states)} processes: {cheapest.reason}",
        recall=sum(recall * each for recall, each in audited) / frames if frames else cheapest.recall,
        audited=frames,
        overloaded=any(state.overloaded for state in states),
        changes=sum(state.changes for state in states),
    )
