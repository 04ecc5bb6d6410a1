"""A formula for the means of pods that share a processor and an accelerator: quick, smooth, and about right.

A closed network with one station, the accelerator, and a delay, the processor: pods that spin keep as many threads runnable as
they have, so that each thread's rate is the same all the time. The station takes turns first come, first served; a pod that
comes finds the others as they are on average (mean-value analysis after Bard and Schweitzer), those in line with a whole turn
before them and the one that computes with half of it. Exact where nobody waits, a few per cent low where the accelerator is all
there is; between the two it does not know that pods come in bunches. A search follows its slopes, and the simulator says how
far it is off.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from camslice.plan.simulation.node import Processor, Slices, Step, Where


@dataclass(frozen=True, slots=True)
class Turns:
    """What one frame takes of the accelerator: how many turns, their sum and the sum of their squares (ms, ms²)."""

    count: float
    sum_ms: float
    squares_ms2: float

    def __add__(self, other: Turns) -> Turns:
        return Turns(self.count + other.count, self.sum_ms + other.sum_ms, self.squares_ms2 + other.squares_ms2)


def estimated_stage_ms(
    steps: Sequence[Step],
    slices: Slices,
    processor: Processor,
    threads_per_pod: float,
    pods: int,
    *,
    shared: bool,
    work_cv: float = 0.0,
) -> Mapping[str, float]:
    """Mean ms by stage of `pods` in a closed loop, one accelerator for all if it is `shared`, else one each."""
    rate = processor.rate(pods * threads_per_pod)
    switch_ms = slices.switch_ms if shared and pods > 1 else 0.0
    cpu_ms: dict[str, float] = {}
    turns: dict[str, Turns] = {}
    for step in steps:
        cpu_ms.setdefault(step.stage, 0.0)
        turns.setdefault(step.stage, Turns(0.0, 0.0, 0.0))
        if step.where is Where.CPU:
            cpu_ms[step.stage] += step.ms / rate
        elif step.ms > 0.0:
            turns[step.stage] += _turns(step.ms, slices.slice_ms, switch_ms)
    whole = sum(turns.values(), Turns(0.0, 0.0, 0.0))
    wait_ms = _wait_ms(whole, sum(cpu_ms.values()), pods if shared else 1, work_cv)
    return {stage: cpu_ms[stage] + turns[stage].sum_ms + turns[stage].count * wait_ms for stage in cpu_ms}


def _turns(work_ms: float, slice_ms: float, switch_ms: float) -> Turns:
    """Of one visit. The last slice is partly used: half of it on average, where there are several."""
    count = max(1.0, work_ms / slice_ms + 0.5) if work_ms > slice_ms else 1.0
    each_ms = work_ms / count + switch_ms
    return Turns(count, count * each_ms, count * each_ms**2)


def _wait_ms(turns: Turns, away_ms: float, pods: int, work_cv: float) -> float:
    """Mean wait before a turn. With throughput X per pod-cycle, wait W = a/2 X M / (1 - a X S), where S and M are the sums
    of a frame's turns and of their squares and a = (n - 1) / n; and n pods in a cycle of away + S + count x W give X: a
    quadratic equation."""
    if pods < 2 or turns.sum_ms <= 0.0:
        return 0.0
    others = (pods - 1) / pods
    squares = turns.squares_ms2 * (1.0 + work_cv**2)
    alone_ms = away_ms + turns.sum_ms
    a = 0.5 * turns.count * others * squares - others * turns.sum_ms * alone_ms
    b = alone_ms + pods * others * turns.sum_ms
    c = -float(pods)
    most = 1.0 / (others * turns.sum_ms)
    if abs(a) < 1e-12 * b * b:
        throughput = -c / b
    else:
        root = math.sqrt(max(0.0, b * b - 4.0 * a * c))
        throughput = min((x for x in ((-b + root) / (2 * a), (-b - root) / (2 * a)) if x > 0.0), default=most)
    throughput = min(throughput, most * (1.0 - 1e-9))
    return (pods / throughput - alone_ms) / turns.count
