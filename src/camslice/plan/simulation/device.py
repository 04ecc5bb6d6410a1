"""Accelerators: contexts that take turns in slices, or that compute at once."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from camslice.plan.simulation.clock import Clock, Done, SharedEqually
from camslice.plan.simulation.node import Concurrent, Slices

_TINY_MS = 1e-9


class Device(Protocol):
    """Something that contexts visit."""

    def visit(self, context: int, work_ms: float, done: Done) -> None:
        """Have so much computed for a context, and then `done` called. A context may have several visits at once."""
        ...

    def busy_ms(self, until_ms: float) -> float:
        """How much of its time was used so far."""
        ...


class TimeSliced:
    """Round robin: whoever comes, or has used up a slice while others wait, stands at the end of the line.

    A context that is alone goes on without a switch; so does one that comes back to where it was last.
    """

    def __init__(self, clock: Clock, settings: Slices) -> None:
        self._clock = clock
        self._slice_ms = settings.slice_ms
        self._switch_ms = settings.switch_ms
        self._waiting: deque[tuple[int, float, Done]] = deque()
        self._last_context = -1
        self._busy_ms = 0.0
        self._until_ms = 0.0
        self._computes = False

    def visit(self, context: int, work_ms: float, done: Done) -> None:
        """See `Device`."""
        self._waiting.append((context, work_ms, done))
        if not self._computes:
            self._next()

    def busy_ms(self, until_ms: float) -> float:
        """See `Device`; switches are use."""
        return self._busy_ms - max(0.0, self._until_ms - until_ms)

    def _next(self) -> None:
        if not self._waiting:
            self._computes = False
            return
        context, left_ms, done = self._waiting.popleft()
        slice_ms = min(left_ms, self._slice_ms)
        used_ms = slice_ms
        if context != self._last_context:
            used_ms += self._switch_ms
            self._last_context = context
        self._computes = True
        self._busy_ms += used_ms
        self._until_ms = self._clock.now_ms + used_ms

        def slice_ends() -> None:
            rest_ms = left_ms - slice_ms
            if rest_ms > _TINY_MS:
                self._waiting.append((context, rest_ms, done))
                self._next()
            else:
                self._next()
                done()

        self._clock.at(self._until_ms, slice_ends)


class AtOnce:
    """MPS: all that wait compute, each at the rate that so many of them get."""

    def __init__(self, clock: Clock, settings: Concurrent) -> None:
        self._most = settings.throughput[-1]
        self.shared = SharedEqually(clock, settings.rate, lambda active: active * settings.rate(active) if active else 0.0)

    def visit(self, context: int, work_ms: float, done: Done) -> None:
        """See `Device`."""
        del context  # all of them are served alike
        self.shared.run(work_ms, 1.0, done)

    def busy_ms(self, until_ms: float) -> float:
        """See `Device`: work done, of the most that it gets done."""
        return self.shared.work_done_ms(until_ms) / self._most
