"""Somebody who walks between the picture's sides, and how people are told to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from camslice.video.scene.background import HORIZON
from camslice.video.scene.body import Clothes
from camslice.video.scene.conditions import Behaviour
from camslice.video.scene.figure import GAIT_STEPS, Sprite, draw_sprite, sprite_size, tallest_figure

_STRIDE_HEIGHTS = 0.8
"""Length of a stride (two steps) in heights of the walker."""
_WALK_S = 8.0
"""For how long those who stop now and then walk in between."""
_SKIN = ((236, 200, 175), (198, 150, 115), (141, 95, 65), (88, 58, 40))
_HAIR = ((24, 20, 18), (58, 38, 26), (96, 66, 40), (150, 122, 84), (120, 118, 116))


@dataclass(frozen=True)
class Walker:
    """Somebody who walks between the picture's sides at one depth. Positions in pixels, time in seconds."""

    clothes: Clothes
    figure_height: int
    foot_y: int
    path: int
    speed: float
    start: float
    stop_s: float
    phase_s: float
    enter_s: float | None

    def at(self, time_s: float) -> tuple[Sprite, int, int] | None:
        """The sprite at that time and where its left top corner lies, both even; None before he enters."""
        if self.enter_s is not None and time_s < self.enter_s:
            return None
        walked = self.start + self.speed * self._walked_s(time_s)
        along = walked % (2 * self.path) if walked >= 0 else walked
        goes_left = along > self.path
        x = 2 * self.path - along if goes_left else along
        gait_step = int(walked / (self.figure_height * _STRIDE_HEIGHTS) * GAIT_STEPS) % GAIT_STEPS
        sprite = _sprite(self.clothes, self.figure_height, gait_step, goes_left)
        return sprite, int(x // 2) * 2, self.foot_y - sprite.y.shape[0]

    def _walked_s(self, time_s: float) -> float:
        """How much of the time he walked."""
        since_s = time_s - (self.enter_s or 0.0)
        if not self.stop_s:
            return since_s
        rounds, rest_s = divmod(since_s + self.phase_s, _WALK_S + self.stop_s)
        return rounds * _WALK_S + min(rest_s, _WALK_S)


def cast(rng: np.random.Generator, width: int, height: int, people: int, behaviour: Behaviour) -> list[Walker]:
    """So many walkers, farthest first: nearer people hide those behind them."""
    walkers = [_one(rng, width, height, behaviour) for _ in range(people)]
    if behaviour.groups and walkers:
        walkers = _in_groups(rng, walkers, behaviour.groups)
    return sorted(walkers, key=lambda walker: walker.foot_y)


def _one(rng: np.random.Generator, width: int, height: int, behaviour: Behaviour) -> Walker:
    depth = float(rng.uniform(0.25, 1.0))
    figure_height = min(tallest_figure(width), max(8, round(height * (0.12 + 0.26 * depth) * behaviour.scale)))
    sprite_width, sprite_height = sprite_size(figure_height)
    ground = height * (HORIZON + (1 - HORIZON) * depth)
    foot_y = min(height // 2 * 2, max(sprite_height, round(ground / 2) * 2))
    path = max(1, width - sprite_width)
    clothes = Clothes(
        _SKIN[rng.integers(len(_SKIN))], _HAIR[rng.integers(len(_HAIR))], _colour(rng, 20, 230), _colour(rng, 15, 120)
    )
    speed = figure_height * float(rng.uniform(0.5, 0.9)) * behaviour.speed
    start = float(rng.uniform(0, 2 * path))
    if behaviour.enter_s is not None:
        start = -float(sprite_width)
    phase_s = float(rng.uniform(0, _WALK_S)) if behaviour.stop_s else 0.0
    return Walker(clothes, figure_height, foot_y, path, speed, start, behaviour.stop_s, phase_s, behaviour.enter_s)


def _in_groups(rng: np.random.Generator, walkers: list[Walker], groups: int) -> list[Walker]:
    """The same people at about the first one's depth, close behind one another; every other group comes from the right."""
    first = walkers[0]
    tall = first.figure_height
    placed = []
    for number, walker in enumerate(walkers):
        rank, group = divmod(number, groups)
        start = first.path * (group % 2) + tall * (0.4 * rank + float(rng.uniform(0, 0.2)))
        foot_y = max(sprite_size(tall)[1], first.foot_y - round(tall * float(rng.uniform(0, 0.1))) // 2 * 2)
        speed = first.speed * (1 - 0.15 * (group % 2))
        placed.append(replace(first, clothes=walker.clothes, start=start, foot_y=foot_y, speed=speed))
    return placed


@lru_cache(maxsize=1024)
def _sprite(clothes: Clothes, figure_height: int, gait_step: int, facing_left: bool) -> Sprite:
    return draw_sprite(clothes, figure_height, gait_step, facing_left=facing_left)


def _colour(rng: np.random.Generator, low: int, high: int) -> tuple[int, int, int]:
    red, green, blue = rng.integers(low, high, 3)
    return int(red), int(green), int(blue)
