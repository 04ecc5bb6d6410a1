"""A street in which people walk to and fro: every frame can be drawn by its number, and where everybody is known exactly."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from camslice.video.colour import STILL_COLOUR
from camslice.video.picture import I420Picture
from camslice.video.planes import i420_of
from camslice.video.scene.background import draw_background
from camslice.video.scene.conditions import FAIR, USUAL, Behaviour, Conditions
from camslice.video.scene.light import Light, Planes420
from camslice.video.scene.shake import offset, shifted
from camslice.video.scene.snow import Snow
from camslice.video.scene.walker import cast


class Scene:
    """The same `seed`, `size` (width, height, both even) and manner give the same scene, frame by frame.

    Drawing and truth are functions of the frame number k alone; frame k shows the moment k / fps.

    >>> Scene(1, (320, 240), people=2).truth(0).shape
    (2, 4)
    """

    def __init__(
        self,
        seed: int,
        size: tuple[int, int],
        *,
        people: int = 5,
        fps: float = 10.0,
        behaviour: Behaviour = USUAL,
        conditions: Conditions = FAIR,
    ) -> None:
        self.width, self.height = size
        self.fps = fps
        rng = np.random.default_rng(seed)
        self._background = i420_of(draw_background(rng, self.width, self.height))
        self._walkers = cast(rng, self.width, self.height, people, behaviour)
        self._light = Light(seed, self.width, self.height, conditions)
        self._snow = Snow(seed, self.width, self.height, conditions.snow) if conditions.snow else None
        self._shake = conditions.shake

    def frame(self, k: int) -> Planes420:
        """Y uint8 [H, W], U and V uint8 [H/2, W/2] of frame k, BT.601 limited range. The arrays are the caller's."""
        time_s = k / self.fps
        planes = (self._background[0].copy(), self._background[1].copy(), self._background[2].copy())
        for walker in self._walkers:
            if (seen := walker.at(time_s)) is not None:
                sprite, left, top = seen
                sprite.paste(planes, left, top)
        across, down = offset(time_s, self._shake)
        if across or down:
            y, u, v = planes
            half = (across // 2, down // 2)
            planes = (shifted(y, across, down), shifted(u, *half), shifted(v, *half))
        if self._snow is not None:
            self._snow.fall(planes[0], time_s)
        return self._light.fall_on(planes, k, time_s)

    def truth(self, k: int) -> npt.NDArray[np.float32]:
        """Where people are in frame k: boxes float32 [N, 4] (x1, y1, x2, y2 in pixels), farthest first.

        Each box encloses what of the figure is inside the picture, also what a nearer one hides. Somebody who has not come in
        yet has no box.
        """
        time_s = k / self.fps
        across, down = offset(time_s, self._shake)
        boxes = []
        for walker in self._walkers:
            if (seen := walker.at(time_s)) is not None:
                sprite, left, top = seen
                boxes.append(np.add(sprite.box, (left + across, top + down) * 2))
        limit = (self.width, self.height) * 2
        inside = np.clip(np.array(boxes, np.float32).reshape(-1, 4), 0, np.array(limit, np.float32))
        visible = (inside[:, 2] > inside[:, 0]) & (inside[:, 3] > inside[:, 1])
        return np.asarray(inside[visible], np.float32)

    def picture(self, k: int) -> I420Picture:
        """Frame k as a picture."""
        return I420Picture(*self.frame(k), STILL_COLOUR)
