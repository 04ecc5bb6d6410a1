"""A listener that remembers what a camera told it, and lets a test wait for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from camslice.fleet.secrets import Source
from camslice.fleet.types import CameraSpec
from camslice.video.camera import Camera
from camslice.video.camera_state import CameraState
from camslice.video.frame import Frame

PATIENCE_S = 20.0
"""A bound for things that take a fraction of it; a loaded machine is slow."""


class Recorder:
    """Everything a camera said, in order. `on_frame` is called with each due frame, in the camera's thread."""

    def __init__(self, on_frame: Callable[[Frame], None] | None = None) -> None:
        self._changed = threading.Condition()
        self._on_frame = on_frame
        self.frames: list[Frame] = []
        self.decoded = self.skipped = self.corrupt = self.missed = 0
        self.states: list[tuple[CameraState, str]] = []
        self.threads: set[int] = set()

    def on_due(self, frame: Frame) -> None:
        if self._on_frame is not None:
            self._on_frame(frame)
        with self._note():
            self.frames.append(frame)

    def on_decoded(self, frames: int, skipped: int) -> None:
        with self._note():
            self.decoded += frames
            self.skipped += skipped

    def on_corrupt(self, packets: int) -> None:
        with self._note():
            self.corrupt += packets

    def on_missed(self, frames: int) -> None:
        with self._note():
            self.missed += frames

    def on_state(self, state: CameraState, reason: str) -> None:
        with self._note():
            self.states.append((state, reason))

    def wait_until(self, what: Callable[[Recorder], bool], timeout_s: float = PATIENCE_S) -> None:
        """Wait until `what` holds of this recorder; fail when it does not in time."""
        with self._changed:
            assert self._changed.wait_for(lambda: what(self), timeout_s), f"not in time; states {self.states}"

    def wait_for_frames(self, number: int) -> None:
        self.wait_until(lambda told: len(told.frames) >= number)

    def wait_for_state(self, state: CameraState) -> str:
        """Wait for the state and return its reason."""
        self.wait_until(lambda told: any(seen is state for seen, _ in told.states))
        return next(reason for seen, reason in reversed(self.states) if seen is state)

    @property
    def state(self) -> CameraState:
        return self.states[-1][0]

    @contextmanager
    def _note(self) -> Iterator[None]:
        with self._changed:
            self.threads.add(threading.get_ident())
            yield
            self._changed.notify_all()


def spec_of(source: str | Path, fps: float = 10.0, **rest: object) -> CameraSpec:
    """A camera that reads `source`."""
    return CameraSpec("door", Source(str(source), str(source)), fps, ("people",), **rest)  # type: ignore[arg-type] # keywords


@contextmanager
def running(camera: Camera) -> Iterator[Camera]:
    """The camera, started; stopped and waited for at the end."""
    camera.start()
    try:
        yield camera
    finally:
        camera.stop()
        assert camera.join(PATIENCE_S), "the camera's thread did not end"
