"""The simulator for every kind of node: streams that share a pod, batches, engine servers, contexts that compute at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import count

from camslice.plan.simulation.arrivals import FACTORS, arrivals_of, loop_start_ms, work_factors
from camslice.plan.simulation.frames import SimulatedFrame, trace_of
from camslice.plan.simulation.node import SimulatedNode, SimulatedPod
from camslice.plan.simulation.pod import Pod
from camslice.plan.simulation.result import Trace
from camslice.plan.simulation.server import Server
from camslice.plan.simulation.site import Site


@dataclass(frozen=True, slots=True)
class Raw:
    """What a simulation left: all frames, and busy ms of the processor (one core's worth) and of all accelerators together,
    within the window."""

    trace: Trace
    events: int
    processor_ms: float
    devices_ms: float


def run_general(node: SimulatedNode, seed: int, warm_up_ms: float, end_ms: float) -> Raw:
    """Simulate until `end_ms`; the window begins at `warm_up_ms`."""
    site = Site(node.processor, node.devices)
    frames: list[SimulatedFrame] = []
    loops = _Loops(site, node, frames, seed)
    latency_ms = node.latency_ms if math.isfinite(node.latency_ms) else None
    servers = [
        Server(site, server, len(node.pods) + number, latency_ms, len(node.pods), seed)
        for number, server in enumerate(node.servers)
    ]
    pods = [
        Pod(
            site,
            settings,
            number,
            latency_ms if settings.streams[0].interval_ms is not None else None,
            loops.next_frame,
            None if settings.server is None else servers[settings.server],
        )
        for number, settings in enumerate(node.pods)
    ]
    loops.start(pods)
    _let_arrive(site, node, pods, frames, seed, end_ms)
    site.clock.run(warm_up_ms, site.shared)
    busy_before = site.processor.work_done_ms(warm_up_ms), sum(each.busy_ms(warm_up_ms) for each in site.devices)
    site.clock.run(end_ms, site.shared)
    return Raw(
        trace_of(frames),
        site.clock.events,
        site.processor.work_done_ms(end_ms) - busy_before[0],
        sum(each.busy_ms(end_ms) for each in site.devices) - busy_before[1],
    )


def _let_arrive(
    site: Site, node: SimulatedNode, pods: list[Pod], frames: list[SimulatedFrame], seed: int, end_ms: float
) -> None:
    """Frames of open loops come one after the other: only the next one is ever due."""
    arrivals = arrivals_of(node, seed, end_ms)
    factors = _Factors(node, seed)
    times, captured = arrivals.arrival_ms.tolist(), arrivals.captured_ms.tolist()
    of_pods, of_streams = arrivals.pods.tolist(), arrivals.streams.tolist()
    rows = iter(range(len(times)))

    def arrive() -> None:
        row = arriving[0]
        pod, stream = of_pods[row], of_streams[row]
        frame = SimulatedFrame(captured[row], pod, stream, factors.next(pod, stream), since_ms=captured[row])
        frames.append(frame)
        following()
        pods[pod].arrive(frame)

    def following() -> None:
        row = next(rows, None)
        if row is not None:
            arriving[0] = row
            site.clock.at(times[row], arrive)

    arriving = [0]
    following()


class _Loops:
    """Closed loops: the next frame is captured when the last one has met its fate."""

    def __init__(self, site: Site, node: SimulatedNode, frames: list[SimulatedFrame], seed: int) -> None:
        self._site = site
        self._node = node
        self._frames = frames
        self._seed = seed
        self._factors = _Factors(node, seed)
        self._pods: list[Pod] = []

    def start(self, pods: list[Pod]) -> None:
        self._pods = pods
        for number, pod in enumerate(self._node.pods):
            for stream, each in enumerate(pod.streams):
                if each.interval_ms is None:
                    self._capture_at(loop_start_ms(pod, number, stream, self._seed), number, stream)

    def next_frame(self, pod: int, stream: int) -> None:
        if self._node.pods[pod].streams[stream].interval_ms is None:
            self._capture_at(self._site.clock.now_ms, pod, stream)

    def _capture_at(self, when_ms: float, pod: int, stream: int) -> None:
        def capture() -> None:
            frame = SimulatedFrame(when_ms, pod, stream, self._factors.next(pod, stream), since_ms=when_ms)
            self._frames.append(frame)
            self._pods[pod].arrive(frame)

        self._site.clock.at(when_ms, capture)


class _Factors:
    """What each frame of a stream costs, relative to the mean; again from the first after so many frames."""

    def __init__(self, node: SimulatedNode, seed: int) -> None:
        self._node = node
        self._seed = seed
        self._of: dict[tuple[int, int], tuple[list[float], count[int]]] = {}

    def next(self, pod: int, stream: int) -> float:
        settings: SimulatedPod = self._node.pods[pod]
        if settings.work_cv <= 0.0:
            return 1.0
        if (pod, stream) not in self._of:
            factors = work_factors(settings, pod, stream, self._seed).tolist()
            self._of[pod, stream] = (factors, count())
        factors, frames = self._of[pod, stream]
        return factors[next(frames) % FACTORS]
