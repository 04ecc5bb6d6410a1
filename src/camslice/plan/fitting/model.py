"""What a set of parameters says of a row: pods that share a processor and an accelerator, each as fast as it can.

The simulator says it, in a short run of its quick kernel; two cases need none, because a formula is exact there:

- One pod alone pays no switch: its processor time at the rate that its own threads leave it, and its accelerator time.
- Pods that need nothing but the accelerator keep it busy all the time. Each frame takes rounds of slices, one turn of each
  pod in each; a turn ends with a switch. By Little's law the mean latency of a closed loop is the number of pods times what
  one frame takes of the accelerator on average: n pods x (work + switch x slices begun).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

import numpy as np

from camslice.fleet.stages import STAGES
from camslice.plan.fitting.estimate import estimated_stage_ms
from camslice.plan.fitting.parameters import Floats, Parameter, Scale, Space
from camslice.plan.fitting.table import Row, Sharing
from camslice.plan.simulation.arrivals import Arrivals
from camslice.plan.simulation.frames import STAGE_INDEX
from camslice.plan.simulation.node import Processor, Slices, Step, Where
from camslice.plan.simulation.quick import QuickPod, rounds_of, run_pods
from camslice.plan.simulation.result import ANALYSED

SPINNING_THREADS = 1.0
"""Taken as known: what a pod keeps runnable while it waits cannot be told from its other threads by any table of latencies."""
WORK_CV = 0.1
"""Taken as known: how much frames differ in what they cost, standard deviation over mean. It is not nothing, and that matters:
pods whose frames all cost the same fall into step after a hundred frames or so, and then wait for each other in a way that no
real pods do (a fit without it explains 20 pods by that alone)."""

_ENOUGH_CORES = 1e6
_WARM_UP_FRAMES = (300, 6.0, 15.0)
_FRAMES = (1000, 10.0, 60.0)
"""In all, and of each pod at least and at most: pods fall slowly into patterns, which a short run does not see."""
_SEED = 1
_TINY = 1e-9


@dataclass(frozen=True, slots=True)
class Structure:
    """What frames are taken to consist of.

    `cpu`: they need the processor, too; `contended`: pods get in each other's way there, because the rows state its cores.
    `stages`: preprocess and inference go to the accelerator once each, and postprocess several times; else all is inference.
    """

    cpu: bool
    contended: bool
    stages: bool

    def space(self, alone_ms: float) -> Space:
        """The parameters, their ranges from about what a frame takes alone."""
        found: list[Parameter] = []
        if self.cpu and self.stages:
            for stage, usual in (("preprocess", 0.06), ("inference", 0.6), ("postprocess", 0.1)):
                found.append(Parameter(f"{stage}_cpu_ms", 0.002 * alone_ms, alone_ms, usual * alone_ms))
        elif self.cpu:
            found.append(Parameter("cpu_ms", 0.01 * alone_ms, alone_ms, 0.5 * alone_ms))
        found.append(Parameter("accelerator_ms", 0.1 * alone_ms, 1.2 * alone_ms, (0.2 if self.cpu else 1.0) * alone_ms))
        if self.stages:
            found.append(Parameter("inference_share", 0.02, 0.98, 0.4, Scale.LINEAR))
        if self.cpu:
            found.append(Parameter("visits", 1, 12, 7 if self.stages else 4, Scale.WHOLE, held=True))
        found.append(Parameter("switch_ms", 0.005, 5.0, 0.2))
        found.append(Parameter("slice_ms", 0.5, 10.0, 2.0, held=True))
        if self.cpu and self.contended:
            found.append(Parameter("extra_threads", 0.0, 3.0, 1.0, Scale.LINEAR))
            found.append(Parameter("hyper_thread_yield", 0.0, 0.6, 0.3, Scale.LINEAR))
        return Space(tuple(found))

    def steps(self, values: Mapping[str, float]) -> tuple[Step, ...]:
        """A frame's way. `visits` counts those of postprocess, or of all where there are no stages."""
        whole_ms, visits = values["accelerator_ms"], int(values.get("visits", 1))
        if not self.stages:
            return _visits("inference", values.get("cpu_ms", 0.0), whole_ms, visits)
        inference_ms = values["inference_share"] * whole_ms
        visit_ms = (whole_ms - inference_ms) / (1 + visits)
        return (
            *_visits("preprocess", values.get("preprocess_cpu_ms", 0.0), visit_ms, 1),
            *_visits("inference", values.get("inference_cpu_ms", 0.0), inference_ms, 1),
            *_visits("postprocess", values.get("postprocess_cpu_ms", 0.0), visit_ms * visits, visits),
        )


