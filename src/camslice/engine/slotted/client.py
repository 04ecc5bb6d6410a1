"""The engine as a worker process has it: its slots lie in memory shared with the process that runs the model."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
from collections.abc import Callable

from camslice.engine.fitting import fitted
from camslice.engine.protocol import EngineInfo
from camslice.engine.slotted.address import connect
from camslice.engine.slotted.memory import map_memory
from camslice.engine.slotted.session import Session, SlotBatch, hang_up
from camslice.engine.slotted.wire import MAX_MESSAGE_BYTES, Hello, Welcome, WireError
from camslice.fleet.errors import EngineAwayError, EngineError
from camslice.fleet.geometry import Letterbox, Region
from camslice.models.model import ModelInfo
from camslice.video.backoff import Backoff

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
        self._current: Session | None = None
        self._lending: Session | None = None  # the current one, unless it is to end
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

    def acquire(self) -> SlotBatch | None:
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
                hang_up(self._socket)
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

    def _live(self, session: Session) -> None:
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

    def _greet(self, connection: socket.socket) -> Session | None:
        """Come in; None when the engine process hangs up on us or ends before our model is loaded."""
        try:
            connection.send(self._hello.packed())
            packet, descriptors, _, _ = socket.recv_fds(connection, MAX_MESSAGE_BYTES, 1, socket.MSG_CMSG_CLOEXEC)
            welcome, memory = _unwrapped(packet, descriptors)
        except (OSError, ValueError, WireError) as error:
            log.debug("model %s: no engine process let us in: %s", self._hello.model, error)
            return None
        self._info = welcome.info
        return Session(connection, welcome.plan.batch_memories(memory, self._model.input.pad))


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


def _nobody() -> None:
    """Nobody waits for a free batch."""
