"""A file at an address. An address that does not answer is given up after seconds, one that dribbles after a while."""

from __future__ import annotations

import errno
import http.client
import socket
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from camslice.fleet.secrets import redact
from camslice.models.progress import Progress
from camslice.models.sources.protocol import SourceFailedError

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 20.0
SLOWEST_BYTES_PER_S = 50_000
_CHUNK = 1 << 16
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True)
class UrlSource:
    """An http(s) address of the known file `file`."""

    url: str
    file: str

    @property
    def last_resort(self) -> bool:
        """See `FileSource`."""
        return False

    @property
    def words(self) -> str:
        """See `FileSource`."""
        return redact(self.url)

    def fetch(self, size_bytes: int, work: Path, progress: Progress) -> Path:
        """See `FileSource`. Never reads more than `size_bytes`."""
        target = work / self.file
        try:
            with _open(self.url) as response:
                self._save(response, size_bytes, target, progress)
        except urllib.error.HTTPError as error:
            raise SourceFailedError(f"the server answered {error.code} {error.reason}") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
                raise
            raise SourceFailedError(_why(error)) from error
        return target

    def _save(self, response: http.client.HTTPResponse, size_bytes: int, target: Path, progress: Progress) -> None:
        give_up_at = time.monotonic() + READ_TIMEOUT_S + size_bytes / SLOWEST_BYTES_PER_S
        done_bytes = 0
        with progress.fetching(target.name, size_bytes) as advance, target.open("wb") as out:
            while chunk := response.read1(_CHUNK):
                done_bytes += len(chunk)
                if done_bytes > size_bytes:
                    raise SourceFailedError(f"it is longer than the {size_bytes:,} bytes expected")
                if time.monotonic() > give_up_at:
                    raise SourceFailedError(f"it comes slower than {SLOWEST_BYTES_PER_S // 1000} kB/s")
                out.write(chunk)
                advance(done_bytes)
        if done_bytes < size_bytes:
            raise SourceFailedError(f"it ended after {done_bytes:,} of {size_bytes:,} bytes")


def _open(url: str) -> http.client.HTTPResponse:
    """Have the address answer within CONNECT_TIMEOUT_S in all.

    A time-out on the socket holds for each of a host's addresses anew, and for looking up the name not at all: hence a thread,
    which is left to itself when it takes longer.
    """
    answer: Future[http.client.HTTPResponse] = Future()
    opener = urllib.request.build_opener(_Http, _Https)

    def ask() -> None:
        try:
            answer.set_result(opener.open(url, timeout=CONNECT_TIMEOUT_S))
        except Exception as error:  # noqa: BLE001 - raised again where the answer is awaited
            answer.set_exception(error)

    threading.Thread(target=ask, name="fetch", daemon=True).start()
    return answer.result(CONNECT_TIMEOUT_S)


class _PatientOnceAnswered:
    """Mixed into a connection: the short time-out holds until the server has answered, a longer one while it sends."""

    sock: socket.socket

    def getresponse(self) -> http.client.HTTPResponse:
        connected = self.sock  # forgotten by the connection when the answer begins
        response: http.client.HTTPResponse = super().getresponse()  # type: ignore[misc]  # of the class it is mixed into
        connected.settimeout(READ_TIMEOUT_S)
        return response


class _HttpConnection(_PatientOnceAnswered, http.client.HTTPConnection):
    pass


class _HttpsConnection(_PatientOnceAnswered, http.client.HTTPSConnection):
    pass


class _Http(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_HttpConnection, req)


class _Https(urllib.request.HTTPSHandler):
    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_HttpsConnection, req)


def _why(error: Exception) -> str:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, TimeoutError):
        return "it did not answer in time"
    return f"it does not answer ({redact(str(reason))})"
