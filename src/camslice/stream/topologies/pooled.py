"""`pooled`: one pod per device, whose engine serves the streams of all its cameras and batches across them.

By default the pod is one process. With `workers`, cameras are decoded by so many processes, each with its own interpreter
lock, which scale their frames straight into the slots of one engine process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from camslice.fleet.types import CameraSpec
from camslice.stream.topologies.placing import balanced
from camslice.stream.topologies.sharing import Door, EnginePlan, Placement, PodPlan, Threads


@dataclass(frozen=True, slots=True)
class Pooled:
    """`workers` 0: decoders and engine share one process, of which there is one for each of the GPUs in `devices`."""

    threads: Threads
    workers: int = 0
    devices: tuple[str, ...] = ()

    @property
    def engine(self) -> EnginePlan | None:
        """Reached through slots in shared memory when there are workers."""
        return EnginePlan(Door.SLOTS, self.threads.share()) if self.workers else None

    def place(self, cameras: Sequence[CameraSpec], before: Mapping[str, int]) -> Placement:
        """All cameras in the one process, or spread evenly over the workers or the devices."""
        processes = self.workers or max(1, len(self.devices))
        return Placement(tuple(range(processes)), balanced(cameras, before, processes))

    def pod(self, number: int, pods: int) -> PodPlan:
        """Every core for the one engine; workers compute no model."""
        if self.workers:
            return PodPlan(1)
        return PodPlan(self.threads.share(pods), None, {"CUDA_VISIBLE_DEVICES": self.devices[number]} if self.devices else {})
