"""Hands the frames of many cameras to one engine: the earliest deadline first, scaled only when their turn has come.

The scheduler has no thread. Work is done by whoever makes it possible: a decoder thread that brings a frame while the engine
has a free batch, or an engine thread that has just given a batch back. A scheduling thread in between would cost two
context switches and two more turns at the interpreter's lock per frame.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace

from camslice.engine.protocol import Batch, InferenceTimes, Outputs
from camslice.fleet.accounting import Fate
from camslice.fleet.deadlines import DeadlineQueue, is_stale
from camslice.fleet.errors import EngineAwayError, TooLateError
from camslice.fleet.geometry import Region
from camslice.fleet.policy import PATIENCE
from camslice.fleet.service_time import ServiceTime
from camslice.models.detections import Detections
from camslice.stream.alarm import Alarm
from camslice.stream.attention import Attention
from camslice.stream.departures import Departures
from camslice.stream.drawing import draw
from camslice.stream.ledger import Ledger
from camslice.stream.model_work import ModelWork
from camslice.stream.outbox import Outbox
from camslice.stream.previews import Previews
from camslice.stream.pulse import BatchClock, Pulse
from camslice.stream.records import analysed_record, carried_record
from camslice.stream.request import LoadedModel, Part, Request
from camslice.stream.shares import shared
from camslice.stream.sheet import FILLED, Composer, Sheet, region_area
from camslice.stream.turn import TURN
from camslice.stream.watching.look import Look
from camslice.stream.watching.steward import PolicyState
from camslice.video.frame import Frame
from camslice.video.gate.sight import Sight

log = logging.getLogger(__name__)

ERRORS_IN_A_ROW = 5
"""So many failed batches one after another stop the model: it is broken, not unlucky."""
_LOOK_AGAIN_S = 0.1
_MOST_HELD = 64
"""So many parts that found no room in their batch wait for the next one."""


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
        attention: Attention | None = None,
        one_at_a_time: bool = False,
    ) -> None:
        """`attention` decides how much of each frame is looked at; None for all of it.

        `latency_ms` None: pace `lossless`, in which `offer` waits for room and nothing goes stale. `on_stopped` gets the
        number of a model that failed too often, and the reason.

        `one_at_a_time`: `offer` also waits until its frame has met its fate, which closes the loop of a measurement."""
        self._one_at_a_time = one_at_a_time
        self._clock_ns = clock_ns
        self._latency_ns = None if latency_ms is None else int(latency_ms * 1e6)
        self._ledger = ledger
        self._departures = Departures(ledger, outbox, self._latency_ns, clock_ns)
        self._previews = previews
        self._on_stopped = on_stopped
        self._lock = threading.Lock()
        self._rooms: dict[int, threading.Condition] = {}
        self._left = threading.Condition(self._lock)
        self._closing = 0
        self._queue: DeadlineQueue[Request] = DeadlineQueue(self._latency_ns)
        self._model: LoadedModel | None = None
        self._at_work: dict[int, int] = {}
        """Parts of each stream that were put back or are at the device: none is closed before they are gone."""
        self._attention = attention
        self._alarm = Alarm(self._pump)
        self._held: deque[Part] = deque()
        self._waiting_area = 0.0
        self._waiting_whole = 0
        self._service = ServiceTime()
        self._batches = BatchClock()
        self._errors_in_a_row = 0
        self._broken = False
        self.busy_ns = 0
        """Device time used so far."""
        self.inferences = 0
        """Slots that were analysed so far: full frames, and canvases."""

    def use(self, model: LoadedModel) -> LoadedModel | None:
        """Analyse with this model from the next frame on. Returns the one used so far: close its engine."""
        model.engine.on_free(self._pump)
        with self._lock:
            before, self._model = self._model, model
            self._broken = False
            self._errors_in_a_row = 0
        self._pump()
        return before

    def policy_state(self) -> PolicyState | None:
        """How much of the frames is looked at, and why; None where every pixel of every frame is."""
        return None if self._attention is None else self._attention.state()

    def work(self) -> ModelWork:
        """What was done so far."""
        told = ModelWork() if self._attention is None else self._attention.work()
        return replace(told, inferences=self.inferences)

    @property
    def has_model(self) -> bool:
        """Whether a model is loaded and works."""
        return self._model is not None and not self._broken

    def pulse(self) -> Pulse:
        """How the work goes on. For one thread."""
        with self._lock:
            earliest_ns = self._earliest_deadline_ns()  # regions may wait for company, but no longer than that
            overdue = earliest_ns is not None and earliest_ns < self._clock_ns()
            may_wait = self._attention is not None and self._latency_ns is not None and not self._full_frame_waits()
            waiting = self.has_model and (overdue if may_wait else bool(len(self._queue) or self._held))
            return self._batches.pulse(self._clock_ns(), self._service.expected_ns, waiting=waiting)

    def give_up(self) -> LoadedModel | None:
        """Analyse no more: what waits, and every frame that still comes, fails. Returns the model used so far."""
        with self._lock:
            before, self._model = self._model, None
            self._broken = True
            self._fail_waiting()
            for room in self._rooms.values():
                room.notify()
        return before

    def open(self, row: int, depth: int) -> None:
        """Let a stream bring frames; at most `depth` of them wait."""
        with self._lock:
            self._queue.open(row, depth)
            self._departures.open(row)
            if row not in self._at_work and self._attention is not None:
                self._attention.open(row)
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
                self._leave_queue(request)
                self._drop(request, Fate.FAILED)
            held = [part for part in self._held if part.request.row == row]
            self._held = deque(part for part in self._held if part.request.row != row)
            self._end(held, Fate.FAILED)
            if self._at_work[row]:
                return False
            self._queue.close(row)
            self._departures.close(row)
            del self._at_work[row], self._rooms[row]
            if self._attention is not None:
                self._attention.close(row)
            return True

    @property
    def wants_sight(self) -> bool:
        """Whether frames are to be offered with what changed in them."""
        return self._attention is not None

    def looks(self, row: int, captured_ns: int) -> bool:
        """Whether anything of a frame that is due is to be looked at; what comes too late for its objective is not."""
        return self._attention is None or (not self._is_late(captured_ns) and self._attention.looks(row))

    def _is_late(self, captured_ns: int) -> bool:
        """Whether a frame could not be answered in time if its turn came now."""
        if self._latency_ns is None:
            return False
        service_ns = self._service.expected_within(self._latency_ns)
        return is_stale(self._clock_ns(), captured_ns + self._latency_ns, service_ns)

    def offer(
        self,
        row: int,
        frame: Frame,
        generation: int,
        stopping: threading.Event,
        sight: Sight | None = None,
        gate_ns: int = 0,
    ) -> None:
        """A frame of a stream is due. At pace `lossless` this waits for room (or until `stopping`).

        `sight` is what changed in it, where that is wanted and `looks` says so, and `gate_ns` how long it took to see."""
        if self._latency_ns is None and not self._wait_for_room(row, stopping):
            return
        region = Region(0, 0, frame.picture.width, frame.picture.height)
        request = Request(row, 0, generation, frame, region, gate_ns=gate_ns)
        late = not self._decide(request, sight)
        with self._lock:
            request.handle = self._departures.enter(row, frame.stamp.captured_ns)
            if self._broken or late:
                self._drop(request, Fate.FAILED if self._broken else Fate.STALE)
                return
            if request.look in (Look.CARRIED, Look.GATED):
                self._pass(request)
                return
            pushed_out = self._queue.offer(row, frame.stamp.captured_ns, request)
            self._enter_queue(request)
            if pushed_out is not None:
                self._leave_queue(pushed_out)
                self._drop(pushed_out, Fate.SUPERSEDED)
        self._pump()
        if self._one_at_a_time:
            self._wait_until_done(row, stopping)

    def _decide(self, request: Request, sight: Sight | None) -> bool:
        """How the frame is looked at; False when it came too late for that."""
        if self._attention is None:
            return True
        model, region, stamp = self._model, request.region, request.frame.stamp
        size, at_s = (region.width, region.height), stamp.captured_ns / 1e9
        scale = 1.0 if model is None else model.engine.fit(region).width / region.width
        if sight is None:
            request.decision = None if self._is_late(stamp.captured_ns) else self._attention.skip(request.row, at_s, size)
        else:
            with TURN:
                request.decision = self._attention.decide(request.row, sight, at_s, size, scale)
        if model is None:  # at which scale it will be seen nobody knows; what moved must be known all the same
            request.look_in_full()
        request.area = region_area(request.regions, scale * self._attention.scale)
        return request.decision is not None

    def _pass(self, request: Request) -> None:
        """Nothing of this frame is analysed. Lock is held."""
        decision, model = request.decision, self._model
        if decision is None or model is None:
            raise ValueError("a frame that is not analysed needs a decision and a model")
        if self._attention is not None:
            self._attention.passed()
        if decision.look is Look.GATED:
            still_at_s = request.frame.stamp.captured_at_s
            self._departures.end(request.row, request.handle, Fate.GATED, still_at_s)
            return
        now_ns = self._clock_ns()
        self._departures.leave(request.handle, carried_record(request, decision, model.number, now_ns), now_ns)

    def _enter_queue(self, request: Request) -> None:
        self._waiting_area += request.area
        self._waiting_whole += request.whole

    def _leave_queue(self, request: Request) -> None:
        self._waiting_area -= request.area
        self._waiting_whole -= request.whole

    def _drop(self, request: Request, fate: Fate) -> None:
        request.over = True
        self._departures.end(request.row, request.handle, fate)
        if self._attention is not None:
            self._attention.lost(request, late=fate is not Fate.FAILED)
        if self._closing:
            self._left.notify_all()

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
            if model is None or not (len(self._queue) or self._held) or self._better_waits(model):
                return
            batch = model.engine.acquire()
            if batch is None:
                return  # whoever gives one back comes here next
            scale = 1.0 if self._attention is None else self._attention.scale
            composer = Composer(model.engine, model.engine.info.max_batch, scale)
            with self._lock:
                anything = self._take(composer)
            if not anything:
                batch.release()
                continue
            sheet, left = composer.compose()
            if left:
                with self._lock:
                    self._held.extendleft(reversed(left))
                    if self._broken:  # meanwhile
                        self._fail_waiting()
            self._start(model, batch, sheet)

    def _better_waits(self, model: LoadedModel) -> bool:
        """Whether what waits would fill its canvas only in part, and has the time to wait for more."""
        if self._attention is None or self._latency_ns is None or self._one_at_a_time:
            return False
        with self._lock:
            info = model.engine.info
            area = self._waiting_area + sum(part.request.area for part in self._held)
            earliest_ns = self._earliest_deadline_ns()
            if earliest_ns is None or self._full_frame_waits() or area >= FILLED * info.input_width * info.input_height:
                return False
            if self._batches.running >= max(1, info.batches // 2):
                return True  # in the device's queue no other could join it; whoever gives a batch back comes here next
            leaves_ns = earliest_ns - round(max((1 - PATIENCE) * self._latency_ns, self._service.expected_ns))
        if self._clock_ns() >= leaves_ns:
            return False
        self._alarm.set(leaves_ns)
        return True

    def _full_frame_waits(self) -> bool:
        """Lock is held."""
        return self._waiting_whole > 0 or any(part.whole for part in self._held)

    def _earliest_deadline_ns(self) -> int | None:
        """Of what waits, and of what was put back. Lock is held."""
        if self._latency_ns is None:
            return None
        held = [part.request.frame.stamp.captured_ns + self._latency_ns for part in self._held if not part.request.over]
        queued = self._queue.earliest_deadline_ns()
        return min(held if queued is None else [queued, *held], default=None)

    def _take(self, composer: Composer) -> bool:
        """The next requests, as many as find room; those gone stale on the way meet their fate here. Lock is held.

        Returns whether there is anything to be done."""
        now_ns = self._clock_ns()
        service_ns = self._service.expected_within(self._latency_ns or 0)
        passed: list[Part] = []
        anything = False
        while self._held:
            part = self._held.popleft()
            request = part.request
            if request.over:
                self._leave([part])
            elif self._latency_ns is not None and is_stale(
                now_ns, request.frame.stamp.captured_ns + self._latency_ns, service_ns
            ):
                self._service.doubt()
                self._end([part], Fate.STALE)
            elif composer.add(part):
                anything = True
            else:
                passed.append(part)
        while not composer.full and len(passed) < _MOST_HELD:
            taken, stale = self._queue.take(now_ns, service_ns)
            for late in stale:
                self._service.doubt()
                self._leave_queue(late)
                self._drop(late, Fate.STALE)
            if taken is None:
                break
            self._leave_queue(taken)
            parts = taken.parts
            self._at_work[taken.row] += len(parts)
            if self._latency_ns is None and not self._one_at_a_time:
                self._rooms[taken.row].notify()
            for part in parts:
                if composer.add(part):
                    anything = True
                else:
                    passed.append(part)
        self._held.extend(passed)
        return anything

    def _start(self, model: LoadedModel, batch: Batch, sheet: Sheet) -> None:
        taken_ns = self._clock_ns()
        sheet = self._scale(model, batch, sheet, taken_ns)
        if not sheet.slots:
            batch.release()
            return
        scaled_ns = self._clock_ns()

        def done(batch: Batch, outputs: Outputs, times: InferenceTimes, error: Exception | None) -> None:
            self._finish(model, batch, sheet, (taken_ns, scaled_ns), outputs, times, error)

        self._batches.begin(batch, scaled_ns)
        try:
            batch.start(len(sheet.slots), done, self._deadline_ns(sheet.requests))
        except Exception as error:  # noqa: BLE001 (whatever a backend raises fails these frames, counted and logged)
            self._batches.end(batch)
            self._fail(model, sheet, error)
            batch.release()

    def _scale(self, model: LoadedModel, batch: Batch, sheet: Sheet, now_ns: int) -> Sheet:
        """Scale every piece into its slot. A picture that cannot be scaled fails alone: that is no fault of the model."""
        # An audited frame comes here twice, and is shown with its full part.
        shown = [part.request for part in sheet.parts if part.whole is part.request.whole]
        broken = [request for request in shown if not self._preview(request, now_ns)]
        while True:
            if broken:
                with self._lock:
                    self._end([part for part in sheet.parts if part.request in broken], Fate.FAILED)
                sheet = sheet.without(broken)
            broken = draw(sheet, batch, model.engine.info)
            if not broken:
                return sheet

    def _preview(self, request: Request, now_ns: int) -> bool:
        try:
            self._previews.offer(request.row, request.frame, now_ns)
        except Exception as error:  # noqa: BLE001 (one bad picture fails alone, counted and logged)
            log.warning("a frame could not be scaled: %s", error)
            return False
        return True

    def _finish(
        self,
        model: LoadedModel,
        batch: Batch,
        sheet: Sheet,
        stamps: tuple[int, int],
        outputs: Outputs,
        times: InferenceTimes,
        error: Exception | None,
    ) -> None:
        self._batches.end(batch)
        self._charge(sheet, times.busy_ns)
        try:
            with nullcontext() if self._attention is None else TURN:
                self._answer(model, sheet, stamps, outputs, times, error)
        finally:
            batch.release()

    def _answer(
        self,
        model: LoadedModel,
        sheet: Sheet,
        stamps: tuple[int, int],
        outputs: Outputs,
        times: InferenceTimes,
        error: Exception | None,
    ) -> None:
        """Give every frame of a batch that came back its detections and its fate."""
        if error is None:
            try:
                sheet.answer([model.decode(outputs, index) for index in range(len(sheet.slots))])
            except Exception as decoding_error:  # noqa: BLE001 (counted and logged by _fail)
                error = decoding_error
        finished_ns = self._clock_ns()
        if error is not None:
            self._fail(model, sheet, error)
            return
        for request in self._answered(sheet):
            detections = self._seen(model, request, finished_ns)
            record = analysed_record(request, detections, model.number, stamps, times, finished_ns)
            self._departures.leave(request.handle, record, finished_ns)
        self._note_success(sheet, finished_ns - stamps[0])

    def _charge(self, sheet: Sheet, busy_ns: int) -> None:
        """The device worked, whatever came of it. The streams are still there: none is closed with something at the device."""
        self._ledger.used(shared(busy_ns, sheet.areas))
        with self._lock:
            self.busy_ns += busy_ns

    def _answered(self, sheet: Sheet) -> list[Request]:
        """The requests that have all their answers now: no other batch has parts of them any more."""
        with self._lock:
            done = [request for request in sheet.requests if request.answered and not request.over]
            for request in done:
                request.over = True
        return done

    def _seen(self, model: LoadedModel, request: Request, finished_ns: int) -> Detections:
        full, in_regions = request.full or Detections.none(), request.in_regions or Detections.none()
        if self._attention is None:
            return full
        total_ms = (finished_ns - request.frame.stamp.captured_ns) / 1e6
        return self._attention.analysed(request, full, in_regions, model.confidence, total_ms)

    def _note_success(self, sheet: Sheet, service_ns: int) -> None:
        with self._lock:
            self.inferences += len(sheet.slots)
            self._errors_in_a_row = 0
            self._service.note(service_ns)
            self._leave(sheet.parts)

    def _fail(self, model: LoadedModel, sheet: Sheet, error: Exception) -> None:
        """These frames failed; so many failures in a row stop the model, and every waiting frame fails with it.

        What came too late is `stale`, and an engine out of reach looks for its way back itself: neither speaks against the
        model. Nor does what a model that was replaced meanwhile still had to do.
        """
        late = isinstance(error, TooLateError)
        if not late:
            log.warning("%d frame(s) failed: %s", len(sheet.requests), error, exc_info=log.isEnabledFor(logging.DEBUG))
        reason = None
        with self._lock:
            self._end(sheet.parts, Fate.STALE if late else Fate.FAILED)
            if late or isinstance(error, EngineAwayError) or model is not self._model:
                return
            self._errors_in_a_row += 1
            if self._errors_in_a_row >= ERRORS_IN_A_ROW and not self._broken:
                self._broken = True
                reason = f"stopped after {ERRORS_IN_A_ROW} errors in a row: {error}"
            if self._broken:
                self._fail_waiting()
        if reason:
            self._on_stopped(model.number, reason)

    def _end(self, parts: Sequence[Part], fate: Fate) -> None:
        """These go, and their frames meet the same fate, unless they have met one. Lock is held."""
        for request in dict.fromkeys(part.request for part in parts):
            if not request.over:
                self._drop(request, fate)
        self._leave(parts)

    def _deadline_ns(self, requests: Sequence[Request]) -> int | None:
        if self._latency_ns is None:
            return None
        return min(request.frame.stamp.captured_ns for request in requests) + self._latency_ns

    def _fail_waiting(self) -> None:
        """What waits, and what was put back, fails. Lock is held."""
        while len(self._queue):
            request, stale = self._queue.take(0, 0)
            for each in stale if request is None else [*stale, request]:
                self._leave_queue(each)
                self._drop(each, Fate.FAILED)
        held = list(self._held)
        self._held.clear()
        self._end(held, Fate.FAILED)

    def _leave(self, parts: Sequence[Part]) -> None:
        """These are no longer at work. Lock is held."""
        for part in parts:
            row = part.request.row
            self._at_work[row] -= 1
            if self._one_at_a_time and not self._at_work[row]:
                self._rooms[row].notify()
        if self._closing:
            self._left.notify_all()

    def _busy_with(self, row: int) -> bool:
        return bool(self._queue.waiting(row) or self._at_work[row])
