"""The web server: one thread of the supervisor."""

from __future__ import annotations

import socket
import threading

import uvicorn
from starlette.types import ASGIApp

from camslice.fleet.address import bound_socket, url_of
from camslice.fleet.errors import MachineError

_START_S = 20.0
_STOP_S = 5.0


class WebServer:
    """Owns the listening socket and the thread that serves it. `start` once, `stop` once; `stop` is safe at any time."""

    def __init__(self, app: ASGIApp, host: str = "127.0.0.1", port: int = 8080) -> None:
        """Port 0 picks a free one at `start`."""
        self._app = app
        self._host = host
        self._port = port
        self._socket: socket.socket | None = None
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where a browser on this machine finds the page. The port is known once started."""
        return url_of(self._host, self._port)

    def start(self) -> None:
        """Take the port and serve. Returns when requests are answered. Raises MachineError when that cannot be."""
        self._socket = bound_socket(self._host, self._port)
        self._port = int(self._socket.getsockname()[1])
        self._server = _Server(self._app)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), name="camslice-web", daemon=True)
        self._thread.start()
        if not self._server.settled.wait(_START_S) or not self._server.started:
            self.stop()
            raise MachineError(f"the page at {self.url} did not start; the log says why")

    def stop(self) -> None:
        """Close every connection and give the port back."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(_STOP_S)
        if self._socket is not None:
            self._socket.close()


class _Server(uvicorn.Server):
    """Says when it has started, or failed to."""

    def __init__(self, app: ASGIApp) -> None:
        # No access log: it would write down the token of a first visit. No compression: the pictures are JPEG already.
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                ws_max_size=64 * 1024,
                ws_per_message_deflate=False,
                timeout_graceful_shutdown=2,
                server_header=False,
            )
        )
        self.settled = threading.Event()

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            super().run(sockets)
        finally:
            self.settled.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.settled.set()
