"""`dedicated`: a pod for each stream, each with a whole device of its own. The baseline of the case study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from camslice.fleet.errors import FleetError
from camslice.fleet.types import CameraSpec
from camslice.stream.topologies.placing import filled
from camslice.stream.topologies.sharing import Placement, PodPlan, Threads


@dataclass(frozen=True, slots=True)
class Dedicated:
    """`devices` are the ids of this machine's GPUs; without any, the processor is its one device."""

    threads: Threads
    devices: tuple[str, ...] = ()
    engine: None = None

    def place(self, cameras: Sequence[CameraSpec], before: Mapping[str, int]) -> Placement:
        """A pod per camera. Raises FleetError when there are more streams than devices."""
        streams = sum(len(camera.models) for camera in cameras)
        devices = max(1, len(self.devices))
        if streams > devices:
            raise FleetError(
                f"topology: dedicated gives each of the {streams} streams a device of its own, and this machine has {devices}; "
                "use pooled, sliced or remote here, or run the cameras on as many machines."
            )
        pod_of = filled(cameras, before, 1)
        return Placement(tuple(sorted(set(pod_of.values()))), pod_of)

    def pod(self, number: int, pods: int) -> PodPlan:
        """All threads, and one device."""
        environment = {"CUDA_VISIBLE_DEVICES": self.devices[number % len(self.devices)]} if self.devices else {}
        return PodPlan(self.threads.share(), 1, environment)
