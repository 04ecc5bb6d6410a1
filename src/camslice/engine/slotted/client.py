"""The engine as a worker process has it: its slots lie in memory shared with the process that runs the model."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
import time
from collections.abc import Callable

from camslice.engine.batch_pool import BatchPool
from camslice.engine.fitting import fitted
from camslice.engine.protocol import EngineInfo, InferenceTimes, OnDone, Outputs
from camslice.engine.slotted.address import connect
from camslice.engine.slotted.memory import BatchMemory, map_memory
from camslice.engine.slotted.wire import MAX_MESSAGE_BYTES, MOVE, Done, Hello, Outcome, Start, Welcome, WireError
from camslice.fleet.errors import EngineAwayError, EngineError, TooLateError
from camslice.fleet.geometry import Letterbox, Region
from camslice.models.model import ModelInfo
from camslice.video.backoff import Backoff
from camslice.video.slot import Slot

log = logging.getLogger(__name__)

LOAD_PATIENCE_S = 120.0
CLOSE_PATIENCE_S = 5.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.02, 0.5


class SlotEngine:
    """A model that another process of this host runs. Owns one thread, which keeps the connection, and calls `on_done`.

    When that process ends, running batches end with EngineAwayError and `acquire` lends nothing until the connection stands
    again. Thread-safe.
    """

    def __init__(
        self,
        address: str,
        model_name: str,
        info: ModelInfo,
        batches: int | None = None,
        *,
        patience_s: float = LOAD_PATIENCE_S,
    ) -> None:
        """`batches` None: as many as the engine itself has. Raises EngineError when it is not there after `patience_s`."""
        self._address = address
        self._model = info
        self._hello = Hello(model_name, info.sha256, info.input.width, info.input.height, batches or 0)
        self._wake: Callable[[], None] = _nobody
        self._current: _Session | None = None
        self._lending: _Session | None = None  # the current one, unless it is to end
        self._info: EngineInfo | None = None
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._closing = threading.Event()
        self._met = threading.Event()
        self._thread = threading.Thread(target=self._stay_connected, name=f"slots-{model_name}", daemon=True)
        self._thread.start()
        if not self._met.wait(patience_s):
            self.close()
            raise EngineError(f"model {model_name}: its engine process has not loaded it after {patience_s:g} s")

    @property
    def info(self) -> EngineInfo:
        """What is running, over there; `batches` are those of this worker."""
        if self._info is None:
            raise EngineAwayError(f"model {self._hello.model}: its engine process has not answered yet")
        return self._info

    def fit(self, region: Region) -> Letterbox:
        """Scaled to the input's size and to whole chroma samples."""
        wanted = self._model.input
        return fitted(region, wanted.width, wanted.height, centred=wanted.centred, even=True)

    def acquire(self) -> _Batch | None:
        """Lend a free batch, or None when all are out or the engine process is away."""
        session = self._lending
        return session.pool.lend() if session else None

    def on_free(self, wake: Callable[[], None]) -> None:
        """Have `wake` called whenever a batch comes back, and when the engine process does."""
        self._wake = wake

    def close(self) -> None:
        """Wait for running batches and hang up."""
        self._wake = _nobody
        self._closing.set()
        self._leave()
        if self._current is not None:
            self._thread.join(CLOSE_PATIENCE_S)
        with self._lock:
            if self._socket is not None:
                _hang_up(self._socket)
        self._thread.join()

    def _stay_connected(self) -> None:
        """The engine's thread: connect, take in answers until the other end is gone, and again."""
        pauses = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
        while not self._closing.is_set():
            try:
                connection = connect(self._address)
            except EngineAwayError as error:
                log.debug("model %s: %s", self._hello.model, error)
            else:
                with contextlib.closing(connection):
                    if self._use(connection):
                        pauses.reset()
            self._closing.wait(pauses.next_s())

    def _use(self, connection: socket.socket) -> bool:
        """Live with one connection until it ends. Whether the engine process let us in."""
        with self._lock:
            if self._closing.is_set():
                return False
            self._socket = connection
        try:
            session = self._greet(connection)
            if session is not None:
                self._live(session)
        finally:
            with self._lock:
                self._socket = None
        if session is not None and not session.left and not self._closing.is_set():
            log.warning("model %s: its engine process is away; looking for it", self._hello.model)
        return session is not None

    def _live(self, session: _Session) -> None:
        session.pool.on_free(self._tell)
        self._current = self._lending = session
        if self._closing.is_set():
            self._leave()
        self._met.set()
        self._wake()
        session.take_answers(on_move=self._leave)
        self._current = self._lending = None
        session.end()

    def _leave(self) -> None:
        """Lend nothing more from this session, and have it end when every batch is back."""
        session, self._lending = self._current, None
        if session is not None:
            session.leave()

    def _tell(self) -> None:
        """Wake whoever wants to know by now."""
        self._wake()

    def _greet(self, connection: socket.socket) -> _Session | None:
        """Come in; None when the engine process hangs up on us or ends before our model is loaded."""
        try:
            connection.send(self._hello.packed())
            packet, descriptors, _, _ = socket.recv_fds(connection, MAX_MESSAGE_BYTES, 1, socket.MSG_CMSG_CLOEXEC)
            welcome, memory = _unwrapped(packet, descriptors)
        except (OSError, ValueError, WireError) as error:
            log.debug("model %s: no engine process let us in: %s", self._hello.model, error)
            return None
        self._info = welcome.info
        return _Session(connection, welcome.plan.batch_memories(memory, self._model.input.pad))


class _Session:
    """One connection and the batches behind it. Those lent when it ends keep their memory until they are released."""

    def __init__(self, connection: socket.socket, memories: list[BatchMemory]) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._ended = False
        self._leaving = False
        self._collected = 0
        self.pool = BatchPool[_Batch]()
        self._batches = [_Batch(self, index, memory) for index, memory in enumerate(memories)]
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

    def take_back(self, batch: _Batch) -> None:
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
                _hang_up(self._connection)


class _Batch:
    """Slots in shared memory."""

    def __init__(self, session: _Session, index: int, memory: BatchMemory) -> None:
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


def _unwrapped(packet: bytes, descriptors: list[int]) -> tuple[Welcome, memoryview]:
    """The welcome and the memory that came with it. Raises OSError, ValueError or WireError for anything else."""
    try:
        if not descriptors:
            raise WireError("no memory came with the welcome")
        welcome = Welcome.unpacked(packet)
        return welcome, map_memory(descriptors[0], welcome.plan.size)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _away() -> EngineAwayError:
    return EngineAwayError("the engine process went away")


def _hang_up(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _nobody() -> None:
    """Nobody waits for a free batch."""
