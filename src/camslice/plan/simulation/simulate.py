"""Simulates a node: the one entrance, whichever way through is the quickest that knows the node."""

from __future__ import annotations

import time
from dataclasses import replace
from enum import StrEnum

import numpy as np

from camslice.fleet.errors import PlanError
from camslice.plan.simulation.compiled import can_compile, is_open
from camslice.plan.simulation.frames import DECODE, QUEUE
from camslice.plan.simulation.general import Raw, run_general
from camslice.plan.simulation.node import SimulatedNode
from camslice.plan.simulation.quick import expected_frames, is_quick, run_quick
from camslice.plan.simulation.result import Simulated, Trace, outcome_of

DEFAULT_WARM_UP_S = 2.0
_WORTH_COMPILING = 2_000_000
"""Steps, from which the compiled kernel saves more time than it may take to compile."""
_GENERAL_WORTH_COMPILING = 500_000


class Way(StrEnum):
    """How to simulate: for tests and benchmarks, for all ways that know a node come to the same result."""

    AUTO = "auto"
    GENERAL = "general"
    PURE = "pure"
    COMPILED = "compiled"


def simulate(
    node: SimulatedNode, seconds: float, seed: int, warm_up_s: float = DEFAULT_WARM_UP_S, way: Way = Way.AUTO
) -> Simulated:
    """What happens on this node in `seconds` after the warm-up. The same seed gives the same result, to the bit.

    Frames count that were captured within those seconds; `fps` are those that were finished in them. Raises PlanError for a
    length that is none.
    """
    if not (np.isfinite(seconds) and seconds > 0.0 and np.isfinite(warm_up_s) and warm_up_s >= 0.0):
        raise PlanError(f"{seconds:g} s after {warm_up_s:g} s of warm-up: a simulation lasts a while; give seconds above 0.")
    began_s = time.perf_counter()
    warm_up_ms, end_ms = warm_up_s * 1000.0, (warm_up_s + seconds) * 1000.0
    way = _way(node, end_ms) if way is Way.AUTO else way
    if way is Way.COMPILED and not is_quick(node):
        raw = _run_compiled(node, seed, warm_up_ms, end_ms)
    elif way is Way.GENERAL:
        raw = run_general(node, seed, warm_up_ms, end_ms)
    else:
        raw = run_quick(node, seed, warm_up_ms, end_ms, compiled=way is Way.COMPILED)
    return _simulated(node, raw, seconds, warm_up_ms, time.perf_counter() - began_s, compiled=way is Way.COMPILED)


def quickest_way(node: SimulatedNode) -> Way:
    """For many simulations, among which the time to compile does not count."""
    return Way.COMPILED if can_compile() and (is_quick(node) or is_open(node)) else Way.AUTO


def _way(node: SimulatedNode, end_ms: float) -> Way:
    steps = max((len(pod.before) + len(pod.batches[0]) + len(pod.after) for pod in node.pods), default=0)
    quick = is_quick(node)
    worth = expected_frames(node, end_ms) * steps > (_WORTH_COMPILING if quick else _GENERAL_WORTH_COMPILING)
    if worth and quickest_way(node) is Way.COMPILED:
        return Way.COMPILED
    return Way.PURE if quick else Way.GENERAL


def _run_compiled(node: SimulatedNode, seed: int, warm_up_ms: float, end_ms: float) -> Raw:
    from camslice.plan.simulation.general_compiled import run_general_compiled

    return run_general_compiled(node, seed, warm_up_ms, end_ms)


def _with_company(trace: Trace, node: SimulatedNode) -> Trace:
    """What frames waited for company stands in their stage `queue`, not in `decode`, where the ways through a simulation count
    all that passes before a frame can be taken."""
    of_pods = [{stream.company_ms for stream in pod.streams} for pod in node.pods]
    if not any(any(waits) for waits in of_pods):
        return trace
    waits_ms = np.array([max(waits) for waits in of_pods])[trace.pods]
    stage_ms = trace.stage_ms.copy()
    moved_ms = np.minimum(stage_ms[:, DECODE], waits_ms)
    stage_ms[:, DECODE] -= moved_ms
    stage_ms[:, QUEUE] += moved_ms
    return replace(trace, stage_ms=stage_ms)


def _simulated(node: SimulatedNode, raw: Raw, seconds: float, warm_up_ms: float, wall_s: float, *, compiled: bool) -> Simulated:
    whole = _with_company(raw.trace, node)
    ended_ms = whole.captured_ms + whole.total_ms
    done = np.isfinite(ended_ms) & (ended_ms >= warm_up_ms)
    inside = whole.captured_ms >= warm_up_ms
    models: dict[str, np.ndarray[tuple[int], np.dtype[np.bool_]]] = {}
    for model in dict.fromkeys(pod.model for pod in node.pods):
        numbers = [number for number, pod in enumerate(node.pods) if pod.model == model]
        models[model] = np.isin(whole.pods, numbers)
    capacity = node.processor.capacity(float("inf")) * seconds * 1000.0
    devices = len(node.devices) * seconds * 1000.0
    return Simulated(
        outcome_of(whole.of(inside), seconds, int(done.sum()), node.percentile),
        {
            model: outcome_of(whole.of(inside & of_model), seconds, int((done & of_model).sum()), node.percentile)
            for model, of_model in models.items()
        },
        {"cpu": raw.processor_ms / capacity, "accelerator": raw.devices_ms / devices if devices else 0.0},
        seconds,
        raw.events,
        whole.of(inside),
        wall_s,
        compiled,
    )
