"""`mps`: the pods of `sliced` as clients of NVIDIA's Multi-Process Service, each capped to an equal part of the GPU.

The environment is what the Kubernetes device plugin sets: the share of the GPU's threads and a limit of its memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from camslice.fleet.errors import FleetError
from camslice.fleet.types import CameraSpec
from camslice.stream.topologies.placing import filled
from camslice.stream.topologies.sharing import Placement, PodPlan, Threads

MAX_CLIENTS = 48
"""Clients that one GPU takes, as NVIDIA publishes it for the Multi-Process Service."""


@dataclass(frozen=True, slots=True)
class Mps:
    """`pods` is the number of parts that the GPU of `memory_mb` is cut into."""

    threads: Threads
    streams_per_pod: int
    pods: int
    memory_mb: int
    engine: None = None

    def place(self, cameras: Sequence[CameraSpec], before: Mapping[str, int]) -> Placement:
        """As many pods as it takes. Raises FleetError beyond the parts that the GPU was cut into."""
        pod_of = filled(cameras, before, self.streams_per_pod)
        pods = tuple(sorted(set(pod_of.values())))
        if len(pods) > self.pods:
            raise FleetError(
                f"topology: mps cut the GPU into {self.pods} parts when it started, and {len(pods)} pods are wanted now; "
                "restart to cut it anew, or raise streams_per_pod."
            )
        return Placement(pods, pod_of)

    def pod(self, number: int, pods: int) -> PodPlan:
        """An equal part of the GPU's threads and memory."""
        share = max(1, 100 // self.pods)
        environment = {
            "CUDA_MPS_ACTIVE_THREAD_PERCENTAGE": str(share),
            "CUDA_MPS_PINNED_DEVICE_MEM_LIMIT": f"0={max(1, self.memory_mb // self.pods)}M",
        }
        return PodPlan(self.threads.share(pods), self.streams_per_pod, environment)
