"""Which requests of a stream wait for an answer, and that each of them ends once."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable
from typing import NamedTuple

from google.protobuf.message import Message

from camslice.engine.oip.client.connection import OnAnswer
from camslice.engine.oip.client.refusals import no_answer
from camslice.fleet.errors import EngineAwayError, EngineError

log = logging.getLogger(__name__)


class Waiting(NamedTuple):
    """A request that is given up at `until_s` (monotonic). `hurried`: it has a deadline of its own."""

    on_answer: OnAnswer
    until_s: float
    hurried: bool

    def take(self, answer: Message | EngineError) -> None:
        """Hand the answer over. A mistake in taking one is no reason for the others to go without theirs."""
        try:
            self.on_answer(answer)
        except Exception:
            log.exception("an answer could not be taken")


class InFlight:
    """The requests of one stream by their id. A request ends by its answer, by its patience, or with the stream, whichever
    comes first; the others then find it gone. Thread-safe; `on_answer` is called outside the lock.

    A request that was given up is remembered until its answer comes: it still has a place at the server, which holds so many
    of one stream and no more.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._waiting: dict[str, Waiting] = {}
        self._given_up: set[str] = set()
        self._ended: EngineAwayError | None = None

    @property
    def ended(self) -> EngineAwayError | None:
        """Why nothing more is taken on."""
        return self._ended

    @property
    def given_up(self) -> int:
        """Requests whose answer nobody waits for any more."""
        return len(self._given_up)

    def add(self, request_id: str, waiting: Waiting) -> None:
        """One more. Raises EngineAwayError after the end."""
        with self._lock:
            if self._ended is not None:
                raise EngineAwayError(str(self._ended))
            self._waiting[request_id] = waiting

    def still_waits(self, request_id: str) -> bool:
        """Whether it is to be sent. If not it was given up before it was, and no answer to it will come."""
        with self._lock:
            self._given_up.discard(request_id)
            return request_id in self._waiting

    def answered(self, request_id: str, answer: Message | EngineError) -> bool:
        """Hand an answer over. False when nobody has asked for it, or it has come before."""
        with self._lock:
            waiting = self._waiting.pop(request_id, None)
            if waiting is None:
                if request_id not in self._given_up:
                    return False
                self._given_up.remove(request_id)
        if waiting is not None:
            waiting.take(answer)
        return True

    def give_up(self, now_s: float) -> float:
        """End those whose patience is over at `now_s`; when it is over for the next one, `inf` if there is none."""
        with self._lock:
            over = {name: each for name, each in self._waiting.items() if each.until_s <= now_s}
            for name in over:
                del self._waiting[name]
            self._given_up.update(over)
            next_s = min((each.until_s for each in self._waiting.values()), default=math.inf)
        for each in over.values():
            each.take(no_answer(self._url, hurried=each.hurried))
        return next_s

    def end(self, reason: EngineAwayError, before: Callable[[EngineAwayError], None]) -> None:
        """Take nothing more on, call `before`, and end all that wait. Only the first call does anything."""
        with self._lock:
            if self._ended is not None:
                return
            self._ended = reason
            waiting = list(self._waiting.values())
            self._waiting.clear()
        before(reason)
        for each in waiting:
            each.take(EngineAwayError(str(reason)))
