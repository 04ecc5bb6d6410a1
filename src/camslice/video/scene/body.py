"""Draws a walking person from the side, part by part: what a detector trained on photographs takes for one.

Lengths are shares of the height, as in a person of 7.5 heads. Joints bend, the far side is darker and light comes from one
side: figures of straight limbs, without shoes and hands, YOLOv8n found 72 times in a hundred; these 97 times (confidence
0.35, IoU 0.5, three streets of five people).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from camslice.video.slot import ByteArray

Rgb = tuple[int, int, int]
Point = tuple[float, float]
_SHOES: Rgb = (28, 26, 26)
_TRUNK = ((-0.075, 0.19), (0.06, 0.185), (0.09, 0.24), (0.085, 0.40), (0.08, 0.54), (-0.085, 0.54), (-0.09, 0.38), (-0.1, 0.25))
"""Outline of the trunk, from the body's axis to the front and from the top down."""


@dataclass(frozen=True, slots=True)
class Clothes:
    """Colours of a figure, RGB."""

    skin: Rgb
    hair: Rgb
    top: Rgb
    trousers: Rgb


class Body:
    """A canvas of `width` x `height` pixels with one person on it, facing right.

    `colours` uint8 [height, width, 3]; `alpha` uint8 [height, width], 255 where the person is.
    """

    def __init__(self, clothes: Clothes, width: int, height: int, phase: float) -> None:
        """`phase`: how far the stride has come, in radians."""
        self._clothes = clothes
        self._height = height
        self._axis = width / 2 / height
        # Around the figure the colours of its edge must not turn black when they are averaged.
        self.colours: ByteArray = np.full((height, width, 3), clothes.top, np.uint8)
        self.alpha: ByteArray = np.zeros((height, width), np.uint8)
        self._arm(phase, 0.75)
        self._leg(phase + math.pi, 0.8)
        self._leg(phase, 1.0)
        self._stroke((self._axis, 0.13), (self._axis, 0.20), 0.05, _shaded(clothes.skin, 0.85))
        self._trunk()
        self._head()
        self._arm(phase + math.pi, 0.88)
        light = np.linspace(1.12, 0.82, width, dtype=np.float32)[None, :, None]
        self.colours = np.clip(self.colours * light, 0, 255).astype(np.uint8)

    def _leg(self, phase: float, shade: float) -> None:
        """Thigh, shin and shoe. The leg that swings forward bends its knee."""
        thigh = 0.45 * math.sin(phase)
        shin = thigh - 0.44 * max(0.0, math.cos(phase))
        hip = (self._axis, 0.50)
        knee = _end(hip, thigh, 0.235)
        ankle = _end(knee, shin, 0.235)
        colour = _shaded(self._clothes.trousers, shade)
        self._stroke(hip, knee, 0.088, colour)
        self._stroke(knee, ankle, 0.066, colour)
        heel = (ankle[0] - 0.01, min(ankle[1], 0.975))
        self._stroke(heel, (ankle[0] + 0.06, min(ankle[1] + 0.012, 0.98)), 0.038, _SHOES)

    def _arm(self, phase: float, shade: float) -> None:
        """Upper arm, lower arm and hand; an arm swings against the leg of its side."""
        upper = 0.5 * math.sin(phase)
        shoulder = (self._axis, 0.215)
        elbow = _end(shoulder, upper, 0.15)
        hand = _end(elbow, upper + 0.35, 0.14)
        colour = _shaded(self._clothes.top, shade)
        self._stroke(shoulder, elbow, 0.058, colour)
        self._stroke(elbow, hand, 0.049, colour)
        self._stroke(hand, hand, 0.044, self._clothes.skin)

    def _trunk(self) -> None:
        outline = np.array([self._pixel((self._axis + x, y)) for x, y in _TRUNK], np.int32)
        cv2.fillPoly(self.colours, [outline], self._clothes.top, cv2.LINE_AA)
        cv2.fillPoly(self.alpha, [outline], 255, cv2.LINE_AA)

    def _head(self) -> None:
        """The face, and hair over its top and back."""
        self._ellipse((self._axis + 0.008, 0.075), (0.052, 0.068), (0, 360), self._clothes.skin)
        self._ellipse((self._axis - 0.006, 0.065), (0.055, 0.062), (150, 350), self._clothes.hair)

    def _stroke(self, start: Point, end: Point, thickness: float, colour: Rgb) -> None:
        wide = max(1, round(thickness * self._height))
        cv2.line(self.colours, self._pixel(start), self._pixel(end), colour, wide, cv2.LINE_AA)
        cv2.line(self.alpha, self._pixel(start), self._pixel(end), 255, wide, cv2.LINE_AA)

    def _ellipse(self, middle: Point, axes: Point, degrees: tuple[int, int], colour: Rgb) -> None:
        where, size = self._pixel(middle), self._pixel(axes)
        cv2.ellipse(self.colours, where, size, 0, *degrees, colour, -1, cv2.LINE_AA)
        cv2.ellipse(self.alpha, where, size, 0, *degrees, 255, -1, cv2.LINE_AA)

    def _pixel(self, point: Point) -> tuple[int, int]:
        return round(point[0] * self._height), round(point[1] * self._height)


def _end(start: Point, angle: float, length: float) -> Point:
    """Where a limb ends that hangs from `start`, `angle` radians to the front."""
    return start[0] + math.sin(angle) * length, start[1] + math.cos(angle) * length


def _shaded(colour: Rgb, share: float) -> Rgb:
    return round(colour[0] * share), round(colour[1] * share), round(colour[2] * share)
