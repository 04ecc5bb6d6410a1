from __future__ import annotations

import av.error
import pytest
from av.error import FFmpegError

from camslice.fleet.secrets import Source
from camslice.video.sources.av_reader import NoVideoError
from camslice.video.sources.faults import reason

ADDRESS = "rtsp://bob:hunter2@10.0.0.7/live?token=t0psecret"


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (av.error.HTTPUnauthorizedError(1, "Server returned 401", ADDRESS), "401 Unauthorized"),
        (av.error.ConnectionRefusedError(111, "Connection refused", ADDRESS), "connection refused"),
        (av.error.ExitError(2, "Immediate exit requested", ADDRESS), "no answer in time"),
        (av.error.TimeoutError(110, "Connection timed out", ADDRESS), "no answer in time"),
        (av.error.OSError(113, "No route to host", ADDRESS), "No route to host"),
        (av.error.OSError(5, "Input/output error", ADDRESS), "host name is unknown"),
        (av.error.UnknownError(3, f"no good: {ADDRESS}", ADDRESS), "no good"),
        (NoVideoError(), "no video stream"),
    ],
)
def test_a_fault_is_put_into_words_without_the_password(error: FFmpegError | NoVideoError, says: str) -> None:
    told = reason(error, Source(ADDRESS, ADDRESS))
    assert says in told
    assert not [secret for secret in ("hunter2", "t0psecret", "bob") if secret in told]
