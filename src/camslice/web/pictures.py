"""Pictures of watched cameras for whoever asks by HTTP: the page of a whole cluster, which shows them to its browsers.

`GET /api/pictures?camera=gate&newer_than=12&camera=yard&newer_than=-1` answers with the pictures that are newer, each as the
length of a message (uint32, big endian) and the message that a browser would get (`viewer.packed`). To ask is to watch, for
three seconds.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from fastapi import FastAPI, Request, Response

from camslice.models.detections import Detections
from camslice.web.answers import RefusedError
from camslice.web.view import Preview, RunningFleet
from camslice.web.viewer import packed

MOST_CAMERAS = 64
_LENGTH = struct.Struct(">I")


def serve_pictures(app: FastAPI, fleet: RunningFleet) -> None:
    """Answer GET /api/pictures."""

    @app.get("/api/pictures")
    def pictures(request: Request) -> Response:
        wanted = _wanted(request.query_params.getlist("camera"), request.query_params.getlist("newer_than"))
        fleet.watch(list(wanted))
        messages = [packed(preview) for name, seen in wanted.items() if (preview := fleet.preview(name, seen)) is not None]
        body = b"".join(_LENGTH.pack(len(message)) + message for message in messages)
        return Response(body, headers={"Cache-Control": "no-store"}, media_type="application/octet-stream")


def read_pictures(body: bytes) -> Iterator[Preview]:
    """The pictures of an answer; of their detections only the number. ValueError when it is none."""
    at = 0
    try:
        while at < len(body):
            (length,) = _LENGTH.unpack_from(body, at)
            at += _LENGTH.size + length
            if at > len(body):
                raise ValueError("a picture is cut off")
            yield _unpacked(body[at - length : at])
    except (struct.error, KeyError, TypeError) as error:
        raise ValueError(f"this is no picture: {error!r}") from None


def _wanted(cameras: list[str], newer_than: list[str]) -> Mapping[str, int]:
    if not cameras or len(cameras) != len(newer_than):
        raise RefusedError(400, "ask with camera=NAME&newer_than=NUMBER for each camera")
    if len(cameras) > MOST_CAMERAS:
        raise RefusedError(400, f"ask for at most {MOST_CAMERAS} cameras at a time")
    try:
        return dict(zip(cameras, map(int, newer_than), strict=True))
    except ValueError:
        raise RefusedError(400, "newer_than is the number of the last picture that was seen, or -1") from None


def _unpacked(message: bytes) -> Preview:
    (length,) = _LENGTH.unpack_from(message)
    header: dict[str, Any] = json.loads(message[_LENGTH.size : _LENGTH.size + length])
    count = min(int(header["detections"]), 10_000)
    nothing = Detections(np.zeros((count, 4), np.float32), np.zeros(count, np.float32), np.zeros(count, np.int32))
    return Preview(
        camera=str(header["camera"]),
        sequence=int(header["sequence"]),
        captured_at_s=float(header["captured_at_s"]),
        jpeg=message[_LENGTH.size + length :],
        detections=nothing,
    )
