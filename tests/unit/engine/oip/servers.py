"""A server in front of a fake service, and plain clients for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import httpx
from google.protobuf.message import Message

from camslice.engine.oip.descriptors import SERVICE, calls, message_class
from camslice.engine.oip.listen import TcpAddress
from camslice.engine.oip.server import OipServer
from camslice.engine.oip.tls import Tls
from camslice.engine.oip.wire_limits import WireLimits
from tests.unit.engine.oip.fake_service import PATIENCE_S, FakeService

LIMITS = WireLimits(message_bytes=64 << 10, structure_bytes=4 << 10, fields=20, control_bytes=1 << 10, read_s=5)
"""Small, so that tests are."""


@contextmanager
def serving(
    service: FakeService,
    *,
    tls: Tls | None = None,
    token: str | None = None,
    limits: WireLimits = LIMITS,
    open_metrics: bool = False,
) -> Iterator[OipServer]:
    local = TcpAddress("127.0.0.1", 0)
    server = OipServer(service, local, local, tls, token, limits, open_metrics=open_metrics)
    server.start()
    try:
        yield server
    finally:
        server.stop(grace_s=1)


class GrpcClient:
    """Sends messages, or bytes that are none."""

    def __init__(self, channel: grpc.Channel, token: str | None = None) -> None:
        self.channel = channel
        self._metadata = [("authorization", f"Bearer {token}")] if token else []

    def call(
        self, name: str, request: Message | bytes | None = None, timeout_s: float = PATIENCE_S, **options: object
    ) -> Message:
        """The answer of a call, the request being empty unless given. Raises grpc.RpcError."""
        asked, answered = calls()[name]
        body = request if isinstance(request, bytes) else (request or asked()).SerializeToString()
        send = self.channel.unary_unary(f"/{SERVICE}/{name}")
        return answered.FromString(send(body, timeout=timeout_s, metadata=self._metadata, **options))

    def refusal(self, name: str, request: Message | bytes | None = None, **options: object) -> tuple[grpc.StatusCode, str]:
        """How a call that must fail ends."""
        try:
            answer = self.call(name, request, **options)
        except grpc.RpcError as error:
            return error.code(), error.details()
        raise AssertionError(f"{name} was answered: {answer}")


@contextmanager
def grpc_client(
    server: OipServer, credentials: grpc.ChannelCredentials | None = None, token: str | None = None
) -> Iterator[GrpcClient]:
    options = [("grpc.max_send_message_length", -1)]
    address = str(server.grpc_address)
    opened = (
        grpc.insecure_channel(address, options) if credentials is None else grpc.secure_channel(address, credentials, options)
    )
    with opened as channel:
        yield GrpcClient(channel, token)


@contextmanager
def http_client(server: OipServer, **options: object) -> Iterator[httpx.Client]:
    scheme = "https" if "verify" in options else "http"
    with httpx.Client(base_url=f"{scheme}://{server.http_address}/v2", timeout=PATIENCE_S, **options) as client:  # type: ignore[arg-type]
        yield client


def infer_message(data: bytes = b"\1\2\3\4", **more: object) -> Message:
    """A `ModelInferRequest` for `echo` with one raw input."""
    request = message_class("ModelInferRequest")(model_name="echo", raw_input_contents=[data], **more)
    request.inputs.add(name="data", datatype="UINT8", shape=[1, len(data)])
    return request
