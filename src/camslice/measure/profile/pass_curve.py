"""From trials that held the objective or did not, to the load at which half of them hold, with its confidence interval.

Near its capacity a machine holds the objective sometimes: arrivals, other programs and the clock speed differ from trial to
trial. So a trial at n streams is taken to hold with the probability

    P(n) = 1 / (1 + exp((n - c) / s))

where c is the capacity (half of the trials hold there) and s how gradual the change is. The likelihood of all trials is
maximised over c and over s = r c with r between 0.2 % and 10 %. The 95 % interval is that of the profile likelihood: every
c for which some s gives a log-likelihood no more than t^2 / 2 below the best, t being Student's 97.5 % quantile with two
degrees of freedom less than there are trials (for very many trials that is the usual 1.92; with few the usual one is too
narrow). Trials that are perfectly separated pose no problem: the best c is then the middle of the gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_STEEPEST, _GENTLEST = 0.002, 0.1
_STEEPNESSES = 25
_STEPS = 1200
_FLAT = 1e-6
_FEW = (12.7062, 4.3027, 3.1824, 2.7764)
"""Student's 97.5 % quantile for one to four degrees of freedom, from the tables."""
_REACH = 1.6
"""Capacities are looked for from the smallest load tried, divided by this, to the largest, times it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A trial at a load: whether the objective held."""

    streams: int
    held: bool


@dataclass(frozen=True, slots=True)
class CapacityEstimate:
    """The load at which half of the trials hold, and its 95 % confidence interval; in streams, not whole ones."""

    streams: float
    low: float
    high: float

    @property
    def width(self) -> float:
        """Of the interval, in streams."""
        return self.high - self.low


def estimate_capacity(outcomes: Sequence[Outcome]) -> CapacityEstimate:
    """The maximum of the likelihood and the interval of its profile. Needs at least one trial; more make it narrower.

    >>> estimate_capacity([Outcome(9, True), Outcome(10, True), Outcome(11, False), Outcome(12, False)]).streams
    10.5
    """
    loads = np.array([outcome.streams for outcome in outcomes], np.float64)
    signs = np.array([1.0 if outcome.held else -1.0 for outcome in outcomes])
    capacities = np.linspace(loads.min() / _REACH, loads.max() * _REACH, _STEPS)
    likelihood = _profile_likelihood(capacities, loads, signs)
    best = capacities[likelihood >= likelihood.max() - _FLAT]
    inside = capacities[likelihood >= likelihood.max() - _allowed_drop(len(outcomes))]
    middle = _middle(best, outcomes)
    return CapacityEstimate(middle, min(middle, float(inside[0])), max(middle, float(inside[-1])))


def _profile_likelihood(
    capacities: npt.NDArray[np.float64], loads: npt.NDArray[np.float64], signs: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """For each capacity the log-likelihood of all trials with the steepness that suits it best."""
    steepnesses = np.geomspace(_STEEPEST, _GENTLEST, _STEEPNESSES)
    distance = (capacities[:, None] - loads[None, :]) * signs[None, :]  # [C, N], positive where the trial was to be expected
    scale = capacities[:, None] * steepnesses[None, :]  # [C, S]
    terms = -np.logaddexp(0.0, -distance[:, None, :] / scale[:, :, None])  # [C, S, N]
    best: npt.NDArray[np.float64] = terms.sum(axis=2).max(axis=1)
    return best


def _allowed_drop(trials: int) -> float:
    """Half of the square of Student's 97.5 % quantile."""
    return student_quantile(max(1, trials - 2)) ** 2 / 2


def student_quantile(freedom: int) -> float:
    """The 97.5 % quantile of Student's t: from the table up to four degrees of freedom, above that by the expansion in them
    (Cornish and Fisher; within 0.3 %).
    """
    if freedom <= len(_FEW):
        return _FEW[freedom - 1]
    return 1.95996 + 2.37227 / freedom + 2.82250 / freedom**2 + 2.55585 / freedom**3


def _middle(best: npt.NDArray[np.float64], outcomes: Sequence[Outcome]) -> float:
    """The best capacity; of trials that are perfectly separated, exactly the middle of the gap."""
    held = max((outcome.streams for outcome in outcomes if outcome.held), default=None)
    broke = min((outcome.streams for outcome in outcomes if not outcome.held), default=None)
    if held is not None and broke is not None and held < broke:
        return (held + broke) / 2
    return float(best.mean())
