"""A simulated pod: mailboxes, an engine, and the rules of the live scheduler for which frame is taken and which is given up.

Those rules are not written again: `DeadlineQueue` and `ServiceTime` are the live scheduler's own. What is here is when they are
asked, and what a frame then takes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from camslice.fleet.deadlines import DeadlineQueue
from camslice.fleet.service_time import ServiceTime
from camslice.plan.simulation.clock import Done
from camslice.plan.simulation.frames import DECODE, QUEUE, SimulatedFrame
from camslice.plan.simulation.node import SimulatedPod, Step
from camslice.plan.simulation.result import ANALYSED, STALE, SUPERSEDED
from camslice.plan.simulation.site import Site


class Remote(Protocol):
    """An engine server, as its pods know it."""

    def ask(self, pod: int, frames: Sequence[SimulatedFrame], answered: Callable[[bool], None]) -> None:
        """Have frames analysed; `answered` gets whether they were, or came too late."""
        ...


class Pod:
    """Decodes, lets frames wait, takes them by deadline, and has them analysed. Owns its frames until they met their fate."""

    def __init__(
        self,
        site: Site,
        settings: SimulatedPod,
        number: int,
        latency_ms: float | None,
        next_frame: Callable[[int, int], None],
        server: Remote | None = None,
    ) -> None:
        """`latency_ms` None: nothing is stale. `next_frame` is called with pod and stream when a frame met its fate."""
        self._site = site
        self._settings = settings
        self._number = number
        self._latency_ns = None if latency_ms is None else int(latency_ms * 1e6)
        self._next_frame = next_frame
        self._server = server
        self._queue: DeadlineQueue[SimulatedFrame] = DeadlineQueue(self._latency_ns)
        self._service = ServiceTime()
        self._free = settings.slots
        self._lanes = settings.lanes
        self._for_a_lane: deque[tuple[Sequence[SimulatedFrame], float]] = deque()
        self._decoding: list[deque[SimulatedFrame]] = []
        for stream, each in enumerate(settings.streams):
            self._queue.open(stream, each.depth)
            self._decoding.append(deque())

    def arrive(self, frame: SimulatedFrame) -> None:
        """A frame is there: it is decoded when those of its stream before it are, and then waits."""
        stream = self._settings.streams[frame.stream]
        if stream.decode_ms + stream.undue_decode_ms <= 0.0:
            self._wait(frame)
            return
        line = self._decoding[frame.stream]
        line.append(frame)
        if len(line) == 1:
            self._decode(frame.stream)

    def _decode(self, stream: int) -> None:
        decode_ms, undue_ms = self._settings.streams[stream].decode_ms, self._settings.streams[stream].undue_decode_ms

        def go_on() -> None:
            line = self._decoding[stream]
            line.popleft()
            if line:
                self._decode(stream)

        def decoded() -> None:
            frame = self._decoding[stream][0]
            if undue_ms > 0.0:  # what nobody analyses comes between this frame and the next
                self._site.processor.run(undue_ms, 1.0, go_on)
            else:
                go_on()
            self._wait(frame)

        if decode_ms > 0.0:
            self._site.processor.run(decode_ms, 1.0, decoded)
        else:
            decoded()

    def _wait(self, frame: SimulatedFrame) -> None:
        frame.end_stage(DECODE, self._site.clock.now_ms)
        pushed_out = self._queue.offer(frame.stream, round(frame.captured_ms * 1e6), frame)
        if pushed_out is not None:
            self._end(pushed_out, SUPERSEDED)
        self._pump()

    def _pump(self) -> None:
        while self._free and len(self._queue):
            taken = self._take(len(self._settings.batches))
            if not taken:
                return
            self._start(taken)

    def _take(self, limit: int) -> list[SimulatedFrame]:
        """As the live scheduler takes a batch."""
        now_ns = round(self._site.clock.now_ms * 1e6)
        taken: list[SimulatedFrame] = []
        while len(taken) < limit:
            frame, stale = self._queue.take(now_ns, self._service.expected_within(self._latency_ns or 0))
            for late in stale:
                self._service.doubt()
                self._end(late, STALE)
            if frame is None:
                break
            taken.append(frame)
        return taken

    def _start(self, frames: Sequence[SimulatedFrame]) -> None:
        settings, processor, taken_ms = self._settings, self._site.processor, self._site.clock.now_ms
        self._free -= 1
        processor.hold(settings.extra_threads)
        for frame in frames:
            frame.end_stage(QUEUE, taken_ms)
            if settings.background_ms > 0.0:
                processor.run(settings.background_ms * frame.factor, 1.0, _nothing)
        self._steps(settings.before * len(frames), frames, lambda: self._infer(frames, taken_ms))

    def _infer(self, frames: Sequence[SimulatedFrame], taken_ms: float) -> None:
        if self._server is not None:
            self._server.ask(self._number, frames, lambda in_time: self._answered(frames, taken_ms, in_time=in_time))
        elif self._lanes:
            self._compute(frames, taken_ms)
        else:
            self._for_a_lane.append((frames, taken_ms))

    def _compute(self, frames: Sequence[SimulatedFrame], taken_ms: float) -> None:
        self._lanes -= 1
        for frame in frames:
            frame.end_stage(QUEUE, self._site.clock.now_ms)
        self._steps(self._settings.batches[len(frames) - 1], frames, lambda: self._computed(frames, taken_ms))

    def _computed(self, frames: Sequence[SimulatedFrame], taken_ms: float) -> None:
        self._lanes += 1
        if self._for_a_lane:
            self._compute(*self._for_a_lane.popleft())
        self._answered(frames, taken_ms, in_time=True)

    def _answered(self, frames: Sequence[SimulatedFrame], taken_ms: float, *, in_time: bool) -> None:
        if not in_time:
            self._finish(frames, STALE)
            return

        def done() -> None:
            self._service.note(round(self._site.clock.now_ms * 1e6) - round(taken_ms * 1e6))
            self._finish(frames, ANALYSED)

        self._steps(self._settings.after * len(frames), frames, done)

    def _finish(self, frames: Sequence[SimulatedFrame], fate: int) -> None:
        self._site.processor.hold(-self._settings.extra_threads)
        self._free += 1
        for frame in frames:
            self._end(frame, fate)
        self._pump()

    def _end(self, frame: SimulatedFrame, fate: int) -> None:
        frame.fate = fate
        self._next_frame(self._number, frame.stream)

    def _steps(self, steps: Sequence[Step], frames: Sequence[SimulatedFrame], done: Done) -> None:
        settings = self._settings
        self._site.take_steps(steps, frames, self._number, settings.device, settings.spinning_threads, done)


def _nothing() -> None:
    """Work in the background ends without a word."""
