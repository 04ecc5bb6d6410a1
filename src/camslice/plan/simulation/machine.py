"""What profiles say of the machine: how its threads get in each other's way, and how contexts share an accelerator."""

from __future__ import annotations

import math
from collections.abc import Sequence

from camslice.fleet.errors import PlanError
from camslice.fleet.profile import CPU, Profile
from camslice.fleet.types import Topology
from camslice.plan.simulation.costs import figure, whole_frame_ms
from camslice.plan.simulation.load import NodeShape
from camslice.plan.simulation.node import Concurrent, Processor, Slices


def processor_of(shape: NodeShape, profiles: Sequence[Profile]) -> Processor:
    """The processor of that shape, as far as these profiles say how much its threads get in each other's way."""
    if shape.vcpu < 1 or not 1 <= shape.physical_cores <= shape.vcpu:
        raise PlanError(f"{shape.vcpu} vCPU on {shape.physical_cores} physical cores is no machine; give 1 to that many cores.")
    yields = [_hyper_thread_yield(shape, profile) for profile in profiles]
    known = [each for each in yields if each is not None]
    if known:
        return Processor(shape.vcpu, shape.physical_cores, min(known))
    if shape.vcpu > shape.physical_cores and any(_at_full_load(profile) is None for profile in profiles):
        figure(None, profiles[0], "contexts.hyper_thread_yield")
    loads = [load for profile in profiles if (load := _at_full_load(profile)) is not None]
    share = min(loads, default=1.0)
    if shape.vcpu == 1 or share == 1.0:
        return Processor(shape.vcpu, shape.vcpu)
    # No hyper-threads that anybody sees, and yet all cores together do less than each alone; or more, where cores that never
    # rest are quicker than one whose thread sleeps between frames. From one core on, each adds less, or more.
    return Processor(shape.vcpu, 1, max(0.0, (shape.vcpu * share - 1) / (shape.vcpu - 1)))


def device_of(topology: Topology, profiles: Sequence[Profile], contexts: int) -> Slices | Concurrent:
    """An accelerator with so many contexts on it."""
    if topology is Topology.MPS:
        return _concurrent(profiles[0], contexts)
    if contexts < 2:
        return Slices(math.inf, 0.0)
    return Slices(
        max(figure(profile.contexts.slice_ms, profile, "contexts.slice_ms") for profile in profiles),
        max(figure(profile.contexts.switch_ms, profile, "contexts.switch_ms") for profile in profiles),
    )


def _concurrent(profile: Profile, contexts: int) -> Concurrent:
    points = {1: 1.0} | {each.contexts: each.throughput.value for each in profile.contexts.concurrency}
    if contexts > 1 and len(points) == 1:
        figure(None, profile, "contexts.concurrency")
    known = sorted(points)
    throughput: list[float] = []
    for count in range(1, max(known) + 1):
        above = next(each for each in known if each >= count)
        below = max(each for each in known if each <= count)
        part = 0.0 if above == below else (count - below) / (above - below)
        throughput.append(points[below] + part * (points[above] - points[below]))
    return Concurrent(1.0 / max(1, contexts), tuple(throughput))


def _hyper_thread_yield(shape: NodeShape, profile: Profile) -> float | None:
    if profile.contexts.hyper_thread_yield is not None:
        return profile.contexts.hyper_thread_yield.value
    share = _at_full_load(profile)
    vcpu, cores = profile.machine.vcpu or 0, profile.machine.physical_cores or 0
    if share is not None and shape.vcpu > shape.physical_cores and vcpu > cores > 0:
        return max(0.0, min(1.0, (share * vcpu - cores) / (vcpu - cores)))
    return 0.0 if shape.vcpu == shape.physical_cores and profile.machine.accelerator != CPU else None


def _at_full_load(profile: Profile) -> float | None:
    """The most that was seen done, as a share of what all its vCPUs would do if each were as quick as one alone."""
    cores = profile.machine.usable_cores or profile.machine.vcpu
    if cores is None or profile.machine.accelerator != CPU:
        return None
    done = [
        point.fps.value * whole_frame_ms(profile) / 1000.0
        for point in profile.sharing
        if point.fps is not None and point.pods * point.streams_per_pod >= cores and point.topology is not Topology.REMOTE
    ]
    return max(done) / cores if done else None
