"""Finds the point of a parameter space that explains figures best, and others that explain them about as well.

Damped least squares (Levenberg and Marquardt, slopes corrected as Broyden did), weakly pulled towards where it began. The best
set begins with the usual values, so that what the figures do not decide stays usual. Others walk from there, in a few strides,
each towards a point drawn from the whole range, and are brought back after each stride to where the figures are still
explained; a walk ends where they no longer are. Others again begin somewhere else at once, for there may be valleys that no
walk reaches. So the sets reach about as far as the figures leave them free; that is no proof that nothing lies farther out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from camslice.plan.fitting.parameters import Floats

Errors = Callable[[Floats], Floats]
"""At a point, the relative error of each figure in units of what is tolerated of it."""

_PULL = 0.03
"""Weight of the pull: a coordinate moved by one counts as much as a figure missed by this share of its tolerance."""
_STEP = 0.06
_FARTHEST = 2.0
_MOST_ROUNDS = 12
GOOD = 0.02
"""Once every figure is missed by less than this share of its tolerance, it is explained as well as it can be."""
GOOD_ENOUGH = 0.25
"""The same for a set of which it only matters that it is tolerable."""
_NO_STEP = 1e-16
_STRIDES = (0.1, 0.15, 0.2, 0.25, 0.3)
_FLAT = 0.02


@dataclass(slots=True)
class Found:
    """`worst`: the largest error, in units of what is tolerated; 1 and less is tolerable. `point` in coordinates of the space.

    `slopes` of the errors there, shape (figures, coordinates), for the next search that begins there.
    """

    point: Floats
    worst: float
    slopes: Floats

    @property
    def tolerable(self) -> bool:
        """Whether every figure is explained as well as is asked for."""
        return self.worst <= 1.0


def nearest(errors: Errors, start: Floats, slopes: Floats | None = None, good: float = GOOD) -> Found:
    """The point near `start` that explains the figures: to `good` times what is tolerated, if it can be found. `slopes` about
    there, if they are known."""
    point, now = start.copy(), errors(start)
    known = slopes is not None
    slopes = _slopes(errors, point, now) if slopes is None else slopes.copy()
    damping = 1.0
    for _ in range(_MOST_ROUNDS):
        if float(np.abs(now).max()) < good:
            break
        before = _cost(now, point - start)
        step = _step(slopes, now, point - start, damping)
        length = float(step @ step)
        if length < _NO_STEP:
            break
        trial = errors(point + step)
        corrected: Floats = slopes + np.outer(trial - now - slopes @ step, step) / length
        slopes = corrected
        if _cost(trial, point + step - start) < before:
            point, now = point + step, trial
            damping = max(1e-3, damping / 4.0)
            known = known or _cost(now, point - start) > 0.5 * before
        elif known:
            slopes, known = _slopes(errors, point, now), False
        else:
            damping *= 6.0
            known = damping > 1e3
    return Found(point, float(np.abs(now).max()), slopes)


def walk(errors: Errors, begin: Found, towards: Floats) -> Iterator[Found]:
    """Tolerable points on the way from a tolerable one to another, as far as there are any.

    A stride goes along what the slopes say changes no figure, and is corrected from there.
    """
    found = begin
    for stride in _STRIDES:
        ahead = stride * (towards - begin.point)
        level = ahead - np.linalg.pinv(found.slopes, rcond=_FLAT) @ (found.slopes @ ahead)
        found = nearest(errors, found.point + level, found.slopes, GOOD_ENOUGH)
        if not found.tolerable:
            return
        yield found


def _slopes(errors: Errors, point: Floats, now: Floats) -> Floats:
    slopes = np.zeros((len(now), len(point)))
    for index in range(len(point)):
        moved = point.copy()
        step = _STEP if moved[index] < 0.0 else -_STEP  # towards the middle, where a coordinate moves its parameter most
        moved[index] += step
        slopes[:, index] = (errors(moved) - now) / step
    return slopes


def _step(slopes: Floats, now: Floats, away: Floats, damping: float) -> Floats:
    pull = _PULL**2
    matrix = slopes.T @ slopes + (pull + 0.01 * damping) * np.eye(slopes.shape[1])
    step = np.asarray(np.linalg.solve(matrix, -(slopes.T @ now) - pull * away), np.float64)
    longest = max(_FARTHEST, float(np.abs(step).max()))
    return step * (_FARTHEST / longest)


def _cost(errors: Floats, away: Floats) -> float:
    return float(errors @ errors) + _PULL**2 * float(away @ away)
