"""From a node to the arrays of `general_kernel`, and from its rows to a trace. Loads numba; see `compiled`."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from camslice.fleet.stages import STAGES
from camslice.plan.simulation.arrivals import FACTORS, Arrivals, Floats, Ints, arrivals_of, work_factors
from camslice.plan.simulation.frames import DECODE, NETWORK, QUEUE, STAGE_INDEX
from camslice.plan.simulation.general import Raw
from camslice.plan.simulation.general_kernel import run_general_kernel
from camslice.plan.simulation.node import Concurrent, SimulatedNode, SimulatedPod, SimulatedServer, Slices, Step, Where
from camslice.plan.simulation.result import IN_FLIGHT, Trace

_WHERE = {Where.CPU: 0, Where.ACCELERATOR: 1, Where.NOTHING: 2}


def run_general_compiled(node: SimulatedNode, seed: int, warm_up_ms: float, end_ms: float) -> Raw:
    """As `run_general`, for a node of open loops (see `is_open`)."""
    arrivals = arrivals_of(node, seed, end_ms)
    rows = len(arrivals.arrival_ms)
    first_stream = np.cumsum([0, *(len(pod.streams) for pod in node.pods)]).astype(np.int64)
    stream_of = first_stream[arrivals.pods] + arrivals.streams
    next_of, factor_of = _by_stream(node, seed, stream_of)
    steps = _Steps()
    before = [steps.add(pod.before) for pod in node.pods]
    after = [steps.add(pod.after) for pod in node.pods]
    owners: list[SimulatedPod | SimulatedServer] = [*node.pods, *node.servers]
    batches = [steps.add(batch) for owner in owners for batch in owner.batches]
    shared, caps, curve, curve_from = _computing_at_once(node)
    fates = np.full(rows, IN_FLIGHT, np.int64)
    stage_ms = np.zeros((rows, len(STAGES)))
    turns = [device if isinstance(device, Slices) else Slices(math.inf, 0.0) for device in node.devices]
    groups = [*(pod.slots for pod in node.pods), *(server.lanes for server in node.servers)]
    streams = [stream for pod in node.pods for stream in pod.streams]
    processor = node.processor
    arrived, events, processor_ms, devices_ms = run_general_kernel(
        _ints([_WHERE[step.where] for step in steps.all]),
        _floats([step.ms for step in steps.all]),
        _floats([step.threads for step in steps.all]),
        _ints([STAGE_INDEX[step.stage] for step in steps.all]),
        _ints([first for first, _ in before]),
        _ints([count for _, count in before]),
        _ints([first for first, _ in after]),
        _ints([count for _, count in after]),
        np.array(batches, np.int64).reshape(-1, 2),
        np.cumsum([0, *(len(owner.batches) for owner in owners)]).astype(np.int64),
        _ints([len(owner.batches) for owner in owners]),
        first_stream,
        np.cumsum([0, *groups]).astype(np.int64),
        _ints([owner.lanes for owner in owners]),
        _ints([-1 if owner.device is None else owner.device for owner in owners]),
        _ints([-1 if pod.server is None else pod.server for pod in node.pods]),
        _floats([pod.spinning_threads for pod in node.pods]),
        _floats([pod.extra_threads for pod in node.pods]),
        _floats([pod.background_ms for pod in node.pods]),
        _ints([max(1, stream.depth) for stream in streams]),
        _floats([stream.decode_ms for stream in streams]),
        _floats([stream.undue_decode_ms for stream in streams]),
        _floats([server.network_ms for server in node.servers]),
        _floats([processor.vcpu, processor.physical_cores, processor.hyper_thread_yield]),
        _floats([each.slice_ms for each in turns]),
        _floats([each.switch_ms for each in turns]),
        shared,
        caps,
        curve,
        curve_from,
        int(node.latency_ms * 1e6),
        arrivals.arrival_ms,
        arrivals.captured_ms,
        np.rint(arrivals.captured_ms * 1e6).astype(np.int64),
        arrivals.pods,
        stream_of,
        next_of,
        factor_of,
        fates,
        stage_ms,
        QUEUE,
        DECODE,
        NETWORK,
        warm_up_ms,
        end_ms,
    )
    return Raw(_trace(arrivals, fates, stage_ms, arrived), events, processor_ms, devices_ms)


class _Steps:
    """All steps of a node, those of alike pods only once."""

    def __init__(self) -> None:
        self.all: list[Step] = []
        self._known: dict[tuple[Step, ...], tuple[int, int]] = {}

    def add(self, steps: tuple[Step, ...]) -> tuple[int, int]:
        """Where they stand: the first, and how many."""
        if steps not in self._known:
            self._known[steps] = (len(self.all), len(steps))
            self.all += steps
        return self._known[steps]


def _by_stream(node: SimulatedNode, seed: int, stream_of: Ints) -> tuple[Ints, Floats]:
    """For each row the next one of its stream (or itself), and what it costs relative to the mean."""
    next_of = np.arange(len(stream_of), dtype=np.int64)
    factor_of = np.ones(len(stream_of))
    order = np.argsort(stream_of, kind="stable")
    ends = np.cumsum(np.bincount(stream_of, minlength=sum(len(pod.streams) for pod in node.pods)))
    rows_of = np.split(order, ends[:-1])
    number = 0
    for index, pod in enumerate(node.pods):
        for stream in range(len(pod.streams)):
            rows = rows_of[number]
            number += 1
            next_of[rows[:-1]] = rows[1:]
            if pod.work_cv > 0.0:
                factor_of[rows] = work_factors(pod, index, stream, seed)[np.arange(len(rows)) % FACTORS]
    return next_of, factor_of


def _computing_at_once(node: SimulatedNode) -> tuple[Ints, Floats, Floats, Ints]:
    """Which accelerators are shared equally (0: none), and their caps and curves; number 0 is the processor, which has none."""
    shared, caps, curve, curve_from = [], [0.0], [0.0], [0, 1]
    for device in node.devices:
        if isinstance(device, Concurrent):
            shared.append(len(caps))
            caps.append(device.cap)
            curve += device.throughput
            curve_from.append(len(curve))
        else:
            shared.append(0)
    return _ints(shared), _floats(caps), _floats(curve), _ints(curve_from)


def _trace(arrivals: Arrivals, fates: Ints, stage_ms: Floats, arrived: int) -> Trace:
    order = np.argsort(arrivals.captured_ms[:arrived], kind="stable")
    return Trace(
        arrivals.captured_ms[:arrived][order],
        arrivals.pods[:arrived][order],
        arrivals.streams[:arrived][order],
        fates[:arrived][order],
        stage_ms[:arrived][order],
    )


def _ints(values: Sequence[int]) -> Ints:
    return np.array(values, np.int64)


def _floats(values: Sequence[float]) -> Floats:
    return np.array(values, np.float64)
