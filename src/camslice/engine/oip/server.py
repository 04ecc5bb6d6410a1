"""The Open Inference Protocol's server: a service behind gRPC and HTTP."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING

from camslice.engine.oip.listen import Address, TcpAddress
from camslice.engine.oip.service import Service
from camslice.engine.oip.tls import Tls
from camslice.engine.oip.wire_limits import WireLimits
from camslice.fleet.errors import MachineError

if TYPE_CHECKING:
    from camslice.engine.oip.over_grpc.server import GrpcServer
    from camslice.engine.oip.over_http.server import HttpServer

_START_S = 20.0
_GRACE_S = 5.0
_AFTER_GRACE_S = 2.0


class OipServer:
    """Serves a `Service` at one gRPC and one HTTP address, or only one of them.

    Owns one thread with one event loop, on which both transports run; the service is not owned: close it after `stop`.
    `start` once, `stop` once or more, both from any thread.

    >>> from camslice.engine.oip.listen import parse_address
    >>> server = OipServer(service, grpc_address=parse_address("127.0.0.1:0"))  # doctest: +SKIP
    >>> server.start()  # doctest: +SKIP
    >>> str(server.grpc_address)  # doctest: +SKIP
    '127.0.0.1:43211'
    """

    def __init__(
        self,
        service: Service,
        grpc_address: Address | None = None,
        http_address: TcpAddress | None = None,
        tls: Tls | None = None,
        token: str | None = None,
        limits: WireLimits | None = None,
        *,
        open_metrics: bool = False,
    ) -> None:
        """`open_metrics`: `/metrics` is told without the token.

        Raises MachineError when an address is open to other machines and there is no token, or one easily guessed.
        """
        for address in (grpc_address, http_address):
            if address is not None:
                address.require_token(token)
        if grpc_address is None and http_address is None:
            raise MachineError("the server has no address to listen on: give it one for gRPC, for HTTP, or for both.")
        self.grpc_address = grpc_address
        """Where it listens; ports are real ones once started."""
        self.http_address = http_address
        self._service = service
        self._tls = tls
        self._token = token
        self._open_metrics = open_metrics
        self._limits = limits or WireLimits()
        self._thread: threading.Thread | None = None
        self._started: Future[None] = Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._grace_s = _GRACE_S

    def start(self) -> None:
        """Take the addresses and serve. Returns when requests are answered. Raises MachineError when that cannot be."""
        self._thread = threading.Thread(target=self._run, name="oip-server", daemon=True)
        self._thread.start()
        try:
            self._started.result(_START_S)
        except TimeoutError:
            self.stop(0)
            raise MachineError("the server did not start; the log says why") from None
        except BaseException:
            self.stop(0)
            raise

    def stop(self, grace_s: float = _GRACE_S) -> None:
        """Refuse new requests, let those under way be answered for so long, close every connection, give the addresses back."""
        if self._thread is None or self._loop is None or self._stopping is None:
            return
        self._grace_s = grace_s
        with suppress(RuntimeError):  # the loop has ended already
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(grace_s + _AFTER_GRACE_S)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # `start` raises it
            if self._started.done():
                raise
            self._started.set_exception(error)

    async def _serve(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        grpc, http = self._grpc_server(), self._http_server()
        try:
            if grpc is not None:
                await grpc.start()
                self.grpc_address = grpc.address
            if http is not None:
                await http.start()
                self.http_address = http.address
            self._started.set_result(None)
            await self._stopping.wait()
        finally:
            await asyncio.gather(*(each.stop(self._grace_s) for each in (grpc, http) if each is not None))

    def _grpc_server(self) -> GrpcServer | None:
        if self.grpc_address is None:
            return None
        from camslice.engine.oip.over_grpc.server import GrpcServer

        return GrpcServer(self._service, self.grpc_address, self._tls, self._token, self._limits)

    def _http_server(self) -> HttpServer | None:
        if self.http_address is None:
            return None
        from camslice.engine.oip.over_http.server import HttpServer

        return HttpServer(
            self._service, self.http_address, self._tls, self._token, self._limits, open_metrics=self._open_metrics
        )
