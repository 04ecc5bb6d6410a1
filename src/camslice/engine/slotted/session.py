"""One connection of a worker to its engine process, and the batches that lie in the memory shared over it."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable

from camslice.engine.batch_pool import BatchPool
from camslice.engine.protocol import InferenceTimes, OnDone, Outputs
from camslice.engine.slotted.memory import BatchMemory
from camslice.engine.slotted.wire import MAX_MESSAGE_BYTES, MOVE, Done, Outcome, Start, WireError
from camslice.fleet.errors import EngineAwayError, EngineError, TooLateError
from camslice.fleet.geometry import Letterbox
from camslice.video.slot import Slot

log = logging.getLogger(__name__)


class Session:
    """One connection and the batches behind it. Those lent when it ends keep their memory until they are released."""

    def __init__(self, connection: socket.socket, memories: list[BatchMemory]) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._ended = False
        self._leaving = False
        self._collected = 0
        self.pool = BatchPool[SlotBatch]()
        self._batches = [SlotBatch(self, index, memory) for index, memory in enumerate(memories)]
        for batch in self._batches:
            self.pool.add(batch)

    def say(self, message: Start) -> bool:
        """Send; False when there is nobody to send it to any more."""
        with self._lock:
            if self._ended:
                return False
            try:
                self._connection.send(message.packed())
            except OSError:
                return False
            return True

    def take_answers(self, on_move: Callable[[], None]) -> None:
        """Hand out answers until the other end is gone."""
        try:
            while packet := self._connection.recv(MAX_MESSAGE_BYTES):
                if packet == MOVE:
                    on_move()
                    continue
                done = Done.unpacked(packet)
                self._batches[done.batch].deliver(done)
        except (OSError, WireError, IndexError) as error:
            log.debug("the connection to the engine process broke: %s", error)

    def end(self) -> None:
        """Nothing more is sent; what runs has failed."""
        with self._lock:
            self._ended = True
        for batch in self._batches:
            batch.fail()
        self._batches.clear()
        while self.pool.lend():
            pass  # whoever still has a batch keeps its memory, nobody else does

    def leave(self) -> None:
        """Hang up as soon as every batch is back."""
        self._leaving = True
        while self.pool.lend():
            self._collect()

    @property
    def left(self) -> bool:
        """Whether it ended, or will, because it was asked to and not because the other end went away."""
        return self._leaving

    def take_back(self, batch: SlotBatch) -> None:
        """A batch is free again."""
        if self._ended:
            return
        self.pool.take_back(batch)
        if self._leaving and self.pool.lend():
            self._collect()

    def _collect(self) -> None:
        """One batch more that nobody can borrow any more."""
        with self._lock:
            self._collected += 1
            if self._collected == len(self._batches):
                hang_up(self._connection)


class SlotBatch:
    """Slots in shared memory."""

    def __init__(self, session: Session, index: int, memory: BatchMemory) -> None:
        self._session = session
        self._index = index
        self._memory = memory
        self._count = 0
        self._on_done: list[OnDone] = []  # at most one; a list, because `pop` is atomic

    def slot_for(self, index: int, letterbox: Letterbox) -> Slot:
        """A slot of this batch, padded for `letterbox`."""
        return self._memory.slots.slot_for(index, letterbox)

    def start(self, count: int, on_done: OnDone, deadline_ns: int | None = None) -> None:
        """Have the engine process run the first `count` slots. Raises EngineAwayError when it is not there."""
        self._count = count
        self._on_done.append(on_done)
        if self._session.say(Start(self._index, count, deadline_ns)):
            return
        with contextlib.suppress(IndexError):  # the end of the session was faster and has delivered it
            self._on_done.pop()
            raise _away()

    def release(self) -> None:
        """Back to its session."""
        self._session.take_back(self)

    def deliver(self, done: Done) -> None:
        """An answer came. Its way from there to here is waiting as well."""
        times, now_ns = done.times, time.monotonic_ns()
        here = InferenceTimes(
            times.began_ns,
            now_ns,
            times.network_ns,
            times.queue_ns + now_ns - times.ended_ns,
            times.preprocess_ns,
            times.postprocess_ns,
            times.others_ns,
        )
        match done.outcome:
            case Outcome.ANSWERED:
                self._call([output[: self._count] for output in self._memory.outputs], here, None)
            case Outcome.FAILED:
                self._call([], here, EngineError(done.reason))
            case Outcome.TOO_LATE:
                self._call([], here, TooLateError(done.reason))

    def fail(self) -> None:
        """The engine process is gone: if this batch was running, it has failed."""
        now_ns = time.monotonic_ns()
        self._call([], InferenceTimes(now_ns, now_ns), _away())

    def _call(self, outputs: Outputs, times: InferenceTimes, error: Exception | None) -> None:
        try:
            on_done = self._on_done.pop()
        except IndexError:
            return
        try:
            on_done(self, outputs, times, error)
        except Exception:
            log.exception("a result could not be taken")


def _away() -> EngineAwayError:
    return EngineAwayError("the engine process went away")


def hang_up(connection: socket.socket) -> None:
    """End a connection, so that whoever reads from it notices."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
