"""From what is asked of a node and what profiles say, the node that is simulated.

Nothing is guessed: a figure that is needed and that a profile does not have is an error that names it.
"""

from __future__ import annotations

from collections.abc import Mapping

from camslice.fleet.errors import PlanError
from camslice.fleet.profile import CPU, Profile
from camslice.fleet.types import Pace, Topology, mailbox_depth
from camslice.plan.simulation.costs import decode_overhead_ms, figure, in_pod_batches, pod_work, remote_work
from camslice.plan.simulation.load import NodeLoad, PodLoad, StreamLoad
from camslice.plan.simulation.looking import looking_less, steps_less
from camslice.plan.simulation.machine import device_of, processor_of
from camslice.plan.simulation.node import Concurrent, SimulatedNode, SimulatedPod, SimulatedServer, SimulatedStream, Slices

_REQUESTS_OF_A_WORKER = 2
"""Batches that an engine lends for each of its lanes: one computes while the next is filled."""


def node_of(load: NodeLoad, profiles: Mapping[str, Profile]) -> SimulatedNode:
    """The node to simulate; `profiles` by the names of models that the pods have. Raises PlanError."""
    if not load.pods or any(not pod.streams for pod in load.pods):
        raise PlanError("a node to simulate has at least one pod, and each pod a stream; give it some.")
    for pod in load.pods:
        _check(pod, load, profiles)
    used = [profiles[name] for name in dict.fromkeys(pod.model for pod in load.pods)]
    with_cpu = {profile.machine.accelerator == CPU for profile in used}
    if len(with_cpu) > 1:
        raise PlanError(
            "of the profiles of one node some are of a machine with a GPU and some of one without; give alike ones."
        )
    on_cpu = with_cpu.pop()
    if on_cpu and load.topology is Topology.DEDICATED and len(load.pods) > 1:
        raise PlanError(f"{len(load.pods)} pods in topology dedicated need a machine each where there is no GPU; give one pod.")
    devices, places = ((), [None] * len(load.pods)) if on_cpu else _devices(load, used)
    servers: dict[tuple[str, int | None], int] = {}
    if load.topology is Topology.REMOTE:
        asked = dict.fromkeys((pod.model, place) for pod, place in zip(load.pods, places, strict=True))
        servers = {each: number for number, each in enumerate(asked)}
    placed = zip(load.pods, places, strict=True)
    pods = tuple(_pod(pod, load, profiles[pod.model], place, servers.get((pod.model, place))) for pod, place in placed)
    return SimulatedNode(
        processor_of(load.shape, used),
        devices,
        pods,
        load.objective.latency_ms,
        load.objective.percentile,
        tuple(_server(name, profiles[name], load, device) for name, device in servers),
    )


def _check(pod: PodLoad, load: NodeLoad, profiles: Mapping[str, Profile]) -> None:
    if pod.model not in profiles:
        raise PlanError(f"model {pod.model}: there is no profile of it; give one with --profile.")
    profile = profiles[pod.model]
    if load.topology not in profile.covers.topologies:
        covered = ", ".join(profile.covers.topologies)
        raise PlanError(
            f"profile {profile.name} says nothing of topology {load.topology}, only of {covered}; measure it there."
        )
    if len({stream.fps is None for stream in pod.streams}) > 1:
        raise PlanError("a pod has streams in a closed and in an open loop; give all of them a rate, or none.")
    for stream in pod.streams:
        if stream.fps is not None and not 0.0 < stream.fps < 1e6:
            raise PlanError(f"a stream with {stream.fps:g} frames/s: give a rate above 0, or none for a closed loop.")


def _devices(load: NodeLoad, profiles: list[Profile]) -> tuple[tuple[Slices | Concurrent, ...], list[int | None]]:
    """The accelerators, partitions counted as such, and which of them each pod visits."""
    shape, topology = load.shape, load.topology
    count = shape.accelerators * (shape.partitions if topology is Topology.MIG else 1)
    if count < 1:
        raise PlanError(
            f"profile {profiles[0].name} is of a machine with an accelerator, and this one has none; give one that has."
        )
    alone = topology in (Topology.DEDICATED, Topology.MIG)
    if alone and len(load.pods) > count:
        what = "partitions" if topology is Topology.MIG else "accelerators"
        raise PlanError(
            f"{len(load.pods)} pods in topology {topology} need as many {what}, and there are {count}; give fewer pods."
        )
    places: list[int | None] = [number % count for number in range(len(load.pods))]
    most = max(sum(place == device for place in places) for device in range(count))
    # In `remote` the contexts are the servers', of one model each.
    contexts = len(profiles) if topology is Topology.REMOTE else most
    return tuple(device_of(topology, profiles, contexts) for _ in range(count)), places


