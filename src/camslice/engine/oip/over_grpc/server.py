"""The gRPC side of the server."""

from __future__ import annotations

import logging
import os
from dataclasses import replace

# gRPC's core writes a line to standard error for every client that speaks wrongly; they get a status, which is enough.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc

from camslice.engine.oip.listen import Address, TcpAddress
from camslice.engine.oip.over_grpc.calls import GrpcCalls
from camslice.engine.oip.service import Service
from camslice.engine.oip.tls import Tls
from camslice.engine.oip.wire_limits import WireLimits
from camslice.fleet.errors import MachineError

log = logging.getLogger(__name__)


class GrpcServer:
    """Answers calls at one address. Lives on the event loop of its owner, `OipServer`."""

    def __init__(self, service: Service, address: Address, tls: Tls | None, token: str | None, limits: WireLimits) -> None:
        self.address = address
        """Where it listens; the port is a real one once started."""
        self._tls = tls
        self._calls = GrpcCalls(service, limits, token)
        logging.getLogger(_CORE).addFilter(_without_lost_answers)
        self._server = grpc.aio.server(handlers=(self._calls.handler(),), options=_options(limits))

    async def start(self) -> None:
        """Take the address and serve. Raises MachineError."""
        self.address = self._taken()
        await self._server.start()

    async def stop(self, grace_s: float) -> None:
        """Refuse new calls, let those under way be answered for so long, then end them."""
        self._calls.drain()
        await self._server.stop(grace_s)

    def _taken(self) -> Address:
        # gRPC says only that it failed: taking the address ourselves for a moment says why, and settles what a name stands for.
        with self.address.take() as listening:
            place = str(self.address)
            if isinstance(self.address, TcpAddress):
                host, port = listening.getsockname()[:2]
                place = str(TcpAddress(host, port if self.address.port else 0))
        try:
            if self._tls is None:
                port = self._server.add_insecure_port(place)
            else:
                port = self._server.add_secure_port(place, _credentials(self._tls))
        except RuntimeError:
            raise MachineError(f"cannot listen on {self.address}: gRPC did not get the address; choose another one") from None
        return replace(self.address, port=port) if isinstance(self.address, TcpAddress) else self.address


_CORE = "grpc._cython.cygrpc"
_LOST_ANSWER = "ExecuteBatchError"


def _without_lost_answers(record: logging.LogRecord) -> bool:
    """Keeps out of the log what gRPC writes, with a traceback, when a client is gone before its answer: no fault of anybody's
    here. The same function is the same filter, so that several servers add it once."""
    if _LOST_ANSWER not in record.getMessage():
        return True
    log.debug("a client was gone before its answer")
    return False


def _options(limits: WireLimits) -> list[tuple[str, int]]:
    return [
        # Two servers on one port would share its clients between them, and nobody would be told.
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", limits.message_bytes),
        ("grpc.max_send_message_length", -1),
        # A compressed message of a few bytes can stand for gigabytes, and pictures do not shrink: only plain ones are taken.
        ("grpc.compression_enabled_algorithms_bitset", 1),
    ]


def _credentials(tls: Tls) -> grpc.ServerCredentials:
    return grpc.ssl_server_credentials(
        [(tls.key_pem, tls.certificate_pem)],
        root_certificates=tls.client_ca_pem,
        require_client_auth=tls.client_ca_pem is not None,
    )
