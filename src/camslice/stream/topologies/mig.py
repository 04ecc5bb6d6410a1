"""`mig`: the pods of `sliced`, each on a hardware partition of its own (NVIDIA Multi-Instance GPU)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from camslice.fleet.errors import FleetError
from camslice.fleet.types import CameraSpec
from camslice.stream.topologies.placing import filled
from camslice.stream.topologies.sharing import Placement, PodPlan, Threads


@dataclass(frozen=True, slots=True)
class Mig:
    """`devices` are the ids of the partitions that an administrator made."""

    threads: Threads
    streams_per_pod: int
    devices: tuple[str, ...]
    engine: None = None

    def place(self, cameras: Sequence[CameraSpec], before: Mapping[str, int]) -> Placement:
        """A pod per partition. Raises FleetError when there are too few partitions."""
        pod_of = filled(cameras, before, self.streams_per_pod)
        pods = tuple(sorted(set(pod_of.values())))
        if len(pods) > len(self.devices):
            raise FleetError(
                f"topology: mig needs a partition for each of {len(pods)} pods, and this GPU has {len(self.devices)}; "
                "make more partitions or raise streams_per_pod."
            )
        return Placement(pods, pod_of)

    def pod(self, number: int, pods: int) -> PodPlan:
        """One partition, and nothing else visible."""
        device = self.devices[number % len(self.devices)]
        return PodPlan(self.threads.share(pods), self.streams_per_pod, {"CUDA_VISIBLE_DEVICES": device})
