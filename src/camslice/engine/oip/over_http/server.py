"""The HTTP side of the server."""

from __future__ import annotations

import asyncio
import logging
import math
import socket
import ssl
from dataclasses import replace

import uvicorn

from camslice.engine.oip.listen import TcpAddress
from camslice.engine.oip.over_http.app import http_app
from camslice.engine.oip.over_http.connection import connections
from camslice.engine.oip.service import Service
from camslice.engine.oip.tls import Tls
from camslice.engine.oip.wire_limits import WireLimits


class HttpServer:
    """Answers requests at one address. Lives on the event loop of its owner, `OipServer`; owns its listening socket."""

    def __init__(
        self,
        service: Service,
        address: TcpAddress,
        tls: Tls | None,
        token: str | None,
        limits: WireLimits,
        *,
        open_metrics: bool = False,
    ) -> None:
        self.address = address
        """Where it listens; the port is a real one once started."""
        self._config = uvicorn.Config(
            http_app(service, limits, token, open_metrics=open_metrics),
            log_config=None,
            access_log=False,
            http=connections(limits),
            ws="none",
            lifespan="off",
            server_header=False,
            ssl_certfile=None if tls is None else tls.certificate,
            ssl_keyfile=None if tls is None else tls.key,
            ssl_ca_certs=None if tls is None or tls.client_ca is None else str(tls.client_ca),
            ssl_cert_reqs=ssl.CERT_NONE if tls is None or tls.client_ca is None else ssl.CERT_REQUIRED,
        )
        self._server = _Server(self._config)
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take the address and serve. Raises MachineError."""
        listening = self.address.take()
        self.address = replace(self.address, port=int(listening.getsockname()[1]))
        self._serving = asyncio.create_task(self._server.serve([listening]))
        await self._server.serving.wait()

    async def stop(self, grace_s: float) -> None:
        """Take no new connections, let requests under way be answered for so long, then end them."""
        self._config.timeout_graceful_shutdown = math.ceil(grace_s)
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving


class _Server(uvicorn.Server):
    """Says when it serves. Whoever speaks no HTTP gets status 400, and no line in our log for each time."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.serving = asyncio.Event()
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.serving.set()
