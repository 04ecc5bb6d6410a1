"""`remote`: worker pods that decode, scale and read boxes, and an engine server that they reach by the Open Inference Protocol.

The client-server split of the case study, done well: workers send a picture, never a float tensor, and on one host they send
its place in shared memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from camslice.fleet.types import CameraSpec
from camslice.stream.topologies.placing import balanced
from camslice.stream.topologies.sharing import Door, EnginePlan, Placement, PodPlan, Threads


@dataclass(frozen=True, slots=True)
class Remote:
    """`workers` pods beside one engine server, which has the device and all `threads`."""

    threads: Threads
    workers: int

    @property
    def engine(self) -> EnginePlan:
        """The server."""
        return EnginePlan(Door.OIP, self.threads.share())

    def place(self, cameras: Sequence[CameraSpec], before: Mapping[str, int]) -> Placement:
        """Cameras spread evenly over the workers."""
        return Placement(tuple(range(self.workers)), balanced(cameras, before, self.workers))

    def pod(self, number: int, pods: int) -> PodPlan:
        """A worker computes no model."""
        return PodPlan(threads=1)
