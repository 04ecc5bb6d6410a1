"""Simulated time: what is to happen, in order. And a resource whose jobs share it equally."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from heapq import heappop, heappush

Done = Callable[[], None]


class Clock:
    """Owns simulated time in ms. Things due at the same time happen in the order in which they were asked for."""

    def __init__(self) -> None:
        self.now_ms = 0.0
        self.events = 0
        self._due: list[tuple[float, int, Done]] = []
        self._tie = 0

    def at(self, when_ms: float, happen: Done) -> None:
        """Have something happen at a time that is not past."""
        self._tie += 1
        heappush(self._due, (when_ms, self._tie, happen))

    def run(self, until_ms: float, shared: Sequence[SharedEqually]) -> None:
        """Let everything happen that is due before `until_ms`, the ends of jobs on `shared` resources included."""
        due = self._due
        while True:
            when_ms = due[0][0] if due else math.inf
            next_resource = None
            for resource in shared:
                if resource.next_end_ms <= when_ms:
                    when_ms, next_resource = resource.next_end_ms, resource
            if when_ms >= until_ms:
                break
            self.now_ms = when_ms
            self.events += 1
            if next_resource is not None:
                next_resource.end_first()
            else:
                heappop(due)[2]()
        self.now_ms = until_ms


class SharedEqually:
    """A resource whose runnable threads all get the same rate, a function of how many there are (processor sharing).

    In virtual time, which advances at that rate, a job that needs w ms of its threads ends when virtual time has advanced by
    w; so jobs wait in a heap of virtual ends that a change of the rate leaves alone.
    """

    def __init__(self, clock: Clock, rate: Callable[[float], float], work_done: Callable[[float], float]) -> None:
        """`rate` of each of n threads, and `work_done` by all n, both per ms."""
        self._clock = clock
        self._rate_of = rate
        self._work_of = work_done
        self._runnable = 0.0
        self._rate = 1.0
        self._work = 0.0
        self._virtual = 0.0
        self._virtual_at_ms = 0.0
        self._jobs: list[tuple[float, int, float, Done]] = []
        self._tie = 0
        self._done_ms = 0.0
        self._done_at_ms = 0.0
        self.next_end_ms = math.inf

    def run(self, work_ms: float, threads: float, done: Done) -> None:
        """A job of `threads` threads that needs `work_ms` of each; `done` is called at its end."""
        self.hold(threads)
        self._tie += 1
        virtual = self._virtual + self._rate * (self._clock.now_ms - self._virtual_at_ms)
        heappush(self._jobs, (virtual + work_ms, self._tie, threads, done))
        self._look_ahead()

    def hold(self, threads: float) -> None:
        """So many more threads are runnable (fewer, if negative): they spin, or belong to a job."""
        if threads:
            now_ms = self._clock.now_ms
            self._virtual += self._rate * (now_ms - self._virtual_at_ms)
            self._virtual_at_ms = now_ms
            self._set_runnable(threads)
            self._look_ahead()

    def end_first(self) -> None:
        """The job that ends first ends now."""
        ended, _, threads, done = heappop(self._jobs)
        self._virtual, self._virtual_at_ms = ended, self._clock.now_ms
        self._set_runnable(-threads)
        self._look_ahead()
        done()

    def work_done_ms(self, until_ms: float) -> float:
        """Work done so far, by all threads, in ms of one."""
        return self._done_ms + self._work * (until_ms - self._done_at_ms)

    def _set_runnable(self, more: float) -> None:
        now_ms = self._clock.now_ms
        self._done_ms += self._work * (now_ms - self._done_at_ms)
        self._done_at_ms = now_ms
        self._runnable += more
        if self._runnable < 1e-9:
            self._runnable = 0.0
        self._rate = self._rate_of(self._runnable)
        self._work = self._work_of(self._runnable)

    def _look_ahead(self) -> None:
        if not self._jobs:
            self.next_end_ms = math.inf
            return
        end_ms = self._virtual_at_ms + (self._jobs[0][0] - self._virtual) / self._rate
        self.next_end_ms = max(end_ms, self._clock.now_ms)
