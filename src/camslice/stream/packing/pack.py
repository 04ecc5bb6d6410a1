"""Rectangles onto canvases, tallest first: shelves from top to bottom, each filled from left to right, and columns on a shelf.

Next-fit shelves waste the room above whatever is lower than its shelf, so that room is kept and filled by lower rectangles.
Between any two rectangles lies a guard band: a detection on one must not reach into the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

GUARD = 8
"""Grey pixels between two regions: one cell of the finest grid of a YOLO detector."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a rectangle lies: which canvas, and its left top corner there."""

    canvas: int
    left: int
    top: int


@dataclass(slots=True)
class _Room:
    """Free room `width` x `height` at (`left`, `top`) of a canvas, above nothing but other free room or the shelf's end."""

    left: int
    top: int
    width: int
    height: int


@dataclass(slots=True)
class _Canvas:
    height_used: int = 0
    rooms: list[_Room] = field(default_factory=list)


def pack(sizes: Sequence[tuple[int, int]], width: int, height: int, canvases: int) -> list[Spot | None]:
    """A spot for each of `sizes` (width, height; even, in pixels) on at most `canvases` canvases of `width` x `height`, None
    for what found no room. No two overlap, nor come closer than `GUARD`, and corners lie at even coordinates.

    >>> pack([(40, 20), (40, 30)], 96, 64, 1)
    [Spot(canvas=0, left=48, top=0), Spot(canvas=0, left=0, top=0)]
    """
    spots: list[Spot | None] = [None] * len(sizes)
    sheets = [_Canvas() for _ in range(canvases)]
    # A guard is kept to the right of and below each rectangle; the last one of a row or column may let its guard hang out.
    for index in sorted(range(len(sizes)), key=lambda i: (-sizes[i][1], -sizes[i][0])):
        spots[index] = _place(sheets, sizes[index][0] + GUARD, sizes[index][1] + GUARD, width + GUARD, height + GUARD)
    return spots


def _place(sheets: Sequence[_Canvas], wide: int, high: int, width: int, height: int) -> Spot | None:
    for number, sheet in enumerate(sheets):
        spot = _in_a_room(sheet, number, wide, high)
        if spot is not None:
            return spot
        if sheet.height_used + high <= height and wide <= width:
            top = sheet.height_used
            sheet.height_used += high
            sheet.rooms.append(_Room(wide, top, width - wide, high))
            return Spot(number, 0, top)
    return None


def _in_a_room(sheet: _Canvas, number: int, wide: int, high: int) -> Spot | None:
    """Into the room that is left with the least height over it: the rest above stays a room."""
    best: _Room | None = None
    for room in sheet.rooms:
        if wide <= room.width and high <= room.height and (best is None or room.height < best.height):
            best = room
    if best is None:
        return None
    left, top, over = best.left, best.top, best.height - high
    if over > GUARD:
        sheet.rooms.append(_Room(left, top + high, wide, over))
    best.left += wide
    best.width -= wide
    if best.width <= GUARD:
        sheet.rooms.remove(best)
    return Spot(number, left, top)