@dataclass(frozen=True, slots=True)
class Prediction:
    """Of one row: the mean and its stages in ms, and the shares in use of processor (0: enough of it) and accelerator."""

    mean_ms: float
    stage_ms: Mapping[str, float]
    cpu: float
    accelerator: float


def predict(
    structure: Structure, values: Mapping[str, float], row: Row, *, compiled: bool = False, longer: float = 1.0
) -> Prediction:
    """What the parameters say of a row that is time-sliced or has an accelerator for each pod. `longer`: how many times as long
    as usual to simulate, where no formula is exact."""
    steps = structure.steps(values)
    slices = Slices(values["slice_ms"], values["switch_ms"])
    processor = _processor(structure, values, row)
    extra = values.get("extra_threads", 0.0)
    if row.pods == 1:
        return _alone(steps, processor, extra, row)
    if not structure.cpu and row.sharing is Sharing.TIME_SLICING:
        return _rounds(steps, slices, row)
    return _simulated(steps, slices, processor, extra, row, longer, compiled=compiled)


def estimate(structure: Structure, values: Mapping[str, float], row: Row) -> Mapping[str, float]:
    """The means by stage, by a formula: quick, smooth, and a few per cent off (see `estimate`)."""
    return estimated_stage_ms(
        structure.steps(values),
        Slices(values["slice_ms"], values["switch_ms"]),
        _processor(structure, values, row),
        1.0 + values.get("extra_threads", 0.0),
        row.pods,
        shared=row.sharing is Sharing.TIME_SLICING,
        work_cv=WORK_CV,
    )


def _visits(stage: str, cpu_ms: float, accelerator_ms: float, visits: int) -> tuple[Step, ...]:
    one = (Step(stage, Where.CPU, cpu_ms / visits), Step(stage, Where.ACCELERATOR, accelerator_ms / visits))
    return one * visits


def _processor(structure: Structure, values: Mapping[str, float], row: Row) -> Processor:
    if not structure.contended or row.cores is None:
        return Processor(_ENOUGH_CORES, _ENOUGH_CORES)
    return Processor(row.cores, max(1.0, row.cores / 2), values["hyper_thread_yield"])


def _alone(steps: Sequence[Step], processor: Processor, extra_threads: float, row: Row) -> Prediction:
    rate = processor.rate(1.0 + extra_threads)
    stage_ms: dict[str, float] = {}
    accelerator_ms = 0.0
    for step in steps:
        takes_ms = step.ms / rate if step.where is Where.CPU else step.ms
        stage_ms[step.stage] = stage_ms.get(step.stage, 0.0) + takes_ms
        accelerator_ms += step.ms if step.where is Where.ACCELERATOR else 0.0
    total_ms = sum(stage_ms.values())
    used = processor.capacity(1.0 + extra_threads) / processor.capacity(math.inf)
    return Prediction(total_ms + row.network_ms, stage_ms, used, accelerator_ms / (total_ms + row.network_ms))


def _rounds(steps: Sequence[Step], slices: Slices, row: Row) -> Prediction:
    """See the head of this module."""
    stage_ms: dict[str, float] = {}
    for step in steps:
        if step.where is Where.ACCELERATOR and step.ms > 0.0:
            turns = float(np.ceil(step.ms * _OF_ONE / slices.slice_ms - _TINY).mean())
            used_ms = row.pods * (step.ms + turns * slices.switch_ms)
            stage_ms[step.stage] = stage_ms.get(step.stage, 0.0) + used_ms
    return Prediction(sum(stage_ms.values()) + row.network_ms, stage_ms, 0.0, 1.0)


