"""Pictures for the page: a frame that the analysis process left, with the boxes that were found in just that frame."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from camslice.models.detections import Detections
from camslice.stream.previews import PreviewPicture
from camslice.stream.results import FrameResult
from camslice.stream.supervisor import Supervisor
from camslice.web.drawing import draw_preview
from camslice.web.view import Preview

WATCH_S = 3.0
_KEPT = 64


class PreviewDesk:
    """Matches pictures with results by sequence number and draws them, for watched cameras only. Thread-safe."""

    def __init__(self, supervisor: Supervisor, clock: Callable[[], float] = time.monotonic) -> None:
        self._supervisor = supervisor
        self._clock = clock
        self._lock = threading.Lock()
        self._watched_until_s: dict[str, float] = {}
        self._results: dict[str, dict[int, list[FrameResult]]] = {}
        self._pictures: dict[str, PreviewPicture] = {}
        self._previews: dict[str, Preview] = {}

    def watch(self, cameras: Sequence[str]) -> None:
        """Ask for pictures of these cameras for the next three seconds, and forget those nobody asks for any more."""
        with self._lock:
            self._watched_until_s |= dict.fromkeys(cameras, self._clock() + WATCH_S)
            self._forget_unwatched()
        for name in cameras:
            self._supervisor.watch(name, WATCH_S)

    def take(self, results: Sequence[FrameResult]) -> None:
        """Keep the newest results of watched cameras until their pictures are fetched."""
        with self._lock:
            self._forget_unwatched()
            for result in results:
                name = result.stream.camera
                if name in self._watched_until_s:
                    kept = self._results.setdefault(name, {})
                    kept.setdefault(result.sequence, []).append(result)
                    if len(kept) > _KEPT:
                        del kept[next(iter(kept))]

    def preview(self, camera: str, newer_than: int) -> Preview | None:
        """The newest picture with its boxes, if it is newer than `newer_than`."""
        with self._lock:
            self._forget_unwatched()
            if camera not in self._watched_until_s:
                return None
            wanting = self._wants_picture(camera)
        # Never ask the supervisor with our lock held: it brings us results with its own.
        picture = self._supervisor.take_preview(camera) if wanting else None
        life = self._supervisor.cameras().get(camera)
        models = len(life.spec.models) if life is not None else 0
        with self._lock:
            if picture is not None:
                self._pictures[camera] = picture
            waiting = self._pictures.get(camera)
            found = self._answers(camera, waiting.sequence, models) if waiting else []
        if waiting is not None and found:
            preview = _drawn(waiting, found)
            with self._lock:
                self._pictures.pop(camera, None)
                self._previews[camera] = preview
        newest = self._previews.get(camera)
        return newest if newest is not None and newest.sequence > newer_than else None

    def _answers(self, camera: str, sequence: int, models: int) -> list[FrameResult]:
        """What every one of the camera's `models` found in that frame; what there is, once a later frame was answered."""
        results = self._results.get(camera, {})
        found = results.get(sequence, [])
        complete = len(found) >= models or any(number > sequence for number in results)
        return list(found) if complete else []

    def _wants_picture(self, camera: str) -> bool:
        """Not while one lies here whose result is here or may still come: a newer one would have to wait as long again."""
        picture, results = self._pictures.get(camera), self._results.get(camera, {})
        return picture is None or (picture.sequence not in results and any(number > picture.sequence for number in results))

    def _forget_unwatched(self) -> None:
        now = self._clock()
        self._watched_until_s = {name: until_s for name, until_s in self._watched_until_s.items() if until_s >= now}
        kept = self._results.keys() | self._pictures.keys() | self._previews.keys()
        for name in kept - self._watched_until_s.keys():
            self._results.pop(name, None)
            self._pictures.pop(name, None)
            self._previews.pop(name, None)


def _drawn(picture: PreviewPicture, results: Sequence[FrameResult]) -> Preview:
    """The picture with the boxes of all its models, each class under its own model's label."""
    first = results[0]
    labels = [label for result in results for label in result.labels]
    offsets = np.cumsum([0, *(len(result.labels) for result in results)])
    found = Detections(
        np.concatenate([result.detections.boxes for result in results]),
        np.concatenate([result.detections.confidence for result in results]),
        np.concatenate([result.detections.class_id + offset for result, offset in zip(results, offsets, strict=False)]),
        np.concatenate([_carried(result.detections) for result in results]),
    )
    scale = np.array([picture.width / first.width, picture.height / first.height] * 2, np.float32)
    jpeg = draw_preview(_bgr(picture), replace(found, boxes=found.boxes * scale), labels)
    return Preview(first.stream.camera, first.sequence, first.captured_at_s, jpeg, found)


def _carried(found: Detections) -> npt.NDArray[np.bool_]:
    return np.zeros(len(found), np.bool_) if found.carried is None else found.carried


def _bgr(picture: PreviewPicture) -> npt.NDArray[np.uint8]:
    """uint8 [H, W, 3] through the frame's own colour matrix."""
    height, width = picture.height, picture.width
    luma, quarter = height * width, height * width // 4
    flat = picture.i420.reshape(-1)
    chroma = [
        cv2.resize(flat[start : start + quarter].reshape(height // 2, width // 2), (width, height))
        for start in (luma, luma + quarter)
    ]
    planes = cv2.merge([flat[:luma].reshape(height, width), *chroma])
    return np.asarray(cv2.transform(planes, picture.colour[::-1]), np.uint8)
