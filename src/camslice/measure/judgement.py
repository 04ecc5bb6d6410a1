"""Whether an objective held over a window, judged alike by `bench` and `profile`: over every frame that fell due.

A frame that was dropped counts as infinitely late. So does one that was missed: it fell due and was never captured, because
decoding was hopelessly late. Frames that were on their way when the window closed are not judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from camslice.fleet.accounting import FrameCounts
from camslice.fleet.histogram import Histogram
from camslice.fleet.types import Objective


@dataclass(frozen=True, slots=True)
class Judgement:
    """`p_all_ms`: the objective's percentile over all frames, None for infinite."""

    p_all_ms: float | None
    drop_rate: float
    met: bool


def judged(objective: Objective, total: Histogram, frames: FrameCounts) -> Judgement:
    """`total`: the latencies of the frames analysed. An objective is not met by a window without one."""
    p_all_ms = total.percentile(objective.percentile, infinite=lost_of(frames))
    few = lost_of(frames) <= objective.drop_rate * due_of(frames)
    return Judgement(p_all_ms, drop_rate_of(frames), p_all_ms is not None and p_all_ms <= objective.latency_ms and few)


def percentiles_of_all(total: Histogram, frames: FrameCounts) -> Mapping[int, float | None]:
    """p50, p95 and p99 in ms over all frames, lost ones infinitely late; None for infinite."""
    return {percentile: total.percentile(percentile, infinite=lost_of(frames)) for percentile in (50, 95, 99)}


def due_of(frames: FrameCounts) -> int:
    """Frames that fell due and came to an end."""
    return frames.captured - frames.in_flight + frames.missed


def lost_of(frames: FrameCounts) -> int:
    """Of them, those that should have been analysed and were not."""
    return frames.dropped + frames.missed


def drop_rate_of(frames: FrameCounts) -> float:
    """The share that was lost; 0 when nothing was due."""
    due = due_of(frames)
    return lost_of(frames) / due if due else 0.0
