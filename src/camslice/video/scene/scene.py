"""A street in which people walk to and fro: every frame can be drawn by its number, and where everybody is known exactly."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from camslice.video.colour import STILL_COLOUR
from camslice.video.picture import I420Picture
from camslice.video.planes import i420_of
from camslice.video.scene.background import HORIZON, draw_background
from camslice.video.scene.figure import GAIT_STEPS, Clothes, Sprite, draw_sprite, sprite_size, tallest_figure
from camslice.video.slot import ByteArray

Planes420 = tuple[ByteArray, ByteArray, ByteArray]
_STRIDE_HEIGHTS = 0.8
"""Length of a stride (two steps) in heights of the walker."""
_SKIN = ((236, 200, 175), (198, 150, 115), (141, 95, 65), (88, 58, 40))


class Scene:
    """The same `seed` and `size` (width, height, both even) give the same scene, frame by frame.

    Drawing and truth are functions of the frame number k alone; frame k shows the moment k / fps.

    >>> Scene(1, (320, 240), people=2).truth(0).shape
    (2, 4)
    """

    def __init__(self, seed: int, size: tuple[int, int], *, people: int = 5, fps: float = 10.0) -> None:
        self.width, self.height = size
        self.fps = fps
        rng = np.random.default_rng(seed)
        self._background = i420_of(draw_background(rng, self.width, self.height))
        walkers = [_Walker.cast(rng, self.width, self.height) for _ in range(people)]
        # Nearer people hide those behind them.
        self._walkers = sorted(walkers, key=lambda walker: walker.foot_y)

    def frame(self, k: int) -> Planes420:
        """Y uint8 [H, W], U and V uint8 [H/2, W/2] of frame k, BT.601 limited range. The arrays are the caller's."""
        planes = (self._background[0].copy(), self._background[1].copy(), self._background[2].copy())
        for walker in self._walkers:
            sprite, left, top = walker.at(k / self.fps)
            sprite.paste(planes, left, top)
        return planes

    def truth(self, k: int) -> npt.NDArray[np.float32]:
        """Where people are in frame k: boxes float32 [N, 4] (x1, y1, x2, y2 in pixels), farthest first.

        Each box encloses the whole figure, also what a nearer one hides; everybody stays inside the picture.
        """
        boxes = np.empty((len(self._walkers), 4), np.float32)
        for box, walker in zip(boxes, self._walkers, strict=True):
            sprite, left, top = walker.at(k / self.fps)
            box[:] = np.add(sprite.box, (left, top, left, top))
        return boxes

    def picture(self, k: int) -> I420Picture:
        """Frame k as a picture."""
        return I420Picture(*self.frame(k), STILL_COLOUR)


@dataclass(frozen=True)
class _Walker:
    """Somebody who walks between the picture's sides at one depth. Positions in pixels, time in seconds."""

    clothes: Clothes
    figure_height: int
    foot_y: int
    path: int
    speed: float
    start: float

    @classmethod
    def cast(cls, rng: np.random.Generator, width: int, height: int) -> _Walker:
        depth = float(rng.uniform(0.25, 1.0))
        figure_height = min(tallest_figure(width), max(8, round(height * (0.12 + 0.26 * depth))))
        sprite_width, sprite_height = sprite_size(figure_height)
        ground = height * (HORIZON + (1 - HORIZON) * depth)
        foot_y = min(height, max(sprite_height, round(ground / 2) * 2))
        path = max(1, width - sprite_width)
        clothes = Clothes(_SKIN[rng.integers(len(_SKIN))], _colour(rng, 20, 110), _colour(rng, 20, 230), _colour(rng, 15, 120))
        speed = figure_height * float(rng.uniform(0.5, 0.9))
        return cls(clothes, figure_height, foot_y, path, speed, float(rng.uniform(0, 2 * path)))

    def at(self, time_s: float) -> tuple[Sprite, int, int]:
        """The sprite at that time and where its left top corner lies."""
        walked = self.start + self.speed * time_s
        along = walked % (2 * self.path)
        goes_left = along > self.path
        x = 2 * self.path - along if goes_left else along
        gait_step = int(walked / (self.figure_height * _STRIDE_HEIGHTS) * GAIT_STEPS) % GAIT_STEPS
        sprite = _sprite(self.clothes, self.figure_height, gait_step, goes_left)
        return sprite, int(x) // 2 * 2, self.foot_y - sprite.y.shape[0]


@lru_cache(maxsize=1024)
def _sprite(clothes: Clothes, figure_height: int, gait_step: int, facing_left: bool) -> Sprite:
    return draw_sprite(clothes, figure_height, gait_step, facing_left=facing_left)


def _colour(rng: np.random.Generator, low: int, high: int) -> tuple[int, int, int]:
    red, green, blue = rng.integers(low, high, 3)
    return int(red), int(green), int(blue)
