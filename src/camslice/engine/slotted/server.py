"""The door of an engine process: workers of this host come in, each gets memory of its own and shares the engines."""

from __future__ import annotations

import logging
import os
import queue
import selectors
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable

from camslice.engine.protocol import Engine
from camslice.engine.slotted.address import is_same_user
from camslice.engine.slotted.connection import Connection
from camslice.engine.slotted.shared_engine import SharedEngine
from camslice.engine.slotted.wire import Hello, Start, WireError
from camslice.fleet.errors import EngineError

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 256
CLOSE_PATIENCE_S = 10.0
_SHORT_OF_DESCRIPTORS_S = 0.1


class SlotServer:
    """Owns one thread ("slots"), the connections and the engines given to it, until `close`. Thread-safe.

    A worker that asks for a model which is not there waits to be let in until it is. One that breaks the rules or dies loses
    its connection and what it had started; nobody else notices. Only processes of the same user get in.
    """

    def __init__(self, listener: socket.socket) -> None:
        """`listener` comes from `address.listen`; it stays the caller's."""
        listener.setblocking(False)
        self._listener = listener
        self._connections: set[Connection] = set()
        self._engines: dict[str, SharedEngine] = {}
        self._retired: set[SharedEngine] = set()
        self._busy_before_ns: Counter[str] = Counter()
        self._tasks: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._closing = False
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._bell, selectors.EVENT_READ, self._do_tasks)
        self._thread = threading.Thread(target=self._run, name="slots", daemon=True)
        self._thread.start()

    def serve(self, model_name: str, engine: Engine) -> None:
        """Serve a model, or replace the one of that name without a gap.

        Workers that want the same weights and size move to the new engine when their batches are done. Those that want what was
        there before go on with it until they hang up; with the last of them its engine is closed.

        Raises EngineError when the engine cannot be shared; it is closed then.
        """
        try:
            shared = SharedEngine(engine)
        except EngineError as error:
            engine.close()
            raise EngineError(f"model {model_name}: {error}") from error
        self._do(lambda: self._adopt(model_name, shared))

    def withdraw(self, model_name: str) -> None:
        """Serve it no more: its connections end, its engine is closed."""
        self._do(lambda: self._hang_up_on(model_name))

    def busy_ns(self) -> dict[str, int]:
        """Device time that each model served has used so far."""
        return {name: self._busy_before_ns[name] + engine.busy_ns for name, engine in list(self._engines.items())}

    def connections(self) -> int:
        """Workers that are connected, let in or not."""
        return len(self._connections)

    def waiting(self) -> int:
        """Batches that wait for an engine."""
        return sum(engine.waiting for engine in list(self._engines.values()))

    def close(self) -> None:
        """Hang up on everybody, wait for what runs, and close the engines."""
        self._do(self._end)
        self._thread.join(CLOSE_PATIENCE_S)
        os.close(self._bell)
        for engine in [*self._engines.values(), *self._retired]:
            engine.close()

    def _do(self, task: Callable[[], None]) -> None:
        """Have the server's thread do something before it looks at any later message."""
        self._tasks.put(task)
        os.eventfd_write(self._bell, 1)

    def _run(self) -> None:
        """The server's thread."""
        with self._selector:
            while not self._closing:
                events = self._selector.select()
                for key, _ in sorted(events, key=lambda event: event[0].fd != self._bell):
                    try:
                        key.data()
                    except Exception:
                        log.exception("the slot server stumbled and goes on")
        for connection in self._connections:
            connection.close()

    def _do_tasks(self) -> None:
        os.eventfd_read(self._bell)
        while not self._tasks.empty():
            self._tasks.get()()

    def _end(self) -> None:
        self._closing = True

    def _accept(self) -> None:
        try:
            accepted, _ = self._listener.accept()
        except BlockingIOError:
            return  # whoever it was is gone again
        except OSError as error:
            log.warning("a worker could not be let in: %s", error)
            time.sleep(_SHORT_OF_DESCRIPTORS_S)  # it still knocks: do not spin
            return
        if len(self._connections) >= MAX_CONNECTIONS or not is_same_user(accepted):
            log.warning("a connection was refused: %d are open, or it belongs to another user", len(self._connections))
            accepted.close()
            return
        connection = Connection(accepted)
        self._connections.add(connection)
        self._selector.register(connection, selectors.EVENT_READ, lambda: self._read(connection))

    def _read(self, connection: Connection) -> None:
        if connection not in self._connections:
            return  # dropped a moment ago, for what another event brought
        try:
            match connection.read():
                case Hello():
                    self._let_in(connection)
                case Start() as start:
                    connection.start(start)
                case None:
                    self._drop(connection)
        except WireError as error:
            log.warning("a worker was hung up on: %s", error)
            self._drop(connection)

    def _let_in(self, connection: Connection) -> None:
        """Welcome a worker if its model is here; else it waits."""
        engine = self._engine_for(connection)
        if engine is None:
            return
        try:
            connection.welcome(engine)
        except OSError as error:
            log.warning("a worker could not be let in: %s", error)
            self._drop(connection)

    def _engine_for(self, connection: Connection) -> SharedEngine | None:
        hello = connection.hello
        engine = self._engines.get(hello.model) if hello else None
        return engine if hello and engine and engine.serves(hello.sha256, hello.width, hello.height) else None

    def _drop(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._selector.unregister(connection)
        connection.close()
        self._close_unused()

    def _adopt(self, model: str, engine: SharedEngine) -> None:
        self._retire(model)
        self._engines[model] = engine
        for connection in [waiting for waiting in self._connections if waiting.engine is None]:
            self._let_in(connection)
        for connection in self._connections:
            if connection.engine is not None and connection.engine is not engine and self._engine_for(connection) is engine:
                connection.ask_to_move()
        self._close_unused()

    def _hang_up_on(self, model: str) -> None:
        self._retire(model)
        for connection in list(self._connections):
            if connection.engine is not None and connection.hello is not None and connection.hello.model == model:
                self._drop(connection)
        self._close_unused()

    def _retire(self, model: str) -> None:
        """Let nobody in to this engine any more."""
        engine = self._engines.pop(model, None)
        if engine is not None:
            self._busy_before_ns[model] += engine.busy_ns
            self._retired.add(engine)

    def _close_unused(self) -> None:
        """Close retired engines that nobody uses; a thread each, for what runs on them may take its time."""
        used = {connection.engine for connection in self._connections}
        for engine in [engine for engine in self._retired if engine not in used]:
            self._retired.discard(engine)
            threading.Thread(target=engine.close, name="closer", daemon=True).start()
