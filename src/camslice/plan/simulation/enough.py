"""How long a simulation has to be: until the confidence interval of its percentile is narrow enough, and no longer.

By batch means: the frames in the order of their capture are cut into batches, each so long that what one frame does to the next
hardly reaches across; the batches' percentiles are then taken for independent. A simulation is started anew when it was too
short, with the same seed, so that the same load gives the same answer whatever lengths were tried before.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from camslice.plan.simulation.node import SimulatedNode
from camslice.plan.simulation.result import Simulated, Trace
from camslice.plan.simulation.simulate import DEFAULT_WARM_UP_S, Way, simulate

_BATCHES = 10
_T_95 = 2.262
"""Student's t for 95 % and nine degrees of freedom."""
_FRAMES_PER_BATCH = 200
"""Of fewer frames a 99th percentile is just their maximum."""


@dataclass(frozen=True, slots=True)
class Enough:
    """When a simulation is long enough: when the 95 % interval of the `percentile` is within so much of it, as a share, on each
    side; but no less than `least_s` and no more than `most_s` of simulated time."""

    percentile: float = 99.0
    within: float = 0.05
    least_s: float = 20.0
    most_s: float = 600.0


@dataclass(frozen=True, slots=True)
class Interval:
    """95 % confidence of a percentile over all frames, in ms. Infinite where dropped frames reach it."""

    low_ms: float
    high_ms: float

    def is_within(self, share: float) -> bool:
        """Whether both ends lie within this share of their middle. An infinite interval without doubt is."""
        if math.isinf(self.low_ms):
            return True
        return math.isfinite(self.high_ms) and self.high_ms - self.low_ms <= share * (self.high_ms + self.low_ms)


def enough_seconds(simulated: Simulated, enough: Enough) -> float:
    """How many seconds of this load are needed, from what a shorter simulation showed; its own length if that was enough."""
    interval = percentile_interval(simulated.trace, enough.percentile)
    seconds = simulated.seconds
    if interval is None:
        known = max(1, int(np.sum(~np.isnan(simulated.trace.total_ms))))
        return min(enough.most_s, max(2.0 * seconds, 1.1 * seconds * _BATCHES * _FRAMES_PER_BATCH / known))
    if interval.is_within(enough.within):
        return seconds
    if math.isinf(interval.high_ms):
        return min(enough.most_s, 4.0 * seconds)
    share = (interval.high_ms - interval.low_ms) / (interval.high_ms + interval.low_ms)
    return min(enough.most_s, seconds * min(8.0, max(1.5, (share / enough.within) ** 2)))


def simulate_enough(
    node: SimulatedNode,
    seed: int,
    enough: Enough = Enough(),
    warm_up_s: float = DEFAULT_WARM_UP_S,
    way: Way = Way.AUTO,
) -> Simulated:
    """Simulate as long as the interval needs. The same node and seed give the same result. Raises PlanError."""
    simulated = simulate(node, min(enough.least_s, enough.most_s), seed, warm_up_s, way)
    while simulated.seconds < (needed_s := enough_seconds(simulated, enough)):
        simulated = simulate(node, needed_s, seed, warm_up_s, way)
    return simulated


def percentile_interval(trace: Trace, percentile: float) -> Interval | None:
    """The interval of a percentile (0..100) over all frames whose fate is known; None from fewer frames than it takes."""
    total_ms = trace.total_ms
    known = total_ms[~np.isnan(total_ms)]
    if len(known) < _BATCHES * _FRAMES_PER_BATCH:
        return None
    of_batches = [_percentile(batch, percentile) for batch in np.array_split(known, _BATCHES)]
    if any(math.isinf(each) for each in of_batches):
        all_of_them = all(math.isinf(each) for each in of_batches)
        return Interval(math.inf if all_of_them else 0.0, math.inf)
    spread_ms = _T_95 * float(np.std(of_batches, ddof=1)) / math.sqrt(_BATCHES)
    middle_ms = float(np.mean(of_batches))
    return Interval(middle_ms - spread_ms, middle_ms + spread_ms)


def _percentile(values: np.ndarray[tuple[int], np.dtype[np.float64]], percentile: float) -> float:
    """The smallest value that so many percent do not exceed; infinite ones count."""
    rank = max(1, math.ceil(percentile / 100.0 * len(values)))
    return float(np.partition(values, rank - 1)[rank - 1])
