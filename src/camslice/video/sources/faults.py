"""FFmpeg's errors in words a user can act on, without the address and its password."""

from __future__ import annotations

import errno

from av import error as av_error
from av.error import FFmpegError

from camslice.fleet.secrets import Source
from camslice.video.sources.av_reader import NoVideoError

_WORDS: tuple[tuple[type[FFmpegError], str], ...] = (
    (av_error.HTTPUnauthorizedError, "401 Unauthorized: check user name and password"),
    (av_error.HTTPForbiddenError, "403 Forbidden: this user may not see this stream"),
    (av_error.HTTPNotFoundError, "404 Not Found: check the path of the address"),
    (av_error.HTTPTooManyRequestsError, "429 Too Many Requests"),
    (av_error.HTTPServerError, "the camera reports an error of its own (5xx)"),
    (av_error.HTTPClientError, "the camera refuses the request (4xx)"),
    (av_error.ConnectionRefusedError, "connection refused: nothing listens at this address"),
    (av_error.ConnectionResetError, "the connection was reset"),
    (av_error.TimeoutError, "no answer in time"),
    (av_error.ExitError, "no answer in time"),
    (av_error.BrokenPipeError, "the connection was closed"),
    (av_error.PermissionError, "permission denied"),
    (av_error.FileNotFoundError, "no such file or device"),
    (av_error.InvalidDataError, "what comes is no video"),
    (av_error.ProtocolNotFoundError, "this build of FFmpeg does not know the protocol"),
)


def reason(error: FFmpegError | NoVideoError, source: Source) -> str:
    """Why opening or reading failed. `str(error)` would hold the address; this never does."""
    if isinstance(error, NoVideoError):
        return "it holds no video stream"
    if error.errno == errno.EIO:
        return "the host name is unknown, or what comes is no video"
    for kind, words in _WORDS:
        if isinstance(error, kind):
            return words
    return source.scrub(error.strerror or type(error).__name__)
