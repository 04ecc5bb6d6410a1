"""The quick way through a simulation, where it applies: builds the kernel's arrays from a node, and a trace from its rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from camslice.fleet.stages import STAGES
from camslice.plan.simulation.arrivals import Arrivals, Floats, arrivals_of, loop_start_ms, work_factors
from camslice.plan.simulation.frames import DECODE, QUEUE, STAGE_INDEX
from camslice.plan.simulation.general import Raw
from camslice.plan.simulation.kernel import run_kernel
from camslice.plan.simulation.node import Processor, SimulatedNode, SimulatedPod, Slices, Step, Where
from camslice.plan.simulation.result import IN_FLIGHT, Trace

if TYPE_CHECKING:
    from camslice.plan.simulation.compiled import Kernel

Round = tuple[float, float, float, int]
"""CPU ms, its threads, ms at the accelerator, stage."""

ONES: Floats = np.ones(1)
"""Factors of frames that all cost the same."""

_NEVER_STALE_MS = 1e301


@dataclass(frozen=True, slots=True)
class QuickPod:
    """A pod as the kernel knows it. `loop_start_ms` is below 0 where frames arrive by themselves. `factors`: what its frames
    cost, relative to the mean; as many for every pod."""

    rounds: tuple[Round, ...]
    device: int
    spinning_threads: float
    extra_threads: float
    loop_start_ms: float
    depth: int
    factors: Floats = field(default_factory=lambda: ONES)


def is_quick(node: SimulatedNode) -> bool:
    """Whether the kernel can simulate this node: pods of one stream each, one frame at a time, on accelerators in slices."""
    return all(isinstance(device, Slices) for device in node.devices) and all(_is_plain(pod) for pod in node.pods)


def expected_frames(node: SimulatedNode, end_ms: float) -> float:
    """About how many frames a simulation of so long has, at most."""
    open_loops = sum(
        end_ms / stream.interval_ms for pod in node.pods for stream in pod.streams if stream.interval_ms is not None
    )
    return open_loops + _most_of_closed_loops(node, end_ms)


def run_quick(node: SimulatedNode, seed: int, warm_up_ms: float, end_ms: float, *, compiled: bool) -> Raw:
    """Simulate until `end_ms` with the kernel; the window begins at `warm_up_ms`."""
    varied = any(pod.work_cv > 0.0 for pod in node.pods)
    pods = [
        QuickPod(
            tuple(_rounds(pod)),
            pod.device or 0,
            pod.spinning_threads,
            pod.extra_threads,
            -1.0 if pod.streams[0].interval_ms is not None else loop_start_ms(pod, number, 0, seed),
            pod.streams[0].depth,
            work_factors(pod, number, 0, seed) if varied else ONES,
        )
        for number, pod in enumerate(node.pods)
    ]
    devices = [device for device in node.devices if isinstance(device, Slices)]
    arrivals = arrivals_of(node, seed, end_ms)
    loops = int(_most_of_closed_loops(node, end_ms)) + len(pods) + 1
    return run_pods(
        pods, devices, node.processor, node.latency_ms, arrivals, loops, warm_up_ms, end_ms, compiled=compiled
    )  # fmt: skip


def run_pods(
    pods: Sequence[QuickPod],
    devices: Sequence[Slices],
    processor: Processor,
    latency_ms: float,
    arrivals: Arrivals,
    most_of_loops: int,
    warm_up_ms: float,
    end_ms: float,
    *,
    compiled: bool,
) -> Raw:
    """The kernel on these pods. `most_of_loops`: more frames than closed loops can have."""
    known = len(arrivals.arrival_ms)
    rows = known + most_of_loops
    captured_ms = np.zeros(rows)
    captured_ms[:known] = arrivals.captured_ms
    pods_of = np.zeros(rows, np.int64)
    pods_of[:known] = arrivals.pods
    fates = np.full(rows, IN_FLIGHT, np.int64)
    stage_ms = np.zeros(rows * len(STAGES))
    factor_of = np.ones(rows)
    rounds = [each for pod in pods for each in pod.rounds]
    sliced = list(devices) or [Slices(1.0, 0.0)]
    run = _kernel(compiled=compiled)
    rows, events, processor_ms, devices_ms = run(
        np.cumsum([0, *(len(pod.rounds) for pod in pods)]).astype(np.int64),
        _floats([each[0] for each in rounds]),
        _floats([each[1] for each in rounds]),
        _floats([each[2] for each in rounds]),
        np.array([each[3] for each in rounds], np.int64),
        np.array([pod.device for pod in pods], np.int64),
        _floats([pod.spinning_threads for pod in pods]),
        _floats([pod.extra_threads for pod in pods]),
        _floats([pod.loop_start_ms for pod in pods]),
        np.concatenate([pod.factors for pod in pods]),
        np.array([pod.depth for pod in pods], np.int64),
        latency_ms if math.isfinite(latency_ms) else _NEVER_STALE_MS,
        float(processor.vcpu),
        float(processor.physical_cores),
        float(processor.hyper_thread_yield),
        _floats([device.slice_ms for device in sliced]),
        _floats([device.switch_ms for device in sliced]),
        arrivals.arrival_ms,
        arrivals.pods,
        captured_ms,
        pods_of,
        fates,
        stage_ms,
        factor_of,
        len(STAGES),
        QUEUE,
        DECODE,
        warm_up_ms,
        end_ms,
    )
    order = np.argsort(captured_ms[:rows], kind="stable")
    trace = Trace(
        captured_ms[:rows][order],
        pods_of[:rows][order],
        np.zeros(rows, np.int64),
        fates[:rows][order],
        stage_ms.reshape(-1, len(STAGES))[:rows][order],
    )
    return Raw(trace, events, processor_ms, devices_ms)


def rounds_of(steps: Sequence[Step]) -> list[Round]:
    """Steps on processor and accelerator as rounds: processor first, then a visit. Steps that take no time are left out."""
    rounds: list[Round] = []
    for step in steps:
        stage = STAGE_INDEX[step.stage]
        if step.ms <= 0.0:
            continue
        if step.where is Where.CPU:
            rounds.append((step.ms, step.threads, 0.0, stage))
        elif rounds and rounds[-1][2] == 0.0 and rounds[-1][3] == stage:
            cpu_ms, threads, _, _ = rounds.pop()
            rounds.append((cpu_ms, threads, step.ms, stage))
        else:
            rounds.append((0.0, 1.0, step.ms, stage))
    return rounds or [(0.0, 1.0, 0.0, STAGE_INDEX["inference"])]


def _is_plain(pod: SimulatedPod) -> bool:
    one = len(pod.streams) == len(pod.batches) == pod.slots == pod.lanes == 1
    alone = pod.server is None and pod.background_ms == 0.0
    steps = _steps(pod)
    known = all(step.where is not Where.NOTHING for step in steps)
    placed = pod.device is not None or all(step.where is Where.CPU for step in steps)
    return one and alone and known and placed and pod.streams[0].decode_ms + pod.streams[0].undue_decode_ms == 0.0


def _rounds(pod: SimulatedPod) -> list[Round]:
    return rounds_of(_steps(pod))


def _steps(pod: SimulatedPod) -> tuple[Step, ...]:
    return (*pod.before, *pod.batches[0], *pod.after)


def _floats(values: Sequence[float]) -> Floats:
    return np.array(values, np.float64)


def _most_of_closed_loops(node: SimulatedNode, end_ms: float) -> float:
    """More frames than closed loops can have: no pod is faster than alone, no resource than if it were never left idle."""
    alone = 0.0
    least_cpu_ms = least_device_ms = math.inf
    for pod in node.pods:
        if all(stream.interval_ms is not None for stream in pod.streams):
            continue
        cpu_ms = sum(step.ms * step.threads for step in _steps(pod) if step.where is Where.CPU)
        device_ms = sum(step.ms for step in _steps(pod) if step.where is Where.ACCELERATOR)
        alone += len(pod.streams) * end_ms / max(1e-6, sum(step.ms for step in _steps(pod)))
        least_cpu_ms, least_device_ms = min(least_cpu_ms, cpu_ms), min(least_device_ms, device_ms)
    if not alone:
        return 0.0
    by_cpu = end_ms * node.processor.capacity(math.inf) / least_cpu_ms if least_cpu_ms > 0.0 else math.inf
    by_device = end_ms * max(1, len(node.devices)) / least_device_ms if least_device_ms > 0.0 else math.inf
    return min(alone, by_cpu, by_device)


def _kernel(*, compiled: bool) -> Kernel:
    if not compiled:
        return run_kernel
    from camslice.plan.simulation.compiled import compiled_kernel

    return compiled_kernel()
