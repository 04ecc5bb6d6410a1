"""Adding, changing and removing cameras of a running fleet on request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from camslice.fleet.errors import CamsliceError, FleetError
from camslice.fleet.types import CameraSpec
from camslice.web.answers import RefusedError
from camslice.web.body import json_object
from camslice.web.view import RunningFleet

ParseCamera = Callable[[Mapping[str, object], str | None], Sequence[CameraSpec]]
"""From an entry of `cameras`, and the name of the camera that it replaces if any, to cameras. Raises FleetError."""

_EXAMPLE = '{"name": "gate", "source": "rtsp://...", "fps": 5}'


class CameraDesk:
    """Takes requests to add, change and remove cameras. Every refusal is a RefusedError or a CamsliceError, in one sentence."""

    def __init__(self, fleet: RunningFleet, parse_camera: ParseCamera) -> None:
        self._fleet = fleet
        self._parse_camera = parse_camera

    async def add(self, request: Request) -> Sequence[CameraSpec]:
        """Add what the body declares, all of it or nothing. 409 when a name is taken."""
        entry = await json_object(request, "the camera", _EXAMPLE)
        return await run_in_threadpool(self._add, entry)

    async def change(self, name: str, request: Request) -> None:
        """Run camera `name` as the body describes it. 404 when there is none of that name."""
        self.must_exist(name)
        entry = await json_object(request, "the camera", _EXAMPLE)
        await run_in_threadpool(self._change, name, entry)

    def remove(self, name: str) -> None:
        """Remove a camera. 404 when there is none of that name."""
        self.must_exist(name)
        self._fleet.remove_camera(name)

    def must_exist(self, name: str) -> None:
        """Refuse with 404 when there is no camera `name`."""
        if name not in self._names():
            raise RefusedError(404, f"there is no camera {name!r}")

    def _add(self, entry: Mapping[str, object]) -> Sequence[CameraSpec]:
        cameras = self._parse_camera(entry, None)
        taken = self._names() & {camera.name for camera in cameras}
        if taken:
            raise RefusedError(409, f"there is already a camera {min(taken)!r}; choose another name or remove it first")
        added: list[CameraSpec] = []
        try:
            for camera in cameras:
                self._fleet.add_camera(camera)
                added.append(camera)
        except CamsliceError as error:
            for camera in added:
                self._fleet.remove_camera(camera.name)
            raise FleetError(_scrubbed(str(error), cameras)) from None
        return cameras

    def _change(self, name: str, entry: Mapping[str, object]) -> None:
        if entry.get("name", name) != name:
            raise RefusedError(400, f"this changes camera {name!r}: leave name out, or add a camera of the other name")
        if "count" in entry:
            raise RefusedError(400, f"this changes camera {name!r} alone: leave count out")
        [camera] = self._parse_camera({**entry, "name": name}, name)
        try:
            self._fleet.change_camera(camera)
        except CamsliceError as error:
            raise FleetError(_scrubbed(str(error), [camera])) from None

    def _names(self) -> set[str]:
        return {camera.name for camera in self._fleet.status().cameras}


def _scrubbed(sentence: str, cameras: Sequence[CameraSpec]) -> str:
    for camera in cameras:
        sentence = camera.scrub(sentence)
    return sentence