def _simulated(
    steps: Sequence[Step],
    slices: Slices,
    processor: Processor,
    extra_threads: float,
    row: Row,
    longer: float,
    *,
    compiled: bool,
) -> Prediction:
    """A closed loop of a few frames of each pod. As long as the row's own mean says, so that a bad set takes no longer."""
    warm_up_ms = _of_each(_WARM_UP_FRAMES, row.pods) * row.in_pod_ms
    end_ms = warm_up_ms + longer * _of_each(_FRAMES, row.pods) * row.in_pod_ms
    alone = row.sharing is Sharing.DEDICATED
    rounds = tuple(rounds_of(steps))
    starts_ms = row.in_pod_ms * np.random.default_rng(_SEED).random(row.pods)
    factors = _factors(row.pods)
    pods = [
        QuickPod(
            rounds,
            number if alone else 0,
            SPINNING_THREADS,
            extra_threads,
            float(starts_ms[number]),
            1,
            factors[number],
        )
        for number in range(row.pods)
    ]
    least_ms = _LEAST * sum(step.ms for step in steps)
    by_accelerator = _LEAST * sum(step.ms for step in steps if step.where is Where.ACCELERATOR) / (row.pods if alone else 1)
    most = int(min(row.pods * end_ms / least_ms, end_ms / max(_TINY, by_accelerator))) + row.pods + 1
    devices = [slices] * (row.pods if alone else 1)
    raw = run_pods(pods, devices, processor, math.inf, _NONE, most, warm_up_ms, end_ms, compiled=compiled)
    ended_ms = raw.trace.captured_ms + raw.trace.stage_ms.sum(axis=1)
    done = raw.trace.stage_ms[(raw.trace.fates == ANALYSED) & (ended_ms >= warm_up_ms)]
    window_ms = end_ms - warm_up_ms
    accelerator = raw.devices_ms / window_ms / len(devices)
    cpu = raw.processor_ms / window_ms / processor.capacity(math.inf)
    if not len(done):  # far slower than the row: about how much, so that a search knows where to go
        threads = 1.0 + extra_threads
        about_ms = estimated_stage_ms(steps, slices, processor, threads, row.pods, shared=not alone, work_cv=WORK_CV)
        return Prediction(sum(about_ms.values()) + row.network_ms, about_ms, cpu, accelerator)
    stage_ms = {name: float(done[:, STAGE_INDEX[name]].mean()) for name in {step.stage for step in steps}}
    return Prediction(
        sum(stage_ms.values()) + row.network_ms, {name: stage_ms[name] for name in STAGES if name in stage_ms}, cpu, accelerator
    )


def _of_each(frames: tuple[int, float, float], pods: int) -> float:
    in_all, least, most = frames
    return max(least, min(most, in_all / pods))


@cache
def _factors(pods: int) -> Floats:
    """What frames cost, relative to the mean, shape (pods, frames): log-normal with `WORK_CV`. The frames that all pods have at
    about the same time cost 1 on average, so that a short run needs no luck."""
    dice = np.random.default_rng(_SEED + 1)
    factors: Floats = np.exp(dice.normal(0.0, math.sqrt(math.log1p(WORK_CV**2)), (pods, _DIFFERENT)))
    factors /= factors.mean(axis=0)
    return factors


_DIFFERENT = 256
_OF_ONE: Floats = np.exp(
    math.sqrt(math.log1p(WORK_CV**2)) * np.array([NormalDist().inv_cdf((each + 0.5) / 200) for each in range(200)])
)
_OF_ONE /= _OF_ONE.mean()
_LEAST = 0.5
"""No frame costs less, by far."""
_NONE = Arrivals(np.zeros(0), np.zeros(0), np.zeros(0, np.int64), np.zeros(0, np.int64))
