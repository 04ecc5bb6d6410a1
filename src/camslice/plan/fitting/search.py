"""Finds the point of a parameter space near a given one at which figures come out as they should.

A formula that is quick, smooth and a little wrong shows the way; a simulation that is slow, noisy and right says how wrong the
formula is there. Each round solves the formula, corrected by what the last simulation said, for the figures (damped least
squares after Levenberg and Marquardt), weakly pulled towards where it began, so that what the figures do not decide stays
there; a few rounds suffice ("space mapping", Bandler 1994).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from camslice.plan.fitting.parameters import Floats

Logs = Callable[[Floats], Floats]
"""At a point, the logarithm of each figure as it was stated, over what comes out: 0 where it comes out right."""

_ROUNDS = 6
_GOOD = 0.1
"""Once every figure is missed by less than this share of its tolerance, it is explained as well as it can be."""
_STEPS = 12
_FINE = 1e-4
_FARTHEST = 2.0


@dataclass(frozen=True, slots=True)
class Found:
    """A `point` in coordinates of the space, and the `errors` of all figures there by the simulation, in units of what is
    tolerated: 1 and less is tolerable."""

    point: Floats
    errors: Floats

    @property
    def worst(self) -> float:
        """The largest of them."""
        return float(np.abs(self.errors).max())

    def worst_but(self, index: int) -> float:
        """The largest of all but one."""
        return float(np.abs(np.delete(self.errors, index)).max())


def nearest(formula: Logs, simulation: Logs, tolerance: Floats, start: Floats, pull: Floats) -> Found:
    """The point near `start` that explains the figures, each to its `tolerance` (of the logarithm), or the best that was found.

    `pull`, for each coordinate: moved by one it counts as much as a figure missed by so many times its tolerance.
    """
    point, best = start, Found(start, np.full_like(tolerance, np.inf))
    correction = np.zeros_like(tolerance)
    for _ in range(_ROUNDS):
        point = _solved(lambda at, by=correction: (formula(at) + by) / tolerance, point, start, pull)  # type: ignore[misc]
        errors = simulation(point)
        found = Found(point, errors / tolerance)
        if found.worst < best.worst:
            best = found
        if best.worst < _GOOD:
            break
        correction = errors - formula(point)
    return best


def _solved(errors: Logs, begin: Floats, pull_to: Floats, pull: Floats) -> Floats:
    point, now = begin, errors(begin)
    damping = 0.01
    for _ in range(_STEPS):
        before = _cost(now, point - pull_to, pull)
        slopes = _slopes(errors, point, now)
        while damping < 1e6:
            step = _step(slopes, now, point - pull_to, pull, damping)
            trial = errors(point + step)
            if _cost(trial, point + step - pull_to, pull) < before:
                break
            damping *= 8.0
        else:
            break
        point, now = point + step, trial
        damping = max(1e-6, damping / 8.0)
        if before - _cost(now, point - pull_to, pull) < _FINE * before:
            break
    return point


def _slopes(errors: Logs, point: Floats, now: Floats) -> Floats:
    slopes = np.zeros((len(now), len(point)))
    for index in range(len(point)):
        moved = point.copy()
        moved[index] += _FINE
        slopes[:, index] = (errors(moved) - now) / _FINE
    return slopes


def _step(slopes: Floats, now: Floats, away: Floats, pull: Floats, damping: float) -> Floats:
    matrix = slopes.T @ slopes + np.diag(pull**2 + damping)
    step = np.asarray(np.linalg.solve(matrix, -(slopes.T @ now) - pull**2 * away), np.float64)
    longest = max(_FARTHEST, float(np.abs(step).max()))
    return step * (_FARTHEST / longest)


def _cost(errors: Floats, away: Floats, pull: Floats) -> float:
    return float(errors @ errors) + float(pull**2 @ away**2)
