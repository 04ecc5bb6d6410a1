"""A closed-form estimate of the mean latency of open loops: the tier between bounds by utilisation and the simulation.

- **Processor**: processor sharing whose capacity depends on how many frames are at it, for which only the mean of the work
  matters: with offered load a, capacity C(i) of i frames and N cameras of which each has one frame there at most, P(n) is
  proportional to the product of a (N - i + 1) / N / C(i), and the mean time follows by Little's law. Threads that spin or are
  extra take their share.
- **Accelerator in slices**: a frame that has one turn there waits, first come, first served, as in the N D/D/1 queue of
  periodic cameras, by its limit in heavy traffic (a Brownian bridge: with load r and service S a mean wait of
  r S sqrt(pi N / 8) erfcx((1 - r) sqrt(N / 2)), which is Pollaczek and Khinchine's for many cameras). Turns that follow each
  other closely meet the same frames again and again, and share the accelerator as in processor sharing. What is seen of
  frames with several lies between: the estimate takes the middle. A switch is paid as often as another frame is about.
- **Accelerator at once (MPS)**: the product form again, by its curve and cap.
- **Pods** of several streams are a line of their own, for as many frames as they have slots.

It is the mean over all phases that cameras may have to each other, of which a simulation has one. It knows nothing of drops,
percentiles, batches or bunches, and is infinite where a load exceeds a resource. A test says how far it is from the simulator.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from camslice.plan.simulation.node import Concurrent, SimulatedNode, SimulatedPod, Slices, Step, Where

_ROUNDS = 4
"""How often is asked again how many frames are on their way, which decides how often contexts switch."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """`mean_ms` from capture to detections over all streams, infinite when overloaded. `cpu` and `accelerator` (the busiest):
    shares of what they can do that the load takes, spinning not counted; 1 and more is too much."""

    mean_ms: float
    cpu: float
    accelerator: float


@dataclass(frozen=True, slots=True)
class _Demand:
    """Of one pod: frames per ms; of a frame CPU ms on its way and beside it, turns at the accelerator, ms that only pass."""

    pod: SimulatedPod
    device: int | None
    rate: float
    cpu_ms: float
    beside_ms: float
    turns_ms: tuple[float, ...]
    passing_ms: float

    @property
    def at_once(self) -> int:
        """The most frames of this pod that are on their way at once, and so in each other's."""
        return min(len(self.pod.streams), self.pod.slots)


def estimated(node: SimulatedNode) -> Estimate:
    """The estimate for a node whose streams all have a rate. Raises ValueError for a closed loop."""
    found = _estimated(node, None)
    for _ in range(_ROUNDS):
        if math.isinf(found.mean_ms):
            break
        found = _estimated(node, found.mean_ms)
    return found


def _estimated(node: SimulatedNode, about_ms: float | None) -> Estimate:
    """`about_ms`: what frames take, so far as is known, for how many are on their way; None: as alone."""
    demands = [_demand(node, pod, about_ms) for pod in node.pods]
    load = sum(each.rate * (each.cpu_ms + each.beside_ms) for each in demands)
    cpu = load / node.processor.capacity(math.inf)
    devices = [_at_device(node, number, demands) for number in range(len(node.devices))]
    accelerator = max((busy for busy, _ in devices), default=0.0)
    if cpu >= 1.0 or accelerator >= 1.0:
        return Estimate(math.inf, cpu, accelerator)
    at_devices_ms = [0.0 if each.device is None else devices[each.device][1](each) for each in demands]
    slow = _slowdown(node, demands, load, at_devices_ms)
    taken_ms = [
        each.cpu_ms * slow + there_ms + each.passing_ms for each, there_ms in zip(demands, at_devices_ms, strict=True)
    ]  # fmt: skip
    total_ms = [ms + _line_ms(each, ms) for each, ms in zip(demands, taken_ms, strict=True)]
    rates = sum(each.rate for each in demands)
    return Estimate(sum(each.rate * ms for each, ms in zip(demands, total_ms, strict=True)) / rates, cpu, accelerator)


def _demand(node: SimulatedNode, pod: SimulatedPod, about_ms: float | None) -> _Demand:
    rate = cpu_ms = beside_ms = 0.0
    for stream in pod.streams:
        if stream.interval_ms is None:
            raise ValueError("a closed loop has no rate; simulate it")
        rate += 1.0 / stream.interval_ms
    for stream in pod.streams:
        share = 1.0 / (stream.interval_ms or 1.0) / rate
        cpu_ms += share * stream.decode_ms
        beside_ms += share * stream.undue_decode_ms
    server = None if pod.server is None else node.servers[pod.server]
    inference = pod.batches[0] if server is None else server.batches[0]
    steps: Sequence[Step] = (*pod.before, *inference, *pod.after)
    device = pod.device if server is None else server.device
    sharing = None if device is None else node.devices[device]
    visits_ms = [step.ms for step in steps if step.where is Where.ACCELERATOR and step.ms > 0.0]
    return _Demand(
        pod,
        device,
        rate,
        cpu_ms + sum(step.ms * step.threads for step in steps if step.where is Where.CPU),
        beside_ms + pod.background_ms,
        _turns_ms(node, device, sharing, visits_ms, about_ms or sum(step.ms for step in steps)),
        sum(step.ms for step in steps if step.where is Where.NOTHING) + (0.0 if server is None else server.network_ms),
    )


