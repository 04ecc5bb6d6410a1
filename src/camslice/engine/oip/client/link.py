"""Keeps a session with a server, and finds the way back when it is lost."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from camslice.engine.oip.client.connection import Connection
from camslice.engine.oip.client.session import Session
from camslice.engine.oip.client.wanted import Wanted
from camslice.fleet.errors import CamsliceError, EngineAwayError, EngineError
from camslice.video.backoff import Backoff

log = logging.getLogger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0


class Link:
    """The session in use, or None while the server is away. Thread-safe. Owns the session, and a thread, until `close`; and
    the connection of a session that is being made, so that a server which does not answer holds up no `close`.

    A session is doubted by whoever finds the server out of reach. The thread then asks the server, and makes a new session
    when it must, with growing pauses up to `LONGEST_PAUSE_S`, for as long as it takes.
    """

    def __init__(self, wanted: Wanted, on_free: Callable[[], None], patience_s: float) -> None:
        """`on_free`: batches can be had again. Raises EngineError when the server cannot be used within `patience_s`."""
        self._wanted = wanted
        self._on_free = on_free
        self._closing = threading.Event()
        self._doubted = threading.Event()
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._session: Session | None = None
        self._kept = self._first(patience_s)
        self._session = self._kept
        self._offer = self._kept.offer
        self._thread = threading.Thread(target=self._watch, name=f"oip-{wanted.model}", daemon=True)
        self._thread.start()

    @property
    def latest(self) -> Session:
        """The session in use, or the one that was."""
        return self._kept

    @property
    def session(self) -> Session | None:
        """The session, None while the server is away."""
        return self._session

    def doubt(self, session: Session, reason: EngineError) -> None:
        """A request in this session found the server out of reach."""
        with self._lock:
            if self._session is not session:
                return  # it is doubted already, or of a former life
            self._session = None
        if not self._closing.is_set():
            log.warning("%s; looking for it", reason)
        self._doubted.set()

    def close(self) -> None:
        """Hang up. Requests on their way end with EngineAwayError."""
        with self._lock:
            self._closing.set()
            self._session = None
            latest = self._connection
        self._kept.close()  # which ends the question that the thread may be waiting for
        if latest is not None:
            latest.close()  # as this does while it makes a new session
        self._doubted.set()
        self._thread.join()
        self._kept.close()  # perhaps one that it has made meanwhile

    def _first(self, patience_s: float) -> Session:
        wanted, until_s = self._wanted, time.monotonic() + patience_s
        backoff = Backoff(FIRST_PAUSE_S, 1.0)
        while True:
            try:
                return self._new_session(until_s)
            except EngineAwayError as error:
                if time.monotonic() > until_s:
                    raise EngineError(
                        f"model {wanted.spec.name}: no server to be had at {error}; start one there (`camslice serve`), or "
                        "correct `server` in the fleet."
                    ) from None
            self._closing.wait(backoff.next_s())

    def _watch(self) -> None:
        while True:
            self._doubted.wait()
            self._doubted.clear()
            if self._closing.is_set():
                return
            since_s = time.monotonic()
            if self._kept.is_alive():
                self._closing.wait(FIRST_PAUSE_S)  # it answers, so what it will not do it may refuse again at once
            elif not self._found_again():
                return
            if self._closing.is_set():
                return
            self._session = self._kept
            log.warning("%s: back after %.1f s", self._wanted.server.url, time.monotonic() - since_s)
            self._on_free()

    def _found_again(self) -> bool:
        """Make a new session, however long it takes. False when closed meanwhile."""
        self._kept.close()
        backoff = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S)
        told = ""
        while not self._closing.is_set():
            try:
                self._kept = self._same_as_before()
            except CamsliceError as error:
                if str(error) != told:
                    told = str(error)
                    log.warning("not back yet: %s", error)
            else:
                return True
            self._closing.wait(backoff.next_s())
        return False

    def _same_as_before(self) -> Session:
        """A new session with a server that takes and answers what it did. Raises CamsliceError.

        Where a stream was cut this one does without, and the next one tries again.
        """
        session = self._new_session(stream=not self._kept.stream_was_cut)
        if session.offer == self._offer:
            return session
        session.close()
        raise EngineError(f"{self._wanted.server.url} serves {self._wanted.model} otherwise than before; load the model anew")

    def _new_session(self, until_s: float = math.inf, *, stream: bool = True) -> Session:
        with self._lock:
            if self._closing.is_set():
                raise EngineAwayError(f"{self._wanted.server.url}: the connection is closed")
            connection = self._connection = Connection(self._wanted.server, until_s)
        wanted = replace(self._wanted, stream=stream and self._wanted.stream)
        return Session(connection, wanted, self.doubt, self._on_free)
