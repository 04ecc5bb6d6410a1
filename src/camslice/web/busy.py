"""How busy an engine was lately, from a running total of its device time."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

WINDOW_S = 10.0


class Occupancy:
    """Share of the last ten seconds in which each engine computed, 0..1 over all its queues. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: dict[str, deque[tuple[float, int]]] = {}

    def of(self, engine: str, busy_ns: int, queues: int) -> float:
        """Take in the engine's total so far and return its occupancy."""
        now = self._clock()
        with self._lock:
            seen = self._seen.setdefault(engine, deque())
            if seen and busy_ns < seen[-1][1]:
                seen.clear()  # the engine was started anew and counts from zero
            seen.append((now, busy_ns))
            while len(seen) > 2 and seen[1][0] < now - WINDOW_S:
                seen.popleft()
            (first_s, first_ns), (last_s, last_ns) = seen[0], seen[-1]
        if last_s <= first_s:
            return 0.0
        return min(1.0, (last_ns - first_ns) / 1e9 / (last_s - first_s) / queues)
