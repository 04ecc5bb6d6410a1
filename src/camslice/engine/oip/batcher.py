"""Dynamic batching in front of one engine: takes what is there, the earliest deadline first, and never waits for more.

Like the scheduler of streams the batcher has no thread. Work is done by whoever makes it possible: the transport's thread
that brings a request while the engine has a free batch, or the engine's thread that has just given one back. Only pictures
that take long to prepare (JPEG, large ones) go to a pool, so that neither of those threads decodes.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import NamedTuple

from camslice.engine.oip.batch_sizes import BatchSizes
from camslice.engine.oip.counters import Counters
from camslice.engine.oip.limits import Limits
from camslice.engine.oip.messages import OipError, Status
from camslice.engine.oip.outlook import Outlook
from camslice.engine.oip.waiting import Entry, Waiting
from camslice.engine.oip.work import Work, as_oip_error, too_late
from camslice.engine.protocol import Batch, Engine, InferenceTimes, Outputs

log = logging.getLogger(__name__)

Piece = tuple[Entry, int]
"""A request, and which of its pictures."""


class _Stamps(NamedTuple):
    """When a batch was lent to requests, taken by a thread that prepares it, and filled."""

    lent_ns: int
    taken_ns: int
    filled_ns: int


class Batcher:
    """One engine's queue. Every method may be called from any thread.

    Owns the requests from `submit` until they are answered; the engine belongs to whoever called `use`.
    """

    def __init__(
        self,
        limits: Limits,
        counters: Counters,
        preparers: Executor,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """`preparers` runs what takes long before a batch can start."""
        self._counters = counters
        self._preparers = preparers
        self._clock_ns = clock_ns
        self._lock = threading.Lock()
        self._one_less = threading.Condition(self._lock)
        self._engine: Engine | None = None
        self._sizes = BatchSizes()
        self._outlook = Outlook()
        self._refusal: OipError | None = None
        self._waiting = Waiting(limits)
        self._taken_on = 0
        self._running = 0
        self._this_thread = threading.local()

    def use(self, engine: Engine, sizes: BatchSizes) -> None:
        """Compute with this engine; what has come meanwhile waits for it."""
        with self._lock:
            self._sizes = sizes
            self._outlook = Outlook(sizes.single_ns)
            self._engine = engine
        engine.on_free(self._pump)
        self._pump()

    def submit(self, work: Work) -> None:
        """Have a request computed. Raises OipError when it is refused: TOO_LATE, OVERLOADED, TOO_LARGE or UNAVAILABLE.

        When the queue is full the request with the latest deadline goes, be it this one or one that waits.
        """
        with self._lock:
            if self._refusal is not None:
                raise self._refusal
            if self._is_late(work, work.count):
                raise too_late()
            _, pushed_out = self._waiting.add(work)
            self._taken_on += 1
        for other in pushed_out:
            self._fail(other, OipError(Status.OVERLOADED, "the queue is full and this request had the latest deadline"))
        self._pump()

    def look_after(self) -> None:
        """Refuse what has become hopeless, and have the engine look after batches that its device may have failed.

        To be called now and then: a device that fails silently gives nobody a reason to come here.
        """
        with self._lock:
            late = self._take_out_late()
        self._refuse(late)
        engine = self._engine
        if engine is not None and self._running and (batch := self._acquired(engine)) is not None:
            batch.release()
        self._pump()

    def close(self, refusal: OipError, patience_s: float = 0.0) -> None:
        """Refuse new requests, finish those taken on within `patience_s`, and fail the ones that still wait then."""
        with self._lock:
            self._refusal = refusal
            self._one_less.wait_for(lambda: not self._taken_on, patience_s)
            self._engine = None
        self._fail_all_that_wait(refusal)

    def _pump(self) -> None:
        """Start batches while the engine has a free one and requests wait."""
        if getattr(self._this_thread, "pumps", False):
            return  # a batch was given back within the loop below, which looks again anyway
        self._this_thread.pumps = True
        try:
            # `close` may take the engine away at any time; this one is good until its batches are back.
            while self._waiting and (engine := self._engine) is not None and (batch := self._acquired(engine)) is not None:
                self._lend(engine, batch)
        except Exception:  # whoever brings a request must not be told that another's failed
            log.exception("a batch could not be started")
        finally:
            self._this_thread.pumps = False

    def _acquired(self, engine: Engine) -> Batch | None:
        """A free batch. An engine that raises instead fails all that wait for it."""
        try:
            return engine.acquire()
        except Exception as error:  # noqa: BLE001 (whatever a backend raises fails these requests, counted and logged)
            self._fail_all_that_wait(as_oip_error(error))
            return None

    def _lend(self, engine: Engine, batch: Batch) -> None:
        """Give the batch to the requests whose turn it is, or back."""
        lent_ns = self._clock_ns()
        with self._lock:
            late = self._take_out_late()
            pieces = self._waiting.take(self._size(engine)) if self._waiting else []
            self._running += bool(pieces)
        self._refuse(late)
        if not pieces:
            batch.release()
        elif any(entry.work.slow for entry, _ in pieces):
            self._prepare(engine, batch, pieces, lent_ns)
        else:
            self._start(engine, batch, pieces, lent_ns)

    def _prepare(self, engine: Engine, batch: Batch, pieces: Sequence[Piece], lent_ns: int) -> None:
        """Have a thread of the pool start the batch."""

        def start() -> None:
            try:
                self._start(engine, batch, pieces, lent_ns)
            except Exception:
                log.exception("a batch could not be started")

        try:
            self._preparers.submit(start)
        except RuntimeError:  # the pool was shut down
            self._give_up(batch, pieces, OipError(Status.UNAVAILABLE, "the server is closing"))

    def _size(self, engine: Engine) -> int:
        """How many pictures to take: an idle queue's share of what waits, and no size that loses. Lock is held."""
        idle_queues = max(1, _queues(engine) - self._running)
        return self._sizes.at_most(-(-self._waiting.pictures // idle_queues))

    def _take_out_late(self) -> list[Entry]:
        """Requests that can no longer make it, which wait no more. Lock is held."""
        return self._waiting.take_out(lambda entry: self._is_late(entry.work, entry.work.count - entry.put))

    def _is_late(self, work: Work, pictures: int) -> bool:
        """Whether so many pictures can no longer be computed by the request's deadline. Lock is held."""
        at_once = self._sizes.sizes[-1] * (1 if self._engine is None else _queues(self._engine))
        return self._outlook.is_late(self._clock_ns(), work.deadline_ns, -(-pictures // at_once), idle=not self._running)

    def _start(self, engine: Engine, batch: Batch, taken: Sequence[Piece], lent_ns: int) -> None:
        taken_ns = self._clock_ns()
        pieces = self._put(engine, batch, taken)
        if not pieces:
            self._end(batch)
            return
        stamps = _Stamps(lent_ns, taken_ns, self._clock_ns())

        def done(batch: Batch, outputs: Outputs, times: InferenceTimes, error: Exception | None) -> None:
            self._finish(batch, pieces, stamps, outputs, times, error)

        try:
            batch.start(len(pieces), done, _latest_deadline_ns(pieces))
        except Exception as error:  # noqa: BLE001 (whatever a backend raises fails these requests, counted and logged)
            self._give_up(batch, pieces, as_oip_error(error))

    def _give_up(self, batch: Batch, pieces: Sequence[Piece], error: OipError) -> None:
        """The batch will not be computed."""
        for entry, _ in pieces:
            self._leave(entry, error)
        self._end(batch)

    def _put(self, engine: Engine, batch: Batch, taken: Sequence[Piece]) -> list[Piece]:
        """Write the pictures into the batch's slots. One that cannot be read fails its own request alone."""
        pieces: list[Piece] = []
        for entry, picture in taken:
            if entry.over:
                self._leave(entry)
                continue
            try:
                entry.work.put(picture, engine, batch, len(pieces))
            except Exception as error:  # noqa: BLE001 (answered with a status, counted and logged)
                self._leave(entry, as_oip_error(error))
            else:
                pieces.append((entry, picture))
        return pieces

    def _finish(
        self,
        batch: Batch,
        pieces: Sequence[Piece],
        stamps: _Stamps,
        outputs: Outputs,
        times: InferenceTimes,
        error: Exception | None,
    ) -> None:
        if error is None:
            failures = [_read(piece, outputs, index) for index, piece in enumerate(pieces)]
        else:
            failures = [as_oip_error(error)] * len(pieces)
        read_ns = self._clock_ns()
        with self._lock:
            for entry, _ in pieces:
                entry.work.clock.batch(stamps.taken_ns, stamps.filled_ns, times, read_ns)
            if error is None:
                self._outlook.note(read_ns - stamps.lent_ns)
        if error is None:
            preprocess_ns = stamps.filled_ns - stamps.taken_ns + times.preprocess_ns
            postprocess_ns = times.postprocess_ns + read_ns - times.ended_ns
            self._counters.batch(len(pieces), preprocess_ns, times.inference_ns, postprocess_ns)
        for (entry, _), failure in zip(pieces, failures, strict=True):
            self._leave(entry, failure)
        self._end(batch)

    def _end(self, batch: Batch) -> None:
        with self._lock:
            self._running -= 1
        batch.release()

    def _leave(self, entry: Entry, error: OipError | None = None) -> None:
        """A picture is done with; with it perhaps its request."""
        if error is not None:
            self._fail(entry, error, leaving=1)
            return
        with self._lock:
            entry.left -= 1
            complete = not entry.left and not entry.over
            entry.over |= complete
        if complete:
            entry.work.answer()
        self._settle(entry, leaving=1)

    def _fail_all_that_wait(self, error: OipError) -> None:
        with self._lock:
            waiting = self._waiting.take_out(_everything)
        for entry in waiting:
            self._fail(entry, error)

    def _refuse(self, late: Sequence[Entry]) -> None:
        for entry in late:
            self._fail(entry, too_late())

    def _fail(self, entry: Entry, error: OipError, leaving: int = 0) -> None:
        """The request gets no answer, unless that was said before."""
        with self._lock:
            first = not entry.over
            entry.over = True
            self._waiting.remove(entry)
        if first:
            entry.work.fail(error)
        self._settle(entry, leaving)

    def _settle(self, entry: Entry, leaving: int) -> None:
        """`leaving` of the request's pictures are at work no more; when that was all there is to it, let go of it."""
        with self._lock:
            entry.at_work -= leaving
            if entry.settled or not entry.over or entry.at_work:
                return
            entry.settled = True
            self._waiting.let_go(entry)
            self._taken_on -= 1
            self._one_less.notify_all()
        entry.work.release()


def _everything(entry: Entry) -> bool:
    return True


def _queues(engine: Engine) -> int:
    """Batches that an engine computes at once: it has two for each, of which one is being filled."""
    return max(1, engine.info.batches // 2)


def _read(piece: Piece, outputs: Outputs, index: int) -> OipError | None:
    """Read one picture's answer; what went wrong, if anything did."""
    entry, picture = piece
    if entry.over:
        return None
    try:
        entry.work.read(picture, outputs, index)
    except Exception as error:  # noqa: BLE001 (answered with a status, counted and logged)
        return as_oip_error(error)
    return None


def _latest_deadline_ns(pieces: Sequence[Piece]) -> int | None:
    """Only when it has passed is the batch of no use to anybody."""
    deadlines = [entry.work.deadline_ns for entry, _ in pieces]
    known = [deadline for deadline in deadlines if deadline is not None]
    return max(known) if len(known) == len(deadlines) else None
