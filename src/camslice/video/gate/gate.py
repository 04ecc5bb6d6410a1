"""One camera's sense of motion: a frame goes in, the cells where something moved come out."""

from __future__ import annotations

from collections.abc import Sequence

from camslice.video.frame import Picture
from camslice.video.gate.eye import Eye
from camslice.video.gate.grid import Grid, Polygon
from camslice.video.gate.sight import Sight


class Gate:
    """One camera's sense of motion; used by one thread."""

    def __init__(self, masks: Sequence[Polygon] = ()) -> None:
        """`masks`: polygons in shares (0 to 1) of width and height; motion inside is ignored."""
        self._masks = tuple(masks)
        self._size = (0, 0)
        self._eye: Eye | None = None

    def look(self, picture: Picture, at_s: float) -> Sight:
        """What changed in `picture`, captured at `at_s` seconds on the monotonic clock."""
        size = (picture.width, picture.height)
        if self._eye is None or size != self._size:
            self._size = size
            self._eye = Eye(Grid.over(*size), self._masks)
        return self._eye.look(picture, at_s)

    def reset(self) -> None:
        """The camera reconnected: the next sight is START."""
        self._eye = None
