"""What a camera is doing, and the ears of whoever reads it."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from camslice.video.frame import Frame


class CameraState(StrEnum):
    """What a camera is doing right now."""

    STARTING = "starting"
    LIVE = "live"
    RECONNECTING = "reconnecting"
    FAILED = "failed"
    """It cannot work without a change by the user (no such file, not a video)."""
    ENDED = "ended"
    """A file that is not looped came to its end."""


class CameraListener(Protocol):
    """Called by a camera's decoder thread, and by no other."""

    def on_due(self, frame: Frame) -> None:
        """A frame is due for analysis. At pace `lossless` this blocks until there is room."""
        ...

    def on_decoded(self, frames: int, skipped: int) -> None:
        """So many more frames were decoded (due or not), and so many were left out before the decoder."""
        ...

    def on_corrupt(self, packets: int) -> None:
        """So many more packets could not be decoded."""
        ...

    def on_missed(self, frames: int) -> None:
        """So many more frames were due while the camera was down."""
        ...

    def on_state(self, state: CameraState, reason: str) -> None:
        """The camera changed its state; `reason` is one sentence without credentials ('' when live)."""
        ...
