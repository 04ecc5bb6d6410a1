"""Hands the frames of many cameras to one engine: the earliest deadline first, scaled only when their turn has come.

The scheduler has no thread. Work is done by whoever makes it possible: a decoder thread that brings a frame while the engine
has a free batch, or an engine thread that has just given a batch back. A scheduling thread in between would cost two
context switches and two more turns at the interpreter's lock per frame.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from camslice.engine.protocol import Batch, Engine, InferenceTimes, Outputs
from camslice.fleet.accounting import Fate
from camslice.fleet.deadlines import DeadlineQueue
from camslice.fleet.errors import EngineAwayError, TooLateError
from camslice.fleet.geometry import Letterbox, Region
from camslice.fleet.service_time import ServiceTime
from camslice.fleet.stages import StageTimes
from camslice.models.decoders.protocol import OutputDecoder
from camslice.models.detections import Detections
from camslice.stream.ledger import Ledger
from camslice.stream.outbox import Outbox, Record
from camslice.stream.previews import Previews
from camslice.stream.pulse import BatchClock, Pulse
from camslice.video.frame import Frame

log = logging.getLogger(__name__)

ERRORS_IN_A_ROW = 5
"""So many failed batches one after another stop the model: it is broken, not unlucky."""
_LOOK_AGAIN_S = 0.1


@dataclass(slots=True)
class Request:
    """A frame, and the region of it that is to be analysed."""

    row: int
    handle: int
    generation: int
    frame: Frame
    region: Region


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """An engine with the meaning of its answers; `number` marks its results."""

    engine: Engine
    decode: OutputDecoder
    number: int


class Scheduler:
    """One model's mailboxes and its engine. Every method may be called from any thread.

    Owns the requests that wait or are being analysed; owns the engine from `use` until the next `use` or `close`.
    """

    def __init__(
        self,
        latency_ms: float | None,
        ledger: Ledger,
        outbox: Outbox,
        previews: Previews,
        on_stopped: Callable[[int, str], None],
        clock_ns: Callable[[], int] = time.monotonic_ns,
        *,
        one_at_a_time: bool = False,
    ) -> None:
        """`latency_ms` None: pace `lossless`, in which `offer` waits for room and nothing goes stale. `on_stopped` gets the
        number of a model that failed too often, and the reason.

        `one_at_a_time`: `offer` also waits until its frame has met its fate, which closes the loop of a measurement."""
        self._one_at_a_time = one_at_a_time
        self._clock_ns = clock_ns
        self._latency_ns = None if latency_ms is None else int(latency_ms * 1e6)
        self._ledger = ledger
        self._outbox = outbox
        self._previews = previews
        self._on_stopped = on_stopped
        self._lock = threading.Lock()
        self._rooms: dict[int, threading.Condition] = {}
        self._left = threading.Condition(self._lock)
        self._closing = 0
        self._queue: DeadlineQueue[Request] = DeadlineQueue(self._latency_ns)
        self._model: LoadedModel | None = None
        self._at_work: dict[int, int] = {}
        self._service = ServiceTime()
        self._batches = BatchClock()
        self._errors_in_a_row = 0
        self._broken = False
        self.busy_ns = 0
        """Device time used so far."""

    def use(self, model: LoadedModel) -> LoadedModel | None:
        """Analyse with this model from the next frame on. Returns the one used so far: close its engine."""
        model.engine.on_free(self._pump)
        with self._lock:
            before, self._model = self._model, model
            self._broken = False
            self._errors_in_a_row = 0
        self._pump()
        return before

    @property
    def has_model(self) -> bool:
        """Whether a model is loaded and works."""
        return self._model is not None and not self._broken

    def pulse(self) -> Pulse:
        """How the work goes on. For one thread."""
        with self._lock:
            waiting = self.has_model and len(self._queue) > 0
            return self._batches.pulse(self._clock_ns(), self._service.expected_ns, waiting=waiting)

    def give_up(self) -> LoadedModel | None:
        """Analyse no more: what waits, and every frame that still comes, fails. Returns the model used so far."""
        with self._lock:
            before, self._model = self._model, None
            self._broken = True
            for request in self._everything_waiting():
                self._ledger.ended(request.row, request.handle, Fate.FAILED)
            for room in self._rooms.values():
                room.notify()
        return before

    def open(self, row: int, depth: int) -> None:
        """Let a stream bring frames; at most `depth` of them wait."""
        with self._lock:
            self._queue.open(row, depth)
            self._at_work.setdefault(row, 0)
            self._rooms.setdefault(row, threading.Condition(self._lock))

    def close(self, row: int, patience_s: float) -> bool:
        """The stream brings no more frames: let those it has be analysed, give up what still waits after `patience_s`.

        False when the device has not given all of them back by then: call again.
        """
        with self._lock:
            self._closing += 1
            self._left.wait_for(lambda: not self._busy_with(row), patience_s)
            self._closing -= 1
            for request in self._queue.drain(row):
                self._ledger.ended(request.row, request.handle, Fate.FAILED)
            if self._at_work[row]:
                return False
            self._queue.close(row)
            del self._at_work[row], self._rooms[row]
            return True

    def offer(self, row: int, frame: Frame, generation: int, stopping: threading.Event) -> None:
        """A frame of a stream is due. At pace `lossless` this waits for room (or until `stopping`)."""
        if self._latency_ns is None and not self._wait_for_room(row, stopping):
            return
        region = Region(0, 0, frame.picture.width, frame.picture.height)
        with self._lock:
            handle = self._ledger.captured(row)
            if self._broken:
                self._ledger.ended(row, handle, Fate.FAILED)
                return
            request = Request(row, handle, generation, frame, region)
            pushed_out = self._queue.offer(row, frame.stamp.captured_ns, request)
            if pushed_out is not None:
                self._ledger.ended(row, pushed_out.handle, Fate.SUPERSEDED)
        self._pump()
        if self._one_at_a_time:
            self._wait_until_done(row, stopping)

    def _wait_until_done(self, row: int, stopping: threading.Event) -> None:
        while not stopping.is_set():
            with self._lock:
                if not self._busy_with(row) or self._rooms[row].wait(_LOOK_AGAIN_S):
                    return
            self._pump()

    def _wait_for_room(self, row: int, stopping: threading.Event) -> bool:
        """Wait until this stream may bring a frame; False when it is to stop instead."""
        while not stopping.is_set():
            with self._lock:
                if self._broken or self._queue.has_room(row) or self._rooms[row].wait(_LOOK_AGAIN_S):
                    return True
            self._pump()  # nothing moved: have the engine look after requests that its device may have failed
        return False

    def _pump(self) -> None:
        """Start batches while the engine has a free one and frames wait."""
        while True:
            model = self._model
            if model is None or not len(self._queue):
                return
            batch = model.engine.acquire()
            if batch is None:
                return  # whoever gives one back comes here next
            with self._lock:
                requests = self._take(model.engine.info.max_batch)
            if not requests:
                batch.release()
                continue
            self._start(model, batch, requests)

    def _take(self, limit: int) -> list[Request]:
        """The next requests, at most `limit`; those gone stale on the way meet their fate here. Lock is held."""
        now_ns = self._clock_ns()
        taken: list[Request] = []
        while len(taken) < limit:
            request, stale = self._queue.take(now_ns, self._service.expected_within(self._latency_ns or 0))
            for late in stale:
                self._service.doubt()
                self._ledger.ended(late.row, late.handle, Fate.STALE)
            if request is None:
                break
            self._at_work[request.row] += 1
            taken.append(request)
            if self._latency_ns is None and not self._one_at_a_time:
                self._rooms[request.row].notify()
        return taken

    def _start(self, model: LoadedModel, batch: Batch, taken: Sequence[Request]) -> None:
        taken_ns = self._clock_ns()
        requests, letterboxes = self._scale(model, batch, taken, taken_ns)
        if not requests:
            batch.release()
            return
        scaled_ns = self._clock_ns()

        def done(batch: Batch, outputs: Outputs, times: InferenceTimes, error: Exception | None) -> None:
            self._finish(model, batch, requests, letterboxes, (taken_ns, scaled_ns), outputs, times, error)

        self._batches.begin(batch, scaled_ns)
        try:
            batch.start(len(requests), done, self._deadline_ns(requests))
        except Exception as error:  # noqa: BLE001 (whatever a backend raises fails these frames, counted and logged)
            self._batches.end(batch)
            self._fail(model, requests, error)
            batch.release()

    def _scale(
        self, model: LoadedModel, batch: Batch, taken: Sequence[Request], now_ns: int
    ) -> tuple[list[Request], list[Letterbox]]:
        """Scale every region into its slot. A picture that cannot be scaled fails alone: that is no fault of the model."""
        requests: list[Request] = []
        letterboxes: list[Letterbox] = []
        for request in taken:
            letterbox = model.engine.fit(request.region)
            try:
                request.frame.picture.scale_into(batch.slot_for(len(requests), letterbox), letterbox)
                self._previews.offer(request.row, request.frame, now_ns)
            except Exception as error:  # noqa: BLE001 (one bad picture fails alone, counted and logged)
                log.warning("a frame could not be scaled: %s", error)
                self._ledger.ended(request.row, request.handle, Fate.FAILED)
                with self._lock:
                    self._leave([request])
                continue
            requests.append(request)
            letterboxes.append(letterbox)
        return requests, letterboxes

    def _finish(
        self,
        model: LoadedModel,
        batch: Batch,
        requests: Sequence[Request],
        letterboxes: Sequence[Letterbox],
        stamps: tuple[int, int],
        outputs: Outputs,
        times: InferenceTimes,
        error: Exception | None,
    ) -> None:
        found: list[Detections] = []
        self._batches.end(batch)
        if error is None:
            try:
                for index, letterbox in enumerate(letterboxes):
                    raw = model.decode(outputs, index)
                    found.append(Detections(letterbox.to_source(raw.boxes), raw.confidence, raw.class_id))
            except Exception as decoding_error:  # noqa: BLE001 (counted and logged by _fail)
                error = decoding_error
        finished_ns = self._clock_ns()
        try:
            if error is None:
                for request, detections in zip(requests, found, strict=True):
                    self._outbox.put(_record(request, detections, model.number, stamps, times, finished_ns))
                    self._ledger.ended(request.row, request.handle, Fate.ANALYSED)
                self._note_success(requests, times, finished_ns - stamps[0])
            else:
                self._fail(model, requests, error)
        finally:
            batch.release()

    def _note_success(self, requests: Sequence[Request], times: InferenceTimes, service_ns: int) -> None:
        with self._lock:
            self.busy_ns += times.inference_ns
            self._errors_in_a_row = 0
            self._service.note(service_ns)
            self._leave(requests)

    def _fail(self, model: LoadedModel, requests: Sequence[Request], error: Exception) -> None:
        """These frames failed; so many failures in a row stop the model, and every waiting frame fails with it.

        What came too late is `stale`, and an engine out of reach looks for its way back itself: neither speaks against the
        model. Nor does what a model that was replaced meanwhile still had to do.
        """
        if isinstance(error, TooLateError):
            self._end(requests, Fate.STALE)
            return
        log.warning("%d frame(s) failed: %s", len(requests), error, exc_info=log.isEnabledFor(logging.DEBUG))
        if isinstance(error, EngineAwayError) or model is not self._model:
            self._end(requests, Fate.FAILED)
            return
        reason = None
        with self._lock:
            self._errors_in_a_row += 1
            failed = list(requests)
            if self._errors_in_a_row >= ERRORS_IN_A_ROW and not self._broken:
                self._broken = True
                reason = f"stopped after {ERRORS_IN_A_ROW} errors in a row: {error}"
            if self._broken:
                failed += self._everything_waiting()
            for request in failed:
                self._ledger.ended(request.row, request.handle, Fate.FAILED)
            self._leave(requests)
        if reason:
            self._on_stopped(model.number, reason)

    def _end(self, requests: Sequence[Request], fate: Fate) -> None:
        """These requests met the same fate."""
        with self._lock:
            for request in requests:
                self._ledger.ended(request.row, request.handle, fate)
            self._leave(requests)

    def _deadline_ns(self, requests: Sequence[Request]) -> int | None:
        if self._latency_ns is None:
            return None
        return min(request.frame.stamp.captured_ns for request in requests) + self._latency_ns

    def _everything_waiting(self) -> list[Request]:
        requests: list[Request] = []
        while len(self._queue):
            request, stale = self._queue.take(0, 0)
            requests += stale if request is None else [*stale, request]
        return requests

    def _leave(self, requests: Sequence[Request]) -> None:
        """These requests are no longer at work. Lock is held."""
        for request in requests:
            self._at_work[request.row] -= 1
            if self._one_at_a_time:
                self._rooms[request.row].notify()
        if self._closing:
            self._left.notify_all()

    def _busy_with(self, row: int) -> bool:
        return bool(self._queue.waiting(row) or self._at_work[row])


def _record(
    request: Request,
    detections: Detections,
    model: int,
    stamps: tuple[int, int],
    times: InferenceTimes,
    finished_ns: int,
) -> Record:
    """The stage clock. `queue` is the mailbox (from the decoder's stamp on) and the engine's own waiting."""
    stamp = request.frame.stamp
    taken_ns, scaled_ns = stamps
    waited_ns = (taken_ns - stamp.decoded_ns) + (times.began_ns - scaled_ns) + times.queue_ns
    stages = StageTimes(
        decode=(stamp.decoded_ns - stamp.captured_ns) / 1e6,
        gate=0.0,
        preprocess=(scaled_ns - taken_ns + times.preprocess_ns) / 1e6,
        queue=waited_ns / 1e6,
        network=times.network_ns / 1e6,
        inference=times.inference_ns / 1e6,
        postprocess=(finished_ns - times.ended_ns + times.postprocess_ns) / 1e6,
        total=(finished_ns - stamp.captured_ns) / 1e6,
    )
    return Record(
        request.row,
        stamp.sequence,
        stamp.captured_at_s,
        stamp.pts_s,
        request.frame.picture.width,
        request.frame.picture.height,
        request.generation,
        model,
        stages,
        detections,
    )
