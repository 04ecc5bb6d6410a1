"""One picture that is due for analysis: a handle, not an array.

Whatever holds the pixels (a decoder's planes, a still picture, later a surface on a GPU) only has to be able to
scale a region of itself into an engine's slot, and to give its luma in small. Nothing above this room assumes NumPy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from camslice.fleet.geometry import Letterbox
from camslice.video.colour import YuvColour
from camslice.video.slot import ByteArray, Slot


@dataclass(frozen=True, slots=True)
class FrameStamp:
    """When a frame was captured and which one it is.

    `sequence` counts the frames due for analysis of one camera from 0. `pts_s` is the source's own time or None.
    `captured_ns` and `decoded_ns` are on the monotonic clock, `captured_at_s` is the same capture instant in UTC.
    """

    sequence: int
    pts_s: float | None
    captured_at_s: float
    captured_ns: int
    decoded_ns: int


class Picture(Protocol):
    """Pixels that can be scaled into a slot."""

    @property
    def width(self) -> int:
        """Width in pixels."""
        ...

    @property
    def height(self) -> int:
        """Height in pixels."""
        ...

    @property
    def colour(self) -> YuvColour:
        """What its planes mean. Pictures that share a slot must have the same."""
        ...

    def scale_into(self, slot: Slot, letterbox: Letterbox) -> None:
        """Scale `letterbox.region` of this picture into `slot`, writing only the letterbox's rectangle of it.

        The padding around the rectangle is the slot owner's business. Releases the GIL while it scales.
        """
        ...

    def luma(self, width: int, height: int) -> ByteArray:
        """The whole picture's luma, scaled to uint8 [height, width], in its own range. Releases the GIL while it scales."""
        ...


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture with its stamp, handed to every stream of its camera."""

    picture: Picture
    stamp: FrameStamp
