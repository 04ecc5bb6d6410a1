"""What a simulation found: a latency histogram per stage, the fates of all frames, and how busy everything was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from camslice.fleet.accounting import Fate, FrameCounts
from camslice.fleet.histogram import Histogram
from camslice.fleet.stages import STAGES

ANALYSED, SUPERSEDED, STALE, IN_FLIGHT = 0, 1, 2, 3
"""Codes of fates in arrays."""


@dataclass(frozen=True, slots=True)
class Trace:
    """Every frame in the order in which it was captured: when (ms of simulated time), of which pod and stream, its fate (a
    code), and ms by stage, shape (frames, `len(STAGES)`)."""

    captured_ms: npt.NDArray[np.float64]
    pods: npt.NDArray[np.int64]
    streams: npt.NDArray[np.int64]
    fates: npt.NDArray[np.int64]
    stage_ms: npt.NDArray[np.float64]

    @property
    def total_ms(self) -> npt.NDArray[np.float64]:
        """From capture to the detections; infinite for a frame that was dropped, not a number for one in flight."""
        total: npt.NDArray[np.float64] = self.stage_ms.sum(axis=1)
        total[(self.fates == SUPERSEDED) | (self.fates == STALE)] = np.inf
        total[self.fates == IN_FLIGHT] = np.nan
        return total

    def of(self, chosen: npt.NDArray[np.bool_]) -> Trace:
        """Those frames alone."""
        return Trace(
            self.captured_ms[chosen], self.pods[chosen], self.streams[chosen], self.fates[chosen], self.stage_ms[chosen]
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """Some frames: all of a node, or those of one model. `p_all_ms`: the objective's percentile over all of them, a dropped one
    counting as infinitely late (None: infinite). `fps`: analysed per second."""

    frames: FrameCounts
    stages: Mapping[str, Histogram]
    fps: float
    p_all_ms: float | None

    @property
    def total(self) -> Histogram:
        """From capture to the detections, of the frames that were analysed."""
        return self.stages["total"]

    def percentile_all(self, percentile: float) -> float | None:
        """Any percentile (0..100) over all frames in ms; None where it is infinite or nothing happened."""
        return self.total.percentile(percentile, infinite=self.frames.dropped)


@dataclass(frozen=True, slots=True)
class Simulated:
    """What came out of `seconds` of simulated time, after the warm-up.

    `utilisation`: `cpu` (of all that the processor can do, spinning included) and `accelerator` (of its time, switches
    included; 0 where there is none). `drops` counts dropped frames by fate. `events` are those of the simulation, `wall_s`
    says how long it took, and neither that nor `compiled` is of the result: they do not count in a comparison.
    """

    node: Outcome
    models: Mapping[str, Outcome]
    utilisation: Mapping[str, float]
    seconds: float
    events: int
    trace: Trace
    wall_s: float
    compiled: bool

    @property
    def stages(self) -> Mapping[str, Histogram]:
        """By stage, and `total`."""
        return self.node.stages

    @property
    def fps(self) -> float:
        """Frames analysed per second, of all streams together."""
        return self.node.fps

    @property
    def drops(self) -> Mapping[str, int]:
        """Frames dropped, by fate."""
        return {Fate.SUPERSEDED.value: self.node.frames.superseded, Fate.STALE.value: self.node.frames.stale}


def outcome_of(trace: Trace, seconds: float, done: int, percentile: float) -> Outcome:
    """What these frames came to; `done` of any were finished within the `seconds`."""
    fates = np.bincount(trace.fates, minlength=4)
    frames = FrameCounts(
        captured=len(trace.fates),
        analysed=int(fates[ANALYSED]),
        superseded=int(fates[SUPERSEDED]),
        stale=int(fates[STALE]),
        in_flight=int(fates[IN_FLIGHT]),
    )
    stages = _stages(trace.stage_ms[trace.fates == ANALYSED])
    p_all_ms = stages["total"].percentile(percentile, infinite=frames.dropped)
    return Outcome(frames, stages, done / seconds if seconds else 0.0, p_all_ms)


def _stages(stage_ms: npt.NDArray[np.float64]) -> dict[str, Histogram]:
    """A stage that takes no time in any frame is left out; `total` is always there."""
    stages: dict[str, Histogram] = {}
    for index, name in enumerate(STAGES):
        if np.any(stage_ms[:, index] > 0.0):
            stages[name] = Histogram()
            stages[name].add(stage_ms[:, index])
    stages["total"] = Histogram()
    stages["total"].add(stage_ms.sum(axis=1))
    return stages
