from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from camslice.models.progress import Advance, Silent
from camslice.models.sources import url
from camslice.models.sources.protocol import SourceFailedError
from camslice.models.sources.url import UrlSource

CONTENT = bytes(range(256)) * 400


@dataclass
class Server:
    """Serves CONTENT at /good, and everything that can go wrong elsewhere. `release` ends those that hang."""

    address: str
    release: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def server() -> Iterator[Server]:
    released = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            match self.path:
                case "/good":
                    self._send(CONTENT)
                case "/moved":
                    self.send_response(302)
                    self.send_header("Location", "/good")
                    self.end_headers()
                case "/cut":
                    self._send(CONTENT[:1000], announced=len(CONTENT))
                case "/longer":
                    self._send(CONTENT + b"more")
                case "/silent":
                    released.wait(30)
                case "/stalls":
                    self._send(CONTENT[:1000], announced=len(CONTENT))
                    released.wait(30)
                case _:
                    self.send_error(404, "Not Found")

        def _send(self, content: bytes, announced: int | None = None) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(announced or len(content)))
            self.end_headers()
            self.wfile.write(content)
            self.wfile.flush()

        def log_message(self, *arguments: object) -> None:
            """Keep the test's output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield Server(f"http://127.0.0.1:{http.server_address[1]}", released)
        released.set()
        http.shutdown()
        thread.join()


class Recorder(Silent):
    def __init__(self) -> None:
        self.seen: list[int] = []

    @contextmanager
    def fetching(self, what: str, total_bytes: int) -> Iterator[Advance]:
        yield self.seen.append


def fetch(address: str, work: Path, size_bytes: int = len(CONTENT)) -> Path:
    return UrlSource(address, "film.avi").fetch(size_bytes, work, Silent())


@pytest.mark.parametrize("path", ["/good", "/moved"])
def test_the_bytes_arrive(server: Server, tmp_path: Path, path: str) -> None:
    assert fetch(server.address + path, tmp_path).read_bytes() == CONTENT


def test_progress_is_told_up_to_the_end(server: Server, tmp_path: Path) -> None:
    progress = Recorder()
    UrlSource(server.address + "/good", "film.avi").fetch(len(CONTENT), tmp_path, progress)
    assert progress.seen[-1] == len(CONTENT)
    assert progress.seen == sorted(progress.seen)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/nowhere", "the server answered 404 Not Found"),
        ("/longer", "longer than the 102,400 bytes expected"),
    ],
)
def test_what_is_wrong_is_told(server: Server, tmp_path: Path, path: str, words: str) -> None:
    with pytest.raises(SourceFailedError, match=words):
        fetch(server.address + path, tmp_path)


def test_a_file_that_ends_early_is_not_taken_for_whole(server: Server, tmp_path: Path) -> None:
    with pytest.raises(SourceFailedError, match=r"ended after 1,000 of 102,400 bytes|does not answer .*IncompleteRead"):
        fetch(server.address + "/cut", tmp_path)


def test_a_server_that_never_answers_is_given_up(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(url, "CONNECT_TIMEOUT_S", 0.1)
    with pytest.raises(SourceFailedError, match="did not answer in time"):
        fetch(server.address + "/silent", tmp_path)


def test_a_name_that_nobody_resolves_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resolved, left = threading.Event(), threading.Event()

    def look_up(*_: object, **__: object) -> list[object]:
        resolved.wait(30)
        left.set()
        raise OSError("no such name")

    monkeypatch.setattr(url, "CONNECT_TIMEOUT_S", 0.1)
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(SourceFailedError, match="did not answer in time"):
        fetch("http://host.invalid/film.avi", tmp_path)
    resolved.set()
    assert left.wait(30)


def test_a_server_that_stalls_is_given_up(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(url, "READ_TIMEOUT_S", 0.1)
    with pytest.raises(SourceFailedError, match="did not answer in time"):
        fetch(server.address + "/stalls", tmp_path)


def test_a_server_that_dribbles_is_given_up(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hours = iter(range(0, 1_000_000, 3600))
    monkeypatch.setattr(url, "time", SimpleNamespace(monotonic=lambda: float(next(hours))))
    with pytest.raises(SourceFailedError, match="slower than 50 kB/s"):
        fetch(server.address + "/good", tmp_path)


def test_nobody_at_the_address_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(SourceFailedError, match=r"does not answer \(.*refused"):
        fetch("http://127.0.0.1:9/film.avi", tmp_path)


def test_an_address_is_shown_without_its_password() -> None:
    assert UrlSource("https://me:secret@host/film.avi", "film.avi").words == "https://***@host/film.avi"