def _pod(pod: PodLoad, load: NodeLoad, profile: Profile, device: int | None, server: int | None) -> SimulatedPod:
    simulated = _in_full(pod, load, profile, device, server)
    if pod.looking is None:
        return simulated
    inference = simulated.batches[0] if server is None else remote_work(profile).batches[0]
    return looking_less(simulated, pod.looking, load.objective.latency_ms, inference)


def _in_full(pod: PodLoad, load: NodeLoad, profile: Profile, device: int | None, server: int | None) -> SimulatedPod:
    """Every pixel of every frame is analysed."""
    streams = tuple(_stream(stream, load, profile) for stream in pod.streams)
    if server is not None:
        remote = remote_work(profile)
        slots = _REQUESTS_OF_A_WORKER
        return SimulatedPod(pod.model, streams, remote.before, ((),), remote.after, server=server, slots=slots)
    share = load.shape.partition_share if load.topology is Topology.MIG else 1.0
    work = pod_work(profile, share, len(load.pods) / load.shape.vcpu)
    lanes = _threads(pod, load) if profile.machine.accelerator == CPU else 1
    own = in_pod_batches(profile)
    contexts = profile.contexts
    return SimulatedPod(
        pod.model,
        streams,
        work.before,
        work.batches,
        work.after,
        device=device,
        slots=2 * lanes if own else 1,
        lanes=lanes if own else 1,
        spinning_threads=0.0 if contexts.spinning_threads is None else contexts.spinning_threads.value,
        extra_threads=0.0 if contexts.extra_threads is None else contexts.extra_threads.value,
        background_ms=work.background_ms,
        work_cv=work.cv,
    )


def _threads(pod: PodLoad, load: NodeLoad) -> int:
    """Of a pod's engine: its share of the cores, as pods are started."""
    return pod.threads or max(1, load.shape.vcpu // len(load.pods))


def _server(model: str, profile: Profile, load: NodeLoad, device: int | None) -> SimulatedServer:
    remote = remote_work(profile)
    looking = next(pod.looking for pod in load.pods if pod.model == model)
    batches = remote.batches
    if looking is not None:
        batches = tuple(steps_less(batch, looking.inferences_per_frame) for batch in batches)
    lanes = load.shape.vcpu if profile.machine.accelerator == CPU else 1
    return SimulatedServer(batches, device, remote.network_ms, lanes)


def _stream(stream: StreamLoad, load: NodeLoad, profile: Profile) -> SimulatedStream:
    decode_ms = _decode_ms(stream, profile)
    if stream.fps is None:
        return SimulatedStream(None, 1, decode_ms)
    undue = 0.0 if stream.source_fps is None else max(0.0, stream.source_fps / stream.fps - 1.0)
    depth = mailbox_depth(load.objective, Pace.LIVE, stream.fps, stream.freshness)
    return SimulatedStream(1000.0 / stream.fps, depth, decode_ms, undue * decode_ms, stream.unevenness, stream.phase)


def _decode_ms(stream: StreamLoad, profile: Profile) -> float:
    """CPU ms of decoding one frame; none where the load says nothing of the source, as in the published case study."""
    if stream.megapixels is None:
        return 0.0
    for cost in profile.decode:
        if cost.codec == stream.codec:
            decode_ms = figure(cost.cpu_ms_per_megapixel, profile, "decode") * stream.megapixels
            return decode_ms + decode_overhead_ms(profile)
    known = ", ".join(cost.codec for cost in profile.decode) or "none"
    raise PlanError(
        f"profile {profile.name} has no cost of decoding {stream.codec} (it has {known}); measure it with that codec."
    )
