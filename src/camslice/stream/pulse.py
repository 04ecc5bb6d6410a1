"""Whether work goes on in a process: how long its oldest batch has been at work, told with every heartbeat.

A scheduler has no thread of its own that could be seen to tick. What can stop is a batch that its device never gives back, or
frames that wait while nobody starts them; and whoever asks takes the scheduler's lock, so that a process whose lock is held for
ever falls silent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Pulse:
    """One model in one process. `oldest_ms`: for how long its oldest batch has been at work, or frames have waited with none
    being started; 0 when nothing is to be done. `usual_ms`: what most batches take at most, None before the first."""

    oldest_ms: float
    usual_ms: float | None


@dataclass(frozen=True, slots=True)
class ProcessPulse:
    """A process as its supervisor hears it. `running`: it is there; `answered`: it has said what became of each of its models;
    `silent_s`: since when it has said nothing, None before its first word."""

    name: str
    running: bool
    answered: bool
    silent_s: float | None
    models: Mapping[str, Pulse] = field(default_factory=dict)


class BatchClock:
    """When the batches of one scheduler began. `begin` and `end` are called by whoever works on a batch, without a lock: each
    is one step of a dictionary. `pulse` is for one thread."""

    def __init__(self) -> None:
        self._begun: dict[int, int] = {}
        self._starts = 0
        self._still: tuple[int, int] | None = None

    @property
    def running(self) -> int:
        """Batches that are at work."""
        return len(self._begun)

    def begin(self, batch: object, now_ns: int) -> None:
        """A batch goes to the device."""
        self._starts += 1
        self._begun[id(batch)] = now_ns

    def end(self, batch: object) -> None:
        """It came back."""
        self._begun.pop(id(batch), None)

    def pulse(self, now_ns: int, usual_ns: float, *, waiting: bool) -> Pulse:
        """`waiting`: frames wait and there is a model for them."""
        usual_ms = usual_ns / 1e6 if usual_ns > 0 else None
        begun = list(self._begun.values())
        if begun or not waiting:
            self._still = None
            return Pulse(max(0, now_ns - min(begun)) / 1e6 if begun else 0.0, usual_ms)
        if self._still is None or self._still[0] != self._starts:
            self._still = self._starts, now_ns
        return Pulse((now_ns - self._still[1]) / 1e6, usual_ms)
