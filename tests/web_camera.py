"""A web server that plays network camera: MJPEG, a paced transport stream, files and playlists, a password, and silence."""

from __future__ import annotations

import base64
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

Body = Iterator[bytes]
BOUNDARY = "frame"


class WebCamera:
    """Serves `pages` (path to a function that gives the body piece by piece) and the files of `folder`.

    `password`: "user:password" to ask for. The server's threads end with `close`; a body that waits should watch `closing`.
    """

    def __init__(self, folder: Path | None = None, port: int = 0) -> None:
        self.pages: dict[str, tuple[str, Callable[[], Body]]] = {}
        self.password: str | None = None
        self.requests = 0
        self.closing = threading.Event()
        self._folder = folder
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def url(self, path: str, credentials: str = "") -> str:
        return f"http://{credentials + '@' if credentials else ''}127.0.0.1:{self.port}{path}"

    def show_mjpeg(self, path: str, pictures: Callable[[], Iterator[bytes]]) -> None:
        """Serve JPEGs as parts of one endless answer."""

        def body() -> Body:
            for jpeg in pictures():
                head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                yield head.encode() + jpeg + b"\r\n"

        self.pages[path] = (f"multipart/x-mixed-replace; boundary={BOUNDARY}", body)

    def paced(self, pieces: Iterator[bytes], interval_s: float) -> Iterator[bytes]:
        """Give out a piece each `interval_s`, as a camera does, until closed."""
        next_s = time.monotonic()
        for piece in pieces:
            if self.closing.wait(max(0.0, next_s - time.monotonic())):
                return
            next_s += interval_s
            yield piece

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                camera.requests += 1
                with contextlib.suppress(ConnectionError):
                    camera._answer(self)
                self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        wanted = self.password and "Basic " + base64.b64encode(self.password.encode()).decode()
        if wanted and request.headers.get("Authorization") != wanted:
            request.send_response(401)
            request.send_header("WWW-Authenticate", 'Basic realm="camera"')
            request.end_headers()
        elif request.path in self.pages:
            kind, body = self.pages[request.path]
            request.send_response(200)
            request.send_header("Content-Type", kind)
            request.end_headers()
            for piece in body():
                request.wfile.write(piece)
        elif self._folder is not None and (self._folder / request.path.lstrip("/")).is_file():
            content = (self._folder / request.path.lstrip("/")).read_bytes()
            request.send_response(200)
            request.send_header("Content-Length", str(len(content)))
            request.end_headers()
            request.wfile.write(content)
        else:
            request.send_error(404)


@contextmanager
def web_camera(folder: Path | None = None, port: int = 0) -> Iterator[WebCamera]:
    camera = WebCamera(folder, port)
    try:
        yield camera
    finally:
        camera.close()


@contextmanager
def silent_peer() -> Iterator[int]:
    """The port of a peer that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]
