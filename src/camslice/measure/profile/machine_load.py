"""How busy all processors of the machine are, whoever keeps them so: other programs take from what a measurement could have."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import psutil


class CpuTimes(NamedTuple):
    """Seconds of all processors since the machine started: all of them, and those in which there was nothing to do."""

    all_s: float
    idle_s: float


def cpu_times() -> CpuTimes:
    """As the kernel counts them, time that a hypervisor took away included."""
    times = psutil.cpu_times()
    waiting_s = getattr(times, "iowait", 0.0)
    counted_twice_s = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    return CpuTimes(sum(times) - counted_twice_s, times.idle + waiting_s)


class MachineLoad:
    """The load between the first and the last sample. Not thread-safe."""

    def __init__(self, read: Callable[[], CpuTimes] = cpu_times) -> None:
        self._read = read
        self._first: CpuTimes | None = None
        self._last: CpuTimes | None = None

    def sample(self) -> None:
        """Look at the clocks of the processors."""
        self._last = self._read()
        self._first = self._first or self._last

    @property
    def busy(self) -> float | None:
        """The share of the time in which processors had something to do; None with too few samples."""
        if self._first is None or self._last is None or self._last.all_s <= self._first.all_s:
            return None
        idle = (self._last.idle_s - self._first.idle_s) / (self._last.all_s - self._first.all_s)
        return min(1.0, max(0.0, 1.0 - idle))
