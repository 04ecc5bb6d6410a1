"""`GET /api/cameras/NAME/snapshot`: the camera's main stream as it is now, as JPEG, whatever stream is analysed."""

from __future__ import annotations

import threading
from collections.abc import Callable

from fastapi import FastAPI, Response

from camslice.fleet.errors import SourceError
from camslice.fleet.types import CameraSpec
from camslice.video.snapshot import Snapshot, take_snapshot
from camslice.web.answers import RefusedError
from camslice.web.view import RunningFleet

AT_ONCE = 2
"""Each is a connection and a decoder beside those that analyse."""


def serve_snapshots(app: FastAPI, fleet: RunningFleet, take: Callable[[CameraSpec], Snapshot] = take_snapshot) -> None:
    """Answer it; no more than `AT_ONCE` are taken at a time."""
    free = threading.BoundedSemaphore(AT_ONCE)

    @app.get("/api/cameras/{name}/snapshot")
    def snapshot(name: str) -> Response:
        try:
            camera = fleet.status().fleet.camera(name)
        except KeyError:
            raise RefusedError(404, f"there is no camera {name}") from None
        if not free.acquire(blocking=False):
            raise RefusedError(503, f"{AT_ONCE} snapshots are being taken already; ask again in a moment")
        try:
            taken = take(camera)
        except SourceError as error:
            raise RefusedError(502, str(error)) from None
        finally:
            free.release()
        headers = {"Cache-Control": "no-store", "X-Taken-At": f"{taken.taken_at_s:.3f}"}
        return Response(taken.jpeg, headers=headers, media_type="image/jpeg")
