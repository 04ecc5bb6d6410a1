"""When a process that died may be started again: soon at first, later each time, soon again after it has run well."""

from __future__ import annotations

import time
from collections.abc import Callable

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
HEALTHY_S = 60.0


class Restarts:
    """Counts ends and says when the next start is due."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pause_s = FIRST_PAUSE_S
        self._started_s = clock()
        self._due_s = 0.0
        self.count = 0

    def ended(self) -> float:
        """The process ended. Returns the pause in seconds until `due`."""
        now = self._clock()
        healthy = now - self._started_s >= HEALTHY_S
        self._pause_s = FIRST_PAUSE_S if healthy or self.count == 0 else min(LONGEST_PAUSE_S, self._pause_s * 2)
        self._due_s = now + self._pause_s
        self._started_s = self._due_s
        self.count += 1
        return self._pause_s

    def due(self) -> bool:
        """Whether it may be started again now."""
        return self._clock() >= self._due_s
