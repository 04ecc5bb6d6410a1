"""`pooled`: one pod per device, whose engine serves the streams of all its cameras and batches across them.

By default the pod is one process. With `workers`, cameras are decoded by so many processes, each with its own interpreter
lock, which scale their frames straight into the slots of one engine process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from camslice.fleet.types import CameraSpec
from camslice.stream.topologies.placing import balanced
from camslice.stream.topologies.sharing import Door, Placement, PodPlan


@dataclass(frozen=True, slots=True)
class Pooled:
    """`workers` 0: decoders and engine share one process."""

    threads: int
    workers: int = 0

    @property
    def door(self) -> Door | None:
        """Slots in shared memory when there are workers."""
        return Door.SLOTS if self.workers else None

    def place(self, cameras: Sequence[CameraSpec], before: Mapping[str, int]) -> Placement:
        """All cameras in the one process, or spread evenly over the workers."""
        processes = max(1, self.workers)
        return Placement(tuple(range(processes)), balanced(cameras, before, processes))

    def pod(self, number: int) -> PodPlan:
        """Every core for the one engine; workers compute no model."""
        return PodPlan(1 if self.workers else self.threads)
