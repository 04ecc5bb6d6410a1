"""A simulated engine server: requests of many pods, by deadline, in batches of what waits; the network on both sides."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from camslice.fleet.deadlines import DeadlineQueue
from camslice.fleet.service_time import ServiceTime
from camslice.plan.simulation.frames import NETWORK, QUEUE, SimulatedFrame
from camslice.plan.simulation.node import SimulatedServer
from camslice.plan.simulation.site import Site

Answered = Callable[[bool], None]
_Request = tuple[SimulatedFrame, Answered]

_MOST_OF_A_POD = 1_000_000
"""Pods bound their requests themselves; the server refuses what is late, and nothing else."""


class Server:
    """Takes what waits when it is free, never waits for more. Owns requests from their arrival to their answer."""

    def __init__(
        self, site: Site, settings: SimulatedServer, context: int, latency_ms: float | None, pods: int, seed: int
    ) -> None:
        self._site = site
        self._settings = settings
        self._context = context
        self._latency_ns = None if latency_ms is None else int(latency_ms * 1e6)
        self._queue: DeadlineQueue[_Request] = DeadlineQueue(self._latency_ns)
        self._service = ServiceTime()
        self._lanes = settings.lanes
        self._dice = np.random.default_rng((seed, context, 2))
        for pod in range(pods):
            self._queue.open(pod, _MOST_OF_A_POD)

    def ask(self, pod: int, frames: Sequence[SimulatedFrame], answered: Answered) -> None:
        """See `Remote`. The frames of one request travel together; in the server's line they stand one by one."""
        left = len(frames)
        in_time = True

        def one_answered(whether: bool) -> None:
            nonlocal left, in_time
            left -= 1
            in_time = in_time and whether
            if not left:
                self._travel(frames, lambda: answered(in_time))

        def there() -> None:
            for frame in frames:
                self._queue.offer(pod, round(frame.captured_ms * 1e6), (frame, one_answered))
            self._pump()

        self._travel(frames, there)

    def _travel(self, frames: Sequence[SimulatedFrame], there: Callable[[], None]) -> None:
        settings, clock = self._settings, self._site.clock
        takes_ms = settings.network_ms / 2
        if settings.network_jitter_ms > 0.0:
            takes_ms += float(self._dice.exponential(settings.network_jitter_ms))

        def arrived() -> None:
            for frame in frames:
                frame.end_stage(NETWORK, clock.now_ms)
            there()

        for frame in frames:  # what waited for the slowest frame of a batch
            frame.end_stage(QUEUE, clock.now_ms)
        clock.at(clock.now_ms + takes_ms, arrived)

    def _pump(self) -> None:
        while self._lanes and len(self._queue):
            requests = self._take()
            if not requests:
                return
            self._compute(requests)

    def _take(self) -> list[_Request]:
        now_ns = round(self._site.clock.now_ms * 1e6)
        taken: list[_Request] = []
        while len(taken) < len(self._settings.batches):
            request, stale = self._queue.take(now_ns, self._service.expected_within(self._latency_ns or 0))
            for _, refused in stale:
                self._service.doubt()
                refused(False)
            if request is None:
                break
            taken.append(request)
        return taken

    def _compute(self, requests: Sequence[_Request]) -> None:
        self._lanes -= 1
        frames = [frame for frame, _ in requests]
        began_ms = self._site.clock.now_ms
        for frame in frames:
            frame.end_stage(QUEUE, began_ms)

        def done() -> None:
            self._lanes += 1
            self._service.note(round(self._site.clock.now_ms * 1e6) - round(began_ms * 1e6))
            for _, answered in requests:
                answered(True)
            self._pump()

        steps = self._settings.batches[len(frames) - 1]
        self._site.take_steps(steps, frames, self._context, self._settings.device, 0.0, done)