def _turns_ms(
    node: SimulatedNode, device: int | None, sharing: Slices | Concurrent | None, visits_ms: Sequence[float], about_ms: float
) -> tuple[float, ...]:
    """Slices of visits, switches included: always before the first, before others as often as another frame is on its way."""
    if not isinstance(sharing, Slices):
        return tuple(visits_ms)
    frames_per_ms = sum(1.0 / stream.interval_ms for pod in node.pods for stream in pod.streams if stream.interval_ms)
    shared = sum(pod.device == device or pod.server is not None for pod in node.pods) > 1
    others = (1.0 - math.exp(-frames_per_ms * about_ms)) * sharing.switch_ms if shared else 0.0
    turns = [
        visit_ms / count + others
        for visit_ms in visits_ms
        for count in [max(1, math.ceil(visit_ms / sharing.slice_ms))]
        for _ in range(count)
    ]
    return (turns[0] - others + (sharing.switch_ms if shared else 0.0), *turns[1:]) if turns else ()


def _at_device(node: SimulatedNode, number: int, demands: Sequence[_Demand]) -> tuple[float, Callable[[_Demand], float]]:
    """The share of an accelerator's time that is taken, and what a frame of a pod takes there with all its waits."""
    there = [each for each in demands if each.device == number]
    load = sum(each.rate * sum(each.turns_ms) for each in there)
    sharing = node.devices[number]
    if isinstance(sharing, Concurrent):
        busy = load / max(sharing.throughput)
        cameras = sum(each.at_once for each in there)
        slow = math.inf if busy >= 1.0 else _product_form(load, cameras, lambda frames: frames * sharing.rate(frames))
        return busy, lambda each: sum(each.turns_ms) * slow
    cameras = sum(each.at_once for each in there)
    squares = sum(each.rate * sum(turn * turn for turn in each.turns_ms) for each in there)
    wait_ms = periodic_wait_ms(min(load, 1.0), squares / load if load > 0.0 else 0.0, cameras)
    shared = 1.0 + periodic_wait_ms(min(load, 1.0), 2.0, cameras)

    def frame_ms(demand: _Demand) -> float:
        served_ms = sum(demand.turns_ms)
        in_line_ms = len(demand.turns_ms) * wait_ms
        return served_ms + (in_line_ms if len(demand.turns_ms) < 2 else (in_line_ms + served_ms * (shared - 1.0)) / 2.0)

    return load, frame_ms


def periodic_wait_ms(load: float, service_ms: float, cameras: int) -> float:
    """Mean wait of frames of so many cameras, each at its own even pace, for a server that takes so long and is busy a share
    `load` of its time. Roberts and Virtamo (1991) by way of the Brownian bridge."""
    if cameras < 2:
        return 0.0
    return load * service_ms * math.sqrt(math.pi * cameras / 8.0) * _erfcx((1.0 - load) * math.sqrt(cameras / 2.0))


def _erfcx(x: float) -> float:
    """exp(x²) erfc(x), also where both would leave the range of numbers."""
    return math.exp(x * x) * math.erfc(x) if x < 20.0 else 1.0 / (x * math.sqrt(math.pi))


def _slowdown(node: SimulatedNode, demands: Sequence[_Demand], load: float, at_devices_ms: Sequence[float]) -> float:
    """How many times as long processor work takes as alone."""
    if load <= 0.0:
        return 1.0
    work = [each.rate * (each.cpu_ms + each.beside_ms) / load for each in demands]
    threads = sum(share * (1.0 + each.pod.extra_threads) for share, each in zip(work, demands, strict=True))
    spinning = sum(
        each.rate * ms * (each.pod.spinning_threads + each.pod.extra_threads)
        for each, ms in zip(demands, at_devices_ms, strict=True)
    )

    def capacity(frames: int) -> float:
        runnable = frames * threads + spinning
        return node.processor.capacity(runnable) * frames / runnable

    return _product_form(load, sum(each.at_once for each in demands), capacity)


def _product_form(load: float, cameras: int, capacity: Callable[[int], float]) -> float:
    """Mean time of a unit of work, of processor sharing with that capacity when so many frames are at it."""
    weight, weights, weighted, idle = 1.0, 1.0, 0.0, 1.0
    for count in range(1, cameras + 1):
        weight *= load * (cameras - count + 1) / cameras / capacity(count)
        weights += weight
        weighted += count * weight
        idle += weight * (cameras - count) / cameras
    return weighted / (load * idle) if load > 0.0 else 1.0


def _line_ms(demand: _Demand, taken_ms: float) -> float:
    """Mean wait for a slot of the own pod. A camera alone never meets its own last frame unless that takes too long."""
    busy = demand.rate * taken_ms / demand.pod.slots
    if busy >= 1.0:
        return math.inf
    return periodic_wait_ms(busy, taken_ms / demand.pod.slots, len(demand.pod.streams))
