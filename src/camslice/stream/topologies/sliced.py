"""`sliced`: pods of a few streams each, all at once on one device, which takes turns between them.

The kernel slices a processor between processes as the driver slices a GPU between contexts. This is the case study's answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from camslice.fleet.types import CameraSpec
from camslice.stream.topologies.placing import filled
from camslice.stream.topologies.sharing import Placement, PodPlan, Threads


@dataclass(frozen=True, slots=True)
class Sliced:
    """With several GPUs (`devices`) the pods take them in turn."""

    threads: Threads
    streams_per_pod: int = 1
    devices: tuple[str, ...] = ()
    engine: None = None

    def place(self, cameras: Sequence[CameraSpec], before: Mapping[str, int]) -> Placement:
        """As many pods as it takes."""
        pod_of = filled(cameras, before, self.streams_per_pod)
        return Placement(tuple(sorted(set(pod_of.values()))), pod_of)

    def pod(self, number: int, pods: int) -> PodPlan:
        """A share of the cores, and a context of its own on a shared device."""
        environment = {"CUDA_VISIBLE_DEVICES": self.devices[number % len(self.devices)]} if self.devices else {}
        return PodPlan(self.threads.share(pods), self.streams_per_pod, environment)
