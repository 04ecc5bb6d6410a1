"""Probes: whether a run has started, runs what it was told to run, and is alive. Rules over what its supervisor sees.

Cameras are no part of it: a camera that is down is the camera's trouble, and no restart of ours would mend it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from camslice.stream.lives import ModelLife
from camslice.stream.pulse import ProcessPulse, Pulse
from camslice.web.placements import Revisions

TIMES_USUAL = 10.0
LEAST_S = 5.0
"""A batch is never called stuck before: machines that are busy for a moment must not get their pods killed."""
FIRST_BATCH_S = 120.0
"""What a first batch may take, of which nobody knows what is usual: some devices compile then."""
SILENT_S = 45.0
"""The supervisor itself ends a process that is silent for 30 s; one that is silent for longer shows that it does not."""
STILL_S = 10.0
"""The supervisor makes its rounds many times a second."""
_LOCKED = "the supervisor's lock is not let go"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to a probe. `reason`: why not, in one sentence; `revisions` where the question is which one runs."""

    ok: bool
    reason: str = ""
    revisions: Revisions | None = None


class Health(Protocol):
    """What probes ask. Every method is thread-safe and quick."""

    def started(self) -> Verdict:
        """Whether every model was loaded once, and cameras began."""
        ...

    def ready(self) -> Verdict:
        """Whether what the files say is what runs, in processes that are all there."""
        ...

    def live(self) -> Verdict:
        """Whether a restart from outside would help no more than what goes on here."""
        ...


def started(*, begun: bool, models: Mapping[str, ModelLife]) -> Verdict:
    """`begun`: cameras were let go. Every one of `models` must be loaded."""
    waiting = [name for name, life in models.items() if life.loaded is None]
    if waiting:
        problem = models[waiting[0]].problem
        return Verdict(False, f"model {waiting[0]} " + (f"cannot be loaded: {problem}" if problem else "is being loaded"))
    return Verdict(begun, "" if begun else "the fleet has not begun yet")


def ready(
    *, has_started: Verdict, problem: str | None, revisions: Revisions, processes: Sequence[ProcessPulse] | None
) -> Verdict:
    """`problem`: what is wrong with the files as they are now; `processes` as for `live`."""
    why = has_started.reason if not has_started.ok else problem or _not_applied(revisions) or _not_there(processes)
    return Verdict(not why, why, revisions)


def live(*, still_s: float, processes: Sequence[ProcessPulse] | None) -> Verdict:
    """`still_s`: since the supervisor's last round; `processes` None when its lock could not be had."""
    if still_s > STILL_S:
        return Verdict(False, f"the supervisor has stood still for {still_s:.0f} s")
    if processes is None:
        return Verdict(False, _LOCKED)
    for process in processes:
        if why := _trouble(process):
            return Verdict(False, f"{process.name}: {why}")
    return Verdict(True)


def _not_applied(revisions: Revisions) -> str:
    if revisions.mounted == revisions.applied:
        return ""
    return f"revision {revisions.mounted} is there and {revisions.applied} runs"


def _not_there(processes: Sequence[ProcessPulse] | None) -> str:
    if processes is None:
        return _LOCKED
    for process in processes:
        if not process.running:
            return f"{process.name} is being started again"
        if not process.answered:
            return f"{process.name} is loading its models"
    return ""


def _trouble(process: ProcessPulse) -> str:
    if not process.running or process.silent_s is None:
        return ""  # a process that is being started
    if process.silent_s > SILENT_S:
        return f"silent for {process.silent_s:.0f} s, and nobody has ended it"
    for model, pulse in process.models.items():
        if pulse.oldest_ms > _longest_ms(pulse):
            return f"a batch of model {model} has been at work for {pulse.oldest_ms / 1000:.0f} s"
    return ""


def _longest_ms(pulse: Pulse) -> float:
    if pulse.usual_ms is None:
        return FIRST_BATCH_S * 1000
    return max(TIMES_USUAL * pulse.usual_ms, LEAST_S * 1000)
