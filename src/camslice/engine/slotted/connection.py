"""One worker as the engine process sees it: its socket, the memory shared with it, and its batches that run."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
from dataclasses import dataclass

from camslice.engine.protocol import Batch, InferenceTimes, Outputs
from camslice.engine.slotted.memory import BatchMemory, make_memory, map_memory
from camslice.engine.slotted.shared_engine import SharedEngine
from camslice.engine.slotted.wire import MAX_MESSAGE_BYTES, MOVE, Done, Hello, Outcome, Start, Welcome, WireError
from camslice.fleet.errors import TooLateError
from camslice.fleet.geometry import Letterbox

log = logging.getLogger(__name__)


class Connection:
    """Owns the socket and this end of the memory, until `close`. The server's thread reads, engine threads answer."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._socket = connection
        self._lock = threading.Lock()
        self._open = True
        self._memories: list[BatchMemory] = []
        self._running: set[int] = set()
        self.hello: Hello | None = None
        self.engine: SharedEngine | None = None

    def fileno(self) -> int:
        """The socket's descriptor, to be watched."""
        return self._socket.fileno()

    def read(self) -> Hello | Start | None:
        """The next message, None at the end. Raises WireError when the worker breaks the rules."""
        try:
            packet = self._socket.recv(MAX_MESSAGE_BYTES)
        except OSError:
            return None
        if not packet:
            return None
        if self.hello is None:
            self.hello = Hello.unpacked(packet)
            return self.hello
        return Start.unpacked(packet)

    def welcome(self, engine: SharedEngine) -> None:
        """Let the worker in: make its memory and hand it over. Raises OSError when the worker is gone."""
        batches = self.hello.batches if self.hello else 0
        plan = engine.plan(batches)
        descriptor = make_memory(plan.size)
        try:
            self._memories = plan.batch_memories(map_memory(descriptor, plan.size), pad=0)
            self.engine = engine
            socket.send_fds(self._socket, [Welcome(engine.info_for(batches), plan).packed()], [descriptor])
        finally:
            os.close(descriptor)

    def start(self, start: Start) -> None:
        """Have the engine run a batch. Raises WireError for one that does not exist, or runs already."""
        if self.engine is None:
            raise WireError("it does not wait to be let in")
        with self._lock:
            if start.batch >= len(self._memories) or start.batch in self._running:
                raise WireError(f"batch {start.batch} cannot be started")
            if not 1 <= start.count <= self.engine.max_batch:
                raise WireError(f"{start.count} pictures in a batch")
            self._running.add(start.batch)
            memory = self._memories[start.batch]
        self.engine.submit(_Job(self, memory, start.batch, start.count, start.deadline_ns))

    def ask_to_move(self) -> None:
        """Have the worker come in anew when its batches are done."""
        with contextlib.suppress(OSError):
            self._socket.send(MOVE)

    def finish(self, done: Done, memory: BatchMemory, outputs: Outputs) -> None:
        """Put the answers into memory and say so; into nowhere when the worker is gone."""
        for room, output in zip(memory.outputs, outputs, strict=False):
            room[: len(output)] = output
        with self._lock:
            if not self._open:
                return
            self._running.discard(done.batch)
            try:
                self._socket.send(done.packed())
            except OSError:  # it is going, or takes no answers: have the server's thread see the end of the socket
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Hang up and unmap. What runs for this worker ends into nowhere."""
        with self._lock:
            self._open = False
            self._memories = []
            self._socket.close()

    @property
    def is_open(self) -> bool:
        """Whether the worker may still get answers."""
        return self._open


@dataclass(frozen=True, slots=True)
class _Job:
    """One batch of one worker, on its way through the engine."""

    connection: Connection
    memory: BatchMemory
    batch: int
    count: int
    deadline_ns: int | None

    @property
    def is_wanted(self) -> bool:
        return self.connection.is_open

    def fill(self, batch: Batch, first: int, whole: Letterbox) -> None:
        for index in range(self.count):
            self.memory.slots.copy_to(index, batch.slot_for(first + index, whole))

    def done(self, outputs: Outputs, times: InferenceTimes, error: Exception | None) -> None:
        if error is None:
            outcome, reason = Outcome.ANSWERED, ""
        else:
            outcome = Outcome.TOO_LATE if isinstance(error, TooLateError) else Outcome.FAILED
            reason = str(error)
        self.connection.finish(Done(self.batch, outcome, times, reason), self.memory, outputs)
