"""A walking figure, drawn once for each position of its legs and pasted from then on."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from camslice.video.planes import i420_of
from camslice.video.scene.body import Body, Clothes
from camslice.video.slot import ByteArray

GAIT_STEPS = 8
"""Positions of the legs in one stride."""
_OVERSAMPLING = 4
_ASPECT = 0.62


@dataclass(frozen=True, slots=True)
class Sprite:
    """A figure to be pasted with its left top corner at even coordinates.

    `y`, `mask` [h, w] and `u`, `v`, `half_mask` [h/2, w/2], h and w even. `box` is left, top, right, bottom of what is drawn.
    """

    y: ByteArray
    u: ByteArray
    v: ByteArray
    mask: npt.NDArray[np.bool_]
    half_mask: npt.NDArray[np.bool_]
    box: tuple[int, int, int, int]

    def paste(self, planes: tuple[ByteArray, ByteArray, ByteArray], left: int, top: int) -> None:
        """Draw what is inside onto Y, U and V planes; `left` and `top` are even and may lie outside."""
        _paste(planes[0], self.y, self.mask, left, top)
        _paste(planes[1], self.u, self.half_mask, left // 2, top // 2)
        _paste(planes[2], self.v, self.half_mask, left // 2, top // 2)


def _paste(plane: ByteArray, ink: ByteArray, mask: npt.NDArray[np.bool_], left: int, top: int) -> None:
    height, width = ink.shape
    rows = slice(max(0, -top), max(0, min(height, plane.shape[0] - top)))
    columns = slice(max(0, -left), max(0, min(width, plane.shape[1] - left)))
    target = plane[max(0, top) : max(0, top + height), max(0, left) : max(0, left + width)]
    np.copyto(target, ink[rows, columns], where=mask[rows, columns])


def sprite_size(figure_height: int) -> tuple[int, int]:
    """Width and height, both even, of the sprites of a figure so many pixels tall."""
    return max(4, round(figure_height * _ASPECT / 2) * 2), max(8, round(figure_height / 2) * 2)


def tallest_figure(width: int) -> int:
    """How tall a figure may be, in pixels, for its sprite to fit an even width."""
    return math.floor(width / _ASPECT)


def draw_sprite(clothes: Clothes, figure_height: int, gait_step: int, *, facing_left: bool) -> Sprite:
    """Draw a figure in one position of its legs."""
    width, height = sprite_size(figure_height)
    phase = 2 * math.pi * gait_step / GAIT_STEPS
    body = Body(clothes, width * _OVERSAMPLING, height * _OVERSAMPLING, phase)
    colours, alpha = body.colours, body.alpha
    if facing_left:
        colours, alpha = np.ascontiguousarray(colours[:, ::-1]), np.ascontiguousarray(alpha[:, ::-1])
    rgb = np.asarray(cv2.resize(colours, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    mask = np.asarray(cv2.resize(alpha, (width, height), interpolation=cv2.INTER_AREA), np.uint8) > 127
    half_mask = mask[::2, ::2] | mask[::2, 1::2] | mask[1::2, ::2] | mask[1::2, 1::2]
    return Sprite(*i420_of(rgb), mask, half_mask, _box_of(mask))


def _box_of(mask: npt.NDArray[np.bool_]) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
