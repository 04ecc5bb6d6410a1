"""Requests over one stream: a call for all of them instead of a call for each.

What a call costs beside its message (headers both ways, a handler, a deadline, an end) is then paid once per session. It takes
a server that keeps to the protocol's rules for streams, so each session tries one before it relies on it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from queue import SimpleQueue

from google.protobuf.message import Message

from camslice.engine.oip.client.connection import Connection, OnAnswer
from camslice.engine.oip.client.in_flight import InFlight, Waiting
from camslice.engine.oip.client.patience import Patience
from camslice.engine.oip.client.refusals import refusal, refusal_in_stream
from camslice.engine.oip.client.request import Request
from camslice.fleet.errors import EngineAwayError, EngineError, TooLateError

log = logging.getLogger(__name__)

MOST_GIVEN_UP = 32
"""So many requests that were never answered end a stream. Each has a place at the server still: ours has 64 for a stream."""
SHORTEST_S = 60.0
"""A stream that ends sooner than that while its server lives was cut by something in between."""
TRIAL_PATIENCE_S = 10.0
_CLOSE_PATIENCE_S = 5.0


class RequestStream:
    """One `ModelStreamInfer` call. Owns it, a thread that takes its answers, and one that gives up on late ones, until it ends:
    by `close`, with the connection, or by the server. Then all that is on its way ends with EngineAwayError. Thread-safe.

    Answers come in any order; their `id` says whose they are. One that nobody has asked for, or that comes twice, ends the
    stream: whoever answers so does not mean what we mean.
    """

    def __init__(self, connection: Connection, on_end: Callable[[EngineAwayError], None]) -> None:
        """`on_end` is called once, before those who wait hear of it. Raises EngineAwayError when the connection is closed."""
        self._url = connection.address.url
        self._on_end = on_end
        self._requests: SimpleQueue[Request | None] = SimpleQueue()
        self._in_flight = InFlight(self._url)
        self._closed = False
        self._opened_s = time.monotonic()
        self._lived_s = 0.0
        self.reason: EngineError | None = None
        """Why it ended: the error that a single call would have met with."""
        self._call = connection.stream(self._outgoing())
        self._patience = Patience(self._look, "oip-patience")
        self._receiver = threading.Thread(target=self._receive, name="oip-answers", daemon=True)
        self._receiver.start()

    @property
    def ended(self) -> bool:
        """Whether nothing goes over it any more."""
        return self._in_flight.ended is not None

    @property
    def cut_short(self) -> bool:
        """Whether it ended by itself, so soon that another one may, too."""
        return self.ended and not self._closed and self._lived_s < SHORTEST_S

    def infer(self, request: Request, patience_s: float, on_answer: OnAnswer, *, hurried: bool) -> None:
        """Send a request. `on_answer` is called once, from one of the two threads. Raises EngineAwayError after the end."""
        until_s = time.monotonic() + patience_s
        self._in_flight.add(request.id, Waiting(on_answer, until_s, hurried))
        self._patience.until(until_s)
        self._requests.put(request)  # last: from here on gRPC's thread wants the interpreter

    def infer_and_wait(self, requests: Sequence[Request], patience_s: float) -> list[Message]:
        """Send requests at once and wait for all their answers. Raises EngineError for the first that has none."""
        answers: list[SimpleQueue[Message | EngineError]] = []
        for request in requests:
            answers.append(SimpleQueue())
            self.infer(request, patience_s, answers[-1].put, hurried=False)
        return [_or_raised(each.get()) for each in answers]

    def close(self) -> None:
        """End the call. What is on its way ends with EngineAwayError."""
        self._closed = True
        self._call.cancel()
        if threading.current_thread() is not self._receiver:
            self._receiver.join(_CLOSE_PATIENCE_S)
        self._patience.close(_CLOSE_PATIENCE_S)

    def _outgoing(self) -> Iterator[bytes]:
        """What gRPC's thread sends. It waits while the server does not read; what was given up meanwhile it leaves out."""
        for request in iter(self._requests.get, None):
            if self._in_flight.still_waits(request.id):
                yield request.body

    def _receive(self) -> None:
        import grpc

        reason = EngineError(f"{self._url}: the server ended the stream of requests")
        try:
            for answer in self._call:
                if not self._take(answer):
                    said = f" ({answer.error_message})" if answer.error_message else ""
                    reason = EngineError(f"{self._url}: the server answered in a stream what was not asked there{said}")
                    break
        except grpc.RpcError as error:
            reason = refusal(self._url, error.code().name, error.details() or "", hurried=False)
        finally:
            self._end(reason)

    def _take(self, answer: Message) -> bool:
        about = answer.infer_response
        return self._in_flight.answered(about.id, refusal_in_stream(self._url, answer) if answer.error_message else about)

    def _look(self, now_s: float) -> float:
        next_s = self._in_flight.give_up(now_s)
        if self._in_flight.given_up >= MOST_GIVEN_UP:
            self._end(EngineError(f"{self._url}: {MOST_GIVEN_UP} requests of a stream were never answered"))
        return next_s

    def _end(self, reason: EngineError) -> None:
        if self._closed:
            reason = EngineAwayError(f"{self._url}: the connection is closed")
        if not self.ended:
            self.reason, self._lived_s = reason, time.monotonic() - self._opened_s
        self._call.cancel()
        self._requests.put(None)  # ends gRPC's thread that waits for requests
        self._in_flight.end(EngineAwayError(str(reason)), self._on_end)
        self._patience.close()


def tried(
    connection: Connection,
    requests: Sequence[Request],
    check: Callable[[Sequence[Message]], None],
    on_end: Callable[[EngineAwayError], None],
) -> RequestStream:
    """A stream that has answered `requests`, all under way together, as `check` wants it. Raises EngineError if it has not."""
    stream = RequestStream(connection, on_end)
    try:
        check(stream.infer_and_wait(requests, TRIAL_PATIENCE_S))
    except TooLateError:
        log.debug("the server is busy, and has said so over the stream")
    except EngineError as error:
        reason = stream.reason or error
        stream.close()
        raise reason from None
    return stream


def _or_raised(answer: Message | EngineError) -> Message:
    if isinstance(answer, EngineError):
        raise answer
    return answer
