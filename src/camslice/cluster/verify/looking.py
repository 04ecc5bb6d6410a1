"""How much of the frames is looked at, and what that keeps, against what a plan counted on. Pure.

Dearer than planned is drift, for the nodes were not planned for it; so is cheaper for want of room. Cheaper because the
measured recall leaves room for it is not. A recall is drift when it lies below the lower end of what the plan's profile
measured: that is what the plan was allowed by.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from camslice.cluster.verify.figures import Drift, Kept, Live, Planned
from camslice.fleet.policy import FULL, policy_named, rung_of
from camslice.plan.plan import PlannedPolicy


def looked_at(planned: Planned, live: Live, tolerance: float) -> Iterator[Drift]:
    """Each model of the plan."""
    kept = {each.model: each for each in live.kept}
    running = {stream.model for stream in live.streams}
    for model, policies in sorted(planned.policies.items()):
        found = kept.get(model)
        if found is not None:
            yield from _of_model(_Counted(model, policies), found, tolerance)
        elif model in running and FULL.name not in policies:
            cause = "its pods know no policy: see that the fleet they run demands the recall that was planned with"
            yield Drift(f"policy of {model}", _words(policies), FULL.name, cause)


def recall_of(live: Live) -> float | None:
    """Of the worst model; 1 where nothing but full frames was analysed, None where it is not known."""
    frames = [group.frames for group in live.groups]
    if not live.kept and any(each.analysed for each in frames) and not any(each.gated + each.predicted for each in frames):
        return 1.0
    return min((each.recall for each in live.kept if each.recall is not None), default=None)


@dataclass(frozen=True, slots=True)
class _Counted:
    """What a plan counts on of one model."""

    model: str
    policies: Mapping[str, PlannedPolicy | None]

    @property
    def measured(self) -> list[PlannedPolicy]:
        """What rests on less than full frames; empty where nothing does."""
        return [each for each in self.policies.values() if each is not None]

    @property
    def rungs(self) -> tuple[int, int]:
        """The dearest, the cheapest."""
        rungs = [_rung(name) for name in self.policies]
        return min(rungs), max(rungs)


def _of_model(counted: _Counted, found: Kept, tolerance: float) -> Iterator[Drift]:
    model, (dearest, cheapest) = counted.model, counted.rungs
    dearer = [name for name in found.policies if _rung(name) < dearest]
    cheaper = [name for name in found.policies if _rung(name) > cheapest] if found.overloaded else []
    if dearer:
        why = _why(found, dearer, "a fleet begins carefully, and goes on as far as the measured recall allows")
        cause = f"more of the frames is analysed than the nodes were planned for: {why}"
        yield Drift(f"policy of {model}", _words(counted.policies), _in_force(found, dearer), cause)
    if cheaper:
        why = _why(found, cheaper, "see the causes of the latency, or plan the fleet again")
        cause = f"it is cheaper than the recall allows, for want of room: {why}"
        yield Drift(f"policy of {model}", _words(counted.policies), _in_force(found, cheaper), cause)
    if counted.measured:
        yield from _recall(counted, found, cheaper)
        yield from _inferences(counted, found, dearer, tolerance)


def _recall(counted: _Counted, found: Kept, cheaper: list[str]) -> Iterator[Drift]:
    figures = [each.recall for each in counted.measured]
    counted_on = min(each.value if each.low is None else each.low for each in figures)
    if found.recall is None or found.recall >= counted_on:
        return
    cause = f"the cameras show other scenes than {_clips(counted)}; `camslice eval --policy` on clips of theirs, and plan again"
    if cheaper:
        cause = f"policy {_in_force(found, cheaper)} instead of {_words(counted.policies)}, for want of room"
    elif found.overloaded:
        cause = "pods look at less than the recall allows, for want of room"
    yield Drift(f"recall of {counted.model}", round(counted_on, 4), round(found.recall, 4), cause)


def _inferences(counted: _Counted, found: Kept, dearer: list[str], tolerance: float) -> Iterator[Drift]:
    planned = max(each.inferences_per_frame.value for each in counted.measured)
    planned = max(planned, 1.0) if FULL.name in counted.policies else planned
    if found.inferences_per_frame is None or found.inferences_per_frame <= planned * (1 + tolerance):
        return
    cameras = max(each.activity.cameras for each in counted.measured)
    cause = f"the cameras are busier than {_clips(counted)}, or too few of them share a canvas ({cameras} did there)"
    if dearer:
        cause = f"policy {_in_force(found, dearer)} instead of {_words(counted.policies)}"
    yield Drift(f"inferences per frame of {counted.model}", round(planned, 3), round(found.inferences_per_frame, 3), cause)


def _clips(counted: _Counted) -> str:
    return ", ".join(dict.fromkeys(clip for each in counted.measured for clip in each.activity.clips)) or "those measured"


def _why(found: Kept, names: list[str], otherwise: str) -> str:
    told = [found.reasons[name] for name in names if found.reasons.get(name)]
    return "; ".join(dict.fromkeys(told)) or otherwise


def _in_force(found: Kept, names: list[str]) -> str:
    whole = sum(found.policies.values())
    number = sum(found.policies[name] for name in names)
    words = ", ".join(sorted(names, key=_rung))
    return words if number == whole else f"{words} in {number} of {whole} pods"


def _words(policies: Mapping[str, object]) -> str:
    return ", ".join(sorted(policies, key=_rung))


def _rung(name: str) -> int:
    return rung_of(policy_named(name))
