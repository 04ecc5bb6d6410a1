"""One gRPC channel: questions that wait for their answer, and inference that calls back.

gRPC's blocking interface with futures, not `grpc.aio`: whoever has filled a batch sends it from its own thread, and the
channel's one thread calls back. No event loop stands between a frame and the wire.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from google.protobuf.message import Message

from camslice.engine.oip.client.address import Address, address_of
from camslice.engine.oip.client.refusals import refusal
from camslice.engine.oip.client.request import Request
from camslice.engine.oip.descriptors import SERVICE, calls, message_class
from camslice.fleet.errors import EngineAwayError, EngineError
from camslice.fleet.types import Server

if TYPE_CHECKING:
    import grpc

QUESTION_PATIENCE_S = 5.0
_LEAST_PATIENCE_S = 1.0
"""A question that is asked at all has so long: less would say of no server whether it is there."""

OnAnswer = Callable[[Message | EngineError], None]
"""Gets a `ModelInferResponse`, or why there is none."""


class Connection:
    """A channel to a server. Owns gRPC's channel and its thread until `close`, which ends running calls. Thread-safe."""

    def __init__(self, server: Server, until_s: float = math.inf) -> None:
        """Connects with the first call. Questions are given up at `until_s` (monotonic) at the latest, but for a last one.

        Raises EngineError when a certificate cannot be read.
        """
        self._until_s = until_s
        self.address: Address = address_of(server.url)
        self._channel = _channel(self.address, server)
        self._metadata = (("authorization", f"Bearer {server.token}"),) if server.token else ()
        answer = message_class("ModelInferResponse")
        self._infer = self._channel.unary_unary(f"/{SERVICE}/ModelInfer", response_deserializer=answer.FromString)

    def ask(self, call: str, patience_s: float = QUESTION_PATIENCE_S, **fields: object) -> Message:
        """Make one call and wait. `fields` are those of its request. Raises what `refusal` makes of a status."""
        request, answer = calls()[call]
        stub = self._channel.unary_unary(f"/{SERVICE}/{call}", response_deserializer=answer.FromString)
        left_s = max(_LEAST_PATIENCE_S, self._until_s - time.monotonic())
        return self._wait_for(stub, request(**fields).SerializeToString(), min(patience_s, left_s))

    def settle(self) -> None:
        """From now on every question has its whole patience."""
        self._until_s = math.inf

    def infer_and_wait(self, request: Request, patience_s: float) -> Message:
        """Send a request, wait for its `ModelInferResponse`. Raises what `refusal` makes of a status."""
        return self._wait_for(self._infer, request.body, patience_s)

    def infer(self, request: Request, patience_s: float, on_answer: OnAnswer, *, hurried: bool) -> None:
        """Send a request as a call of its own. `on_answer` is called once, from the channel's thread.

        Raises EngineAwayError when the channel is closed already.
        """
        try:
            future = self._infer.future(request.body, timeout=patience_s, metadata=self._metadata)
        except ValueError:
            raise self._closed() from None
        future.add_done_callback(partial(self._answered, on_answer, hurried))

    def stream(self, requests: Iterator[bytes]) -> grpc.CallIterator[Message]:
        """Send serialised `ModelInferRequest`s over one call, from a thread of gRPC's; iterate its `ModelStreamInferResponse`s.

        Raises EngineAwayError when the channel is closed already; iterating raises gRPC's own error when the call ends.
        """
        answer = message_class("ModelStreamInferResponse")
        stub = self._channel.stream_stream(f"/{SERVICE}/ModelStreamInfer", response_deserializer=answer.FromString)
        try:
            return stub(requests, metadata=self._metadata)
        except ValueError:
            raise self._closed() from None

    def _wait_for(self, stub: grpc.UnaryUnaryMultiCallable, request: bytes, patience_s: float) -> Message:
        import grpc

        try:
            return stub(request, timeout=patience_s, metadata=self._metadata)
        except grpc.RpcError as error:
            raise refusal(self.address.url, error.code().name, error.details() or "", hurried=False) from None
        except ValueError:
            raise self._closed() from None

    def _answered(self, on_answer: OnAnswer, hurried: bool, call: grpc.Future) -> None:
        code = call.code().name
        on_answer(call.result() if code == "OK" else refusal(self.address.url, code, call.details() or "", hurried=hurried))

    def _closed(self) -> EngineAwayError:
        return EngineAwayError(f"{self.address.url}: the connection is closed")

    def close(self) -> None:
        """Hang up. Calls without an answer end with EngineAwayError."""
        self._channel.close()


def _channel(address: Address, server: Server) -> grpc.Channel:
    import grpc

    options: Mapping[str, int] = {
        "grpc.max_send_message_length": -1,
        "grpc.max_receive_message_length": -1,
        "grpc.enable_http_proxy": 0 if address.same_host else 1,
        "grpc.use_local_subchannel_pool": 1,  # a new channel is to try anew, not to wait as long as an old one would
    }
    if not address.secure:
        return grpc.insecure_channel(address.target, tuple(options.items()))
    credentials = grpc.ssl_channel_credentials(_pem(server.ca), _pem(server.key), _pem(server.certificate))
    return grpc.secure_channel(address.target, credentials, tuple(options.items()))


def _pem(path: str | None) -> bytes | None:
    if path is None:
        return None
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise EngineError(f"certificate {path}: cannot be read ({error.strerror}); correct `server` in the fleet.") from None
