"""A planning problem of full size that is synthetic: real instance types and prices, invented models.

What a stream takes of a machine comes from invented costs (a processor's and an accelerator's milliseconds per frame, memory)
and rough factors between accelerators. It has the structure of a real problem, and none of its figures is a measurement. A
price that the catalogue lacks for a purchase is a seeded discount on the one on demand.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from camslice.fleet.types import HOURS_PER_MONTH, Topology
from camslice.plan.catalogue.catalogue import price_of
from camslice.plan.catalogue.instance_type import InstanceType, Purchase
from camslice.plan.catalogue.load import load_catalogue
from camslice.plan.optimise.problem import Option, Problem, StreamClass

REGION = "us-east-1"
RESOURCES = ("cpu", "accelerator", "memory", "accelerator_memory", "pods", "network")
RATES_FPS = (1.0, 2.0, 4.0, 8.0, 15.0)
PURCHASES = (Purchase.ON_DEMAND, Purchase.RESERVED, Purchase.SPOT)
SPEED = {
    "T4": 1.0, "T4g": 1.0, "A10G": 2.3, "L4": 2.0, "L40S": 5.0, "V100": 2.0, "A100": 5.5, "H100": 9.0, "H200": 9.5,
    "Radeon Pro V520": 0.6, "RTX PRO 4500": 3.0, "RTX PRO Server 6000": 7.0, "Inferentia": 0.8, "Inferentia2": 1.6,
    "Trainium": 2.2,
}  # fmt: skip
NEWER = {
    "c8i": 1.35,
    "c8g": 1.3,
    "m8g": 1.3,
    "c7a": 1.3,
    "c7i": 1.2,
    "m7i": 1.2,
    "c7g": 1.15,
    "m7g": 1.15,
    "c6i": 1.08,
    "m6i": 1.08,
}
CONTEXT_MB = 350.0
FRAME_MBPS = 0.35


@dataclass(frozen=True, slots=True)
class InventedModel:
    """CPU and T4 milliseconds per frame beside the accelerator, CPU ms without one, MB of a pod and of an engine's weights."""

    name: str
    cpu_ms: float
    accelerator_ms: float
    cpu_only_ms: float
    pod_mb: float
    engine_mb: float


def synthetic_problem(cameras: int, seed: int = 1, purchases: Sequence[Purchase] = PURCHASES, most_shapes: int = 12) -> Problem:
    """So many cameras of 8 models x 5 rates, every instance type of the catalogue with its topologies and purchases."""
    draw = random.Random(seed)
    models = [invented_model(number, draw) for number in range(8)]
    kinds = [(model, fps) for model in models for fps in RATES_FPS]
    weights = [draw.uniform(0.3, 3.0) / fps**0.5 for _, fps in kinds]
    counts = [int(cameras * weight / sum(weights)) for weight in weights]
    counts[0] += cameras - sum(counts)
    classes = tuple(
        StreamClass(f"{model.name} at {fps:g}", model.name, count) for (model, fps), count in zip(kinds, counts, strict=True)
    )
    options = tuple(
        option
        for machine in load_catalogue().values()
        for topology, streams_per_pod in _ways(machine)
        for option in _options(machine, topology, streams_per_pod, kinds, purchases, draw)
    )
    return Problem(classes, options, most_shapes)


def invented_model(number: int, draw: random.Random) -> InventedModel:
    """The heavier, the higher its number."""
    heavy = 0.6 * 1.45**number
    return InventedModel(
        f"model-{number}",
        cpu_ms=draw.uniform(1.5, 3.5) + 0.3 * heavy,
        accelerator_ms=1.6 * heavy * draw.uniform(0.8, 1.2),
        cpu_only_ms=14.0 * heavy * draw.uniform(0.8, 1.2),
        pod_mb=draw.uniform(180.0, 320.0),
        engine_mb=60.0 + 55.0 * heavy,
    )


def _ways(machine: InstanceType) -> Iterator[tuple[Topology, int]]:
    yield Topology.SLICED, 1
    yield Topology.SLICED, 4
    yield Topology.POOLED, 1
    yield (Topology.REMOTE if machine.accelerator is None else Topology.MPS), 1


