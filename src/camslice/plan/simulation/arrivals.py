"""When frames fall due and when they arrive, from a seed.

Each stream has random numbers of its own: a node with one pod more has the same arrivals for all others, so that its latency
differs by what the pod costs and not by luck (common random numbers).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from camslice.plan.simulation.load import Unevenness
from camslice.plan.simulation.node import SimulatedNode, SimulatedPod, SimulatedStream

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Frames of all open loops in the order in which they arrive; times in ms. Each array has one entry per frame."""

    arrival_ms: Floats
    captured_ms: Floats
    pods: Ints
    streams: Ints


def arrivals_of(node: SimulatedNode, seed: int, end_ms: float) -> Arrivals:
    """Every frame that is captured before `end_ms`. The number of a stream counts within its pod."""
    parts = [
        _of_stream(stream, pod, number, seed, end_ms)
        for pod, each in enumerate(node.pods)
        for number, stream in enumerate(each.streams)
        if stream.interval_ms is not None
    ]
    if not parts:
        return Arrivals(np.zeros(0), np.zeros(0), np.zeros(0, np.int64), np.zeros(0, np.int64))
    arrival_ms = np.maximum(np.concatenate([part.arrival_ms for part in parts]), node.stall_ms)
    order = np.argsort(arrival_ms, kind="stable")
    return Arrivals(
        arrival_ms[order],
        np.concatenate([part.captured_ms for part in parts])[order],
        np.concatenate([part.pods for part in parts])[order],
        np.concatenate([part.streams for part in parts])[order],
    )


def loop_start_ms(pod: SimulatedPod, pod_number: int, stream_number: int, seed: int) -> float:
    """When a closed loop begins: at a random time within its first frame, as pods do that were not started together."""
    alone_ms = sum(step.ms for step in (*pod.before, *pod.batches[0], *pod.after))
    return float(_dice(seed, pod_number, stream_number).random()) * alone_ms


FACTORS = 4096
"""After so many frames of a stream their costs come again from the first."""


def work_factors(pod: SimulatedPod, pod_number: int, stream_number: int, seed: int) -> Floats:
    """What each frame costs, relative to the mean: log-normal, so never negative, with the pod's `work_cv`, and mean 1 over
    all of them."""
    dice = np.random.default_rng((seed, pod_number, stream_number, 1))
    spread = float(np.sqrt(np.log1p(pod.work_cv**2)))
    factors: Floats = np.exp(dice.normal(0.0, spread, FACTORS))
    factors /= factors.mean()
    return factors


def _of_stream(stream: SimulatedStream, pod: int, number: int, seed: int, end_ms: float) -> Arrivals:
    assert stream.interval_ms is not None  # noqa: S101 (its caller looked)
    dice = _dice(seed, pod, number)
    drawn = float(dice.random())  # even if it is not wanted: what is drawn after it is then the same
    first_ms = (drawn if stream.phase is None else stream.phase) * stream.interval_ms
    count = max(0, int(np.ceil((end_ms - first_ms) / stream.interval_ms)))
    captured_ms: Floats = first_ms + stream.interval_ms * np.arange(count, dtype=np.float64)
    late_ms = np.maximum(_late_ms(stream.unevenness, captured_ms, dice), stream.company_ms)
    arrival_ms = np.maximum.accumulate(captured_ms + late_ms)
    return Arrivals(arrival_ms, captured_ms, np.full(count, pod, np.int64), np.full(count, number, np.int64))


def _late_ms(unevenness: Unevenness, captured_ms: Floats, dice: np.random.Generator) -> Floats:
    late_ms: Floats = np.zeros_like(captured_ms)
    if unevenness.keyframe_interval_s > 0.0 and unevenness.keyframe_delay_ms > 0.0:
        interval_ms = 1000.0 * unevenness.keyframe_interval_s
        since_keyframe_ms = (captured_ms + float(dice.random()) * interval_ms) % interval_ms
        late_ms += np.maximum(unevenness.keyframe_delay_ms - since_keyframe_ms, 0.0)
    if unevenness.jitter_ms > 0.0:
        late_ms += dice.exponential(unevenness.jitter_ms, len(captured_ms))
    return late_ms


def _dice(seed: int, pod: int, stream: int) -> np.random.Generator:
    return np.random.default_rng((seed, pod, stream))
