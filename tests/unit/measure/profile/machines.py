"""Machines that are made up: they hold an objective with a known probability, and cost no time."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from camslice.fleet.errors import MachineError
from camslice.fleet.figures import Figure, RawHistogram
from camslice.fleet.histogram import Histogram
from camslice.fleet.profile import SharingPoint, Trial
from camslice.fleet.types import Topology
from camslice.measure.profile.observe import Closed, Rates


def trial(streams: int, met: bool, busy: dict[str, float] | None = None) -> Trial:
    return Trial(streams, 15.0, 1000, 0 if met else 50, 100.0 if met else None, met=met, busy=busy or {})


def noisy_machine(capacity: float, spread: float, seed: int) -> Callable[[int], Trial]:
    """Holds the objective at n streams with probability 1 / (1 + exp((n - capacity) / (spread x capacity)))."""
    luck = random.Random(seed)

    def make_trial(streams: int) -> Trial:
        doubt = max(-500.0, min(500.0, (streams - capacity) / max(1e-9, spread * capacity)))
        return trial(streams, luck.random() < 1 / (1 + math.exp(doubt)))

    return make_trial


@dataclass
class MadeUpMachine:
    """Carries `capacity` streams and analyses `fps` frames/s; a pod takes `pod_mb`, each further stream in it `stream_mb`."""

    capacity: float = 12.5
    fps: float = 60.0
    pod_mb: float = 100.0
    stream_mb: float = 4.0
    most_pods: int = 64
    break_off_after: int | None = None
    asked: list[str] = field(default_factory=list)

    def closed(self, topology: Topology, pods: int, streams_per_pod: int) -> Closed:
        self._note(f"closed {topology} {pods} {streams_per_pod}")
        if pods > self.most_pods:
            raise MachineError("no room.")
        histogram = Histogram()
        histogram.add([1000 / self.fps] * 10)
        point = SharingPoint(
            topology,
            pods,
            streams_per_pod,
            total_ms=Figure.measured(1000 * pods / self.fps),
            fps=Figure.measured(self.fps),
            cpu_cores=Figure.measured(1.2),
            histograms={"total": RawHistogram.of(histogram)},
        )
        pod_mb = self.pod_mb + (streams_per_pod - 1) * self.stream_mb
        return Closed(point, pod_mb, 0.8 * pod_mb, 60.0)

    def open(self, topology: Topology, streams: int, turn: int, rates: Rates) -> Trial:
        self._note(f"open {topology} {streams} turn {turn}")
        busy = {"cpu": min(1.0, streams / self.capacity), "inference": 0.7, "decode": 0.1}
        return trial(streams, streams <= self.capacity, busy)

    def _note(self, what: str) -> None:
        if self.break_off_after is not None and len(self.asked) >= self.break_off_after:
            raise KeyboardInterrupt
        self.asked.append(what)