def _options(
    machine: InstanceType,
    topology: Topology,
    streams_per_pod: int,
    kinds: Sequence[tuple[InventedModel, float]],
    purchases: Sequence[Purchase],
    draw: random.Random,
) -> Iterator[Option]:
    use = tuple(_use(machine, topology, streams_per_pod, model, fps) for model, fps in kinds)
    fixed = tuple(_fixed(machine, topology, model) for model, _ in kinds)
    most = tuple(_most(use[index], fixed[index]) for index in range(len(kinds)))
    for purchase in purchases:
        yield Option(
            f"{machine.name} {topology} x{streams_per_pod} {purchase}",
            machine.name,
            topology,
            streams_per_pod,
            purchase,
            REGION,
            round(_usd_per_hour(machine, purchase, draw) * HOURS_PER_MONTH, 4),
            RESOURCES,
            use,
            fixed,
            most,
        )


def _usd_per_hour(machine: InstanceType, purchase: Purchase, draw: random.Random) -> float:
    known = price_of(machine, REGION, purchase)
    if known is not None:
        return known.usd_per_hour
    on_demand = price_of(machine, REGION, Purchase.ON_DEMAND)
    assert on_demand is not None
    discount = draw.uniform(0.55, 0.65) if purchase is Purchase.RESERVED else draw.uniform(0.35, 0.75)
    return round(on_demand.usd_per_hour * discount, 6)


def _use(
    machine: InstanceType, topology: Topology, streams_per_pod: int, model: InventedModel, fps: float
) -> tuple[float, ...]:
    cpu_ms = model.cpu_ms if machine.accelerator else model.cpu_only_ms
    accelerator_ms, pod_share, pod_mb, accelerator_mb = model.accelerator_ms, 1.0 / streams_per_pod, model.pod_mb, 0.0
    if topology is Topology.POOLED:
        cpu_ms, accelerator_ms, pod_share, pod_mb = cpu_ms * 0.85, accelerator_ms * 0.6, 0.0, 12.0
    elif topology is Topology.REMOTE:
        cpu_ms, pod_mb = cpu_ms * 1.1, pod_mb * 0.4
    elif topology is Topology.MPS:
        accelerator_ms *= 0.85
    if machine.accelerator and topology in (Topology.SLICED, Topology.MPS):
        accelerator_mb = CONTEXT_MB / streams_per_pod
    cores = (machine.vcpu - 0.3) * NEWER.get(machine.family, 1.0)
    pods = max(1, (machine.pod_limit or 110) - 4)
    return (
        fps * cpu_ms / 1000 / cores,
        0.0 if machine.accelerator is None else fps * accelerator_ms / 1000 / _accelerators(machine),
        pod_mb / streams_per_pod / (machine.memory_mb * 0.92),
        0.0 if machine.accelerator is None else accelerator_mb / _accelerator_mb(machine),
        pod_share / pods,
        fps * FRAME_MBPS / (machine.network_mbps or 1000.0),
    )


def _fixed(machine: InstanceType, topology: Topology, model: InventedModel) -> tuple[float, ...]:
    if topology is not Topology.POOLED:
        return (0.0,) * len(RESOURCES)
    memory = (model.pod_mb + model.engine_mb) / (machine.memory_mb * 0.92)
    on_accelerator = 0.0 if machine.accelerator is None else (CONTEXT_MB + model.engine_mb) / _accelerator_mb(machine)
    return (0.0, 0.0, memory, on_accelerator, 1 / max(1, (machine.pod_limit or 110) - 4), 0.0)


def _most(use: Sequence[float], fixed: Sequence[float]) -> int:
    return max(0, min(math.floor((1 - taken) / each + 1e-9) for each, taken in zip(use, fixed, strict=True) if each))


def _accelerators(machine: InstanceType) -> float:
    accelerator = machine.accelerator
    assert accelerator is not None
    return accelerator.count * accelerator.fraction * SPEED.get(accelerator.name, 1.0)


def _accelerator_mb(machine: InstanceType) -> float:
    accelerator = machine.accelerator
    assert accelerator is not None
    return accelerator.count * accelerator.memory_mb
