"""Regions of several frames in one slot, and the way back from what was found there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from camslice.fleet.geometry import Letterbox, Region
from camslice.models.detections import Detections
from camslice.stream.packing.pack import Spot

_INSIDE = 0.5
"""The share of a detection that must lie on its region: whatever reaches farther is made of two regions, and of nothing."""


def size_on_canvas(region: Region, scale: float) -> tuple[int, int]:
    """Width and height, both even, of a region that is drawn at `scale`."""
    return _even(region.width * scale), _even(region.height * scale)


def letterbox_at(region: Region, spot: Spot, size: tuple[int, int], input_width: int, input_height: int) -> Letterbox:
    """How a region lies in a slot of `input_width` x `input_height`."""
    return Letterbox(region, input_width, input_height, spot.left, spot.top, *size)


def whole_slot(input_width: int, input_height: int) -> Letterbox:
    """A slot without padding: what is no region of a canvas is drawn grey by whoever fills it."""
    return Letterbox(Region(0, 0, input_width, input_height), input_width, input_height, 0, 0, input_width, input_height)


def by_region(found: Detections, places: Sequence[Letterbox]) -> list[Detections]:
    """Whose detections are whose: `found` in pixels of the canvas, in return those on each place, in pixels of its source.

    A detection belongs to the region that its middle lies on, and is clipped to it. One that lies on no region, or for the
    larger part outside of its own, is none.
    """
    if not len(found) or not places:
        return [Detections.none() for _ in places]
    rectangles = np.array([[p.left, p.top, p.left + p.width, p.top + p.height] for p in places], np.float32)
    middle = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
    after_corner = np.all(middle[:, None] >= rectangles[None, :, :2], axis=2)
    on = np.asarray(after_corner & np.all(middle[:, None] < rectangles[None, :, 2:], axis=2), np.bool_)
    owner = np.where(on.any(axis=1), on.argmax(axis=1), -1)
    owner[_share_inside(found.boxes, rectangles[owner]) < _INSIDE] = -1
    return [_those(found, np.flatnonzero(owner == index), place) for index, place in enumerate(places)]


def _share_inside(boxes: npt.NDArray[np.float32], around: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    shared = np.minimum(boxes[:, 2:], around[:, 2:]) - np.maximum(boxes[:, :2], around[:, :2])
    own = np.maximum(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1), 1e-6)
    return np.asarray(np.prod(np.maximum(shared, 0), axis=1) / own, np.float32)


def _those(found: Detections, which: npt.NDArray[np.intp], place: Letterbox) -> Detections:
    if not len(which):
        return Detections.none()
    return Detections(place.to_source(found.boxes[which]), found.confidence[which], found.class_id[which])


def _even(length: float) -> int:
    return max(2, round(length / 2) * 2)
