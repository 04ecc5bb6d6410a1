"""One client of the server under attack: sends what it is told, and looks at everything that comes back."""

from __future__ import annotations

import http.client
import socket
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass

import grpc
from google.protobuf.message import Message

from camslice.engine.oip.descriptors import SERVICE, calls, message_class

TOKEN = "fuzz-8d1c2f0a6b7e4593-secret"
HANG_S = 30.0
"""An answer that takes longer is none."""
HTTP_STATUSES = {200, 400, 401, 404, 405, 409, 413, 429, 501, 503, 504}
"""Those that the documentation names, less 500: nothing that a client sends may be the server's defect."""
GRPC_STATUSES = {
    grpc.StatusCode.OK, grpc.StatusCode.CANCELLED, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.NOT_FOUND, grpc.StatusCode.ALREADY_EXISTS, grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNIMPLEMENTED,
}  # fmt: skip
_ADMITTED = ("authorization", f"Bearer {TOKEN}")


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` is a gRPC status name or an HTTP status code; `body` the answer, or what was said instead."""

    status: str
    body: bytes


class Target:
    """Not thread-safe: one per thread. Owns its connections until `close`. `seen` counts (kind of attack, status)."""

    def __init__(self, grpc_address: str, http_address: str, number: int) -> None:
        self.number = number
        self.kind = ""
        self.seen: Counter[tuple[str, str]] = Counter()
        self.held: list[socket.socket] = []
        """Connections that stay half-used while others work."""
        self._addresses = {"grpc": grpc_address, "http": http_address}
        self._channel = grpc.insecure_channel(
            grpc_address, [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1)]
        )
        self._calls = {name: self._channel.unary_unary(f"/{SERVICE}/{name}") for name in (*calls(), "Nothing")}
        self._stream = self._channel.stream_stream(f"/{SERVICE}/ModelStreamInfer")
        self._http = http.client.HTTPConnection(http_address, timeout=HANG_S)

    def close(self) -> None:
        """Let go of every connection."""
        self._channel.close()
        self._http.close()
        while self.held:
            self.held.pop().close()

    def ask(self, name: str, message: Message | bytes, deadline_s: float = HANG_S, token: str | None = TOKEN) -> Answer:
        """One gRPC call and its answer."""
        return self.wait(self.begin(name, message, deadline_s, token))

    def begin(self, name: str, message: Message | bytes, deadline_s: float = HANG_S, token: str | None = TOKEN) -> grpc.Future:
        """A gRPC call whose answer is waited for later, or never."""
        body = message if isinstance(message, bytes) else message.SerializeToString()
        metadata = () if token is None else (("authorization", f"Bearer {token}"),)
        return self._calls[name].future(body, timeout=deadline_s, metadata=metadata)

    def wait(self, call: grpc.Future) -> Answer:
        """The answer to a call that was begun."""
        began_s = time.monotonic()
        try:
            body, status, said = call.result(HANG_S), grpc.StatusCode.OK, ""
        except grpc.RpcError:
            body, status, said = b"", call.code(), call.details() or ""
        except grpc.FutureCancelledError:
            body, status, said = b"", grpc.StatusCode.CANCELLED, ""
        assert status in GRPC_STATUSES, f"{status}: {said}"
        if status is grpc.StatusCode.UNAVAILABLE:
            assert said.startswith(("model ", "the server is ")), f"the connection broke: {said}"
        return self._checked(Answer(status.name, body or said.encode()), began_s)

    def stream(self, bodies: Iterable[bytes], stop_after: int | None = None, deadline_s: float = HANG_S) -> list[Message]:
        """What a stream of requests is answered; it is broken off after so many answers."""
        call = self._stream(iter(bodies), timeout=deadline_s, metadata=(_ADMITTED,))
        answers: list[Message] = []
        began_s = time.monotonic()
        try:
            for body in call if stop_after is None or stop_after > 0 else ():
                answers.append(message_class("ModelStreamInferResponse").FromString(body))
                status = answers[-1].infer_response.parameters["status"].string_param if answers[-1].error_message else "OK"
                assert status != "internal", answers[-1].error_message
                self._checked(Answer(f"stream {status}", body), began_s)
                if len(answers) == stop_after:
                    break
            else:
                return answers
        except grpc.RpcError:
            assert call.code() in GRPC_STATUSES, f"{call.code()}: {call.details()}"
            self._checked(Answer(f"stream ends {call.code().name}", (call.details() or "").encode()), began_s)
        call.cancel()
        return answers

    def http(
        self,
        method: str,
        path: str,
        body: bytes | Iterator[bytes] = b"",
        headers: Mapping[str, str] | None = None,
        token: str = TOKEN,
    ) -> Answer:
        """One HTTP request and its answer."""
        began_s = time.monotonic()
        given = {"Authorization": f"Bearer {token}"} | dict(headers or {})
        for again in (True, False):  # a server may hang up on a connection that was idle
            try:
                self._http.request(method, path, body, given)
                response = self._http.getresponse()
                answer = Answer(str(response.status), response.read())
            except (http.client.HTTPException, ConnectionError):
                self._http.close()
                if not again or not isinstance(body, bytes):
                    raise
            else:
                break
        assert int(answer.status) in HTTP_STATUSES, f"{method} {path} -> {answer}"
        return self._checked(Answer(f"HTTP {answer.status}", answer.body), began_s)

    def raw(
        self, door: str, pieces: Sequence[bytes], *, half_close: bool = False, hold: bool = False, listen_s: float = 0.05
    ) -> None:
        """Bytes straight onto a connection, to whatever end. `hold` leaves it open."""
        connection = self.connect(door)
        began_s = time.monotonic()
        heard = b""
        with suppress(OSError):  # the server may have hung up
            for piece in pieces:
                connection.sendall(piece)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
            connection.settimeout(listen_s)
            with suppress(TimeoutError):
                heard = connection.recv(65_536)
        words = heard[9:12].decode("latin-1") if heard.startswith(b"HTTP/1.1 ") else ""
        assert not words or int(words) in HTTP_STATUSES, heard
        self._checked(Answer(f"raw HTTP {words}" if words else "raw, answered" if heard else "raw, no answer", heard), began_s)
        if hold:
            self.held.append(connection)
            del self.held[:-_MOST_HELD]
        else:
            connection.close()

    def endless(self, head: bytes, chunk: bytes, most: int) -> None:
        """Go on uploading until the server says something, hangs up, or has had `most` bytes."""
        began_s, sent, heard = time.monotonic(), 0, b""
        with closing(self.connect("http")) as connection, suppress(ConnectionError):
            connection.sendall(head)
            connection.settimeout(0)
            while not heard:
                with suppress(BlockingIOError):
                    heard = connection.recv(65_536)
                    break
                connection.settimeout(HANG_S)
                connection.sendall(chunk)
                connection.settimeout(0)
                sent += len(chunk)
                assert sent < most, f"{sent} bytes were taken"
        self._checked(Answer(f"upload {heard[:12].decode('latin-1')}", heard), began_s)

    def connect(self, door: str) -> socket.socket:
        """A bare connection to the gRPC or the HTTP address."""
        host, _, port = self._addresses[door].rpartition(":")
        return socket.create_connection((host, int(port)), timeout=HANG_S)

    def _checked(self, answer: Answer, began_s: float) -> Answer:
        took_s = time.monotonic() - began_s
        assert took_s < HANG_S, f"{answer.status} after {took_s:.0f} s"
        assert b"Traceback" not in answer.body, answer
        assert TOKEN.encode() not in answer.body, answer
        self.seen[self.kind, answer.status] += 1
        return answer


_MOST_HELD = 16
