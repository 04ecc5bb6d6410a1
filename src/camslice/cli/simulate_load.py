"""What `simulate` is asked to put on a node: the load that options or a plan describe, and the profiles it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from camslice.cli.known_profiles import known_profile
from camslice.cli.options import one_of
from camslice.cli.output import stderr
from camslice.fleet.errors import CamsliceError
from camslice.fleet.profile import Profile
from camslice.fleet.profile_json import load_profile, shipped_profiles
from camslice.fleet.types import Objective, Topology
from camslice.plan.catalogue.allocatable import allocatable
from camslice.plan.catalogue.instance_type import InstanceType, MigProfile
from camslice.plan.catalogue.load import load_catalogue
from camslice.plan.node_kind import NodeKind
from camslice.plan.plan import Plan, PlannedNode, UsedProfile
from camslice.plan.plan_yaml import load_plan
from camslice.plan.policies import looking_as_planned
from camslice.plan.scaling import scaled
from camslice.plan.simulation.load import EVENLY, NodeLoad, NodeShape, PodLoad, StreamLoad, Unevenness


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine that was named, or described by its size."""

    instance_type: str | None
    vcpu: int | None
    physical_cores: int | None
    accelerators: int | None
    mig_profile: str | None
    catalogue: Path | None


@dataclass(frozen=True, slots=True)
class Streams:
    """What options say of pods and their streams."""

    topology: str
    pods: int
    streams_per_pod: int
    threads: int | None
    fps: float | None
    unevenness: Unevenness
    objective: Objective


@dataclass(frozen=True, slots=True)
class Described:
    """A load, the profiles of its models, and how it is called. `seconds` and `seed`: what its plan was made with."""

    load: NodeLoad
    profiles: Mapping[str, Profile]
    instance_type: str | None
    shape: str | None = None
    seconds: float | None = None
    seed: int | None = None
    predicted: PlannedNode | None = None


def described_by_profile(name: str | None, machine: Machine, streams: Streams) -> Described:
    """Pods that are all alike, of one profile. Raises CamsliceError."""
    if name is None:
        known = ", ".join(shipped_profiles())
        raise CamsliceError(f"--profile is missing: give a plan.yaml, or a profile (there is {known}) with --pods.")
    profile = load_profile(name)
    topology = one_of(Topology, streams.topology, "--topology")
    if streams.fps is not None and not 0.0 < streams.fps < 1e6:
        raise CamsliceError(f"--fps {streams.fps:g}: give frames per second above 0, or leave it out for a closed loop.")
    if topology is Topology.MIG and machine.instance_type is None:
        raise CamsliceError("--topology mig: how a card can be cut is in the catalogue; give --instance-type.")
    model = profile.model.name
    stream = _stream(profile, streams)
    pods: tuple[PodLoad, ...]
    if topology is Topology.POOLED:
        pods = (PodLoad(model, (stream,) * streams.pods, streams.threads),)
    else:
        pods = (PodLoad(model, (stream,) * streams.streams_per_pod, streams.threads),) * streams.pods
    load = NodeLoad(_shape(machine, profile, topology), topology, pods, streams.objective)
    return Described(load, {model: profile}, machine.instance_type)


def described_by_plan(path: Path, shape: str | None, fps: float | None, catalogue: Path | None) -> Described:
    """A node of a plan, at its own rates or at `fps`. Raises CamsliceError."""
    plan = load_plan(path)
    node = _node_of(plan, shape, path)
    types = load_catalogue(catalogue)
    machine = types.find(node.instance_type)
    profiles = {used.model: scaled(_as_planned(used, path), used.scale or 1.0) for used in plan.profiles}
    kind = NodeKind(
        machine,
        node.topology,
        node.streams_per_pod,
        allocatable(machine, types.pods_of_system("eks"), prefix_delegation=False),
        profiles,
        partition=_partition(machine, node.shape) if node.topology is Topology.MIG else None,
        looking=looking_as_planned(profiles, node.policies),
    )
    classes = tuple(each if fps is None else replace(each, fps=fps) for each in plan.classes)
    contents = tuple(node.contents.get(each.name, 0) for each in classes)
    predicted = node.predicted
    return Described(
        kind.load(contents, classes), profiles, node.instance_type, node.shape, predicted.seconds, predicted.seed, node
    )


def _as_planned(used: UsedProfile, path: Path) -> Profile:
    """The profile that a plan rests on, if it still says the same."""
    known = known_profile(used.where)
    if known.sha256 != used.sha256:
        raise CamsliceError(f"{path}: the profile {used.where} has changed since this plan was made; plan again.")
    return known.profile


def _node_of(plan: Plan, shape: str | None, path: Path) -> PlannedNode:
    names = [node.shape for node in plan.nodes]
    if not names:
        raise CamsliceError(f"{path}: this plan has no node; plan again.")
    if shape is None:
        fullest = max(plan.nodes, key=lambda node: node.streams_per_node)
        if len(names) > 1:
            stderr().print(f"of {len(names)} kinds of nodes the fullest, {fullest.shape}; --shape names another")
        return fullest
    for node in plan.nodes:
        if node.shape == shape:
            return node
    raise CamsliceError(f"--shape {shape}: the plan has {', '.join(names)}.")


def _shape(machine: Machine, profile: Profile, topology: Topology) -> NodeShape:
    if machine.instance_type is None:
        if machine.vcpu is None:
            raise CamsliceError("--instance-type is missing: name a machine, or give --vcpu, --physical-cores, --accelerators.")
        accelerators = machine.accelerators
        if accelerators is None:
            accelerators = profile.machine.accelerators
        return NodeShape(machine.vcpu, machine.physical_cores or machine.vcpu, accelerators)
    found = load_catalogue(machine.catalogue).find(machine.instance_type)
    accelerators = 0 if found.accelerator is None else found.accelerator.count
    shape = NodeShape(
        machine.vcpu or found.vcpu,
        machine.physical_cores or (machine.vcpu or found.physical_cores),
        accelerators if machine.accelerators is None else machine.accelerators,
    )
    if topology is Topology.MIG:
        cut = _cut(found, machine.mig_profile)
        shape = replace(shape, partitions=cut.count, partition_share=cut.slices / cut.of_slices)
    return shape


def _cut(machine: InstanceType, name: str | None) -> MigProfile:
    ways = () if machine.accelerator is None else machine.accelerator.mig_profiles
    if not ways:
        raise CamsliceError(
            f"{machine.name}: it has no card that can be partitioned (MIG); choose another machine or topology."
        )
    found = next((way for way in ways if name in (None, way.name)), None)
    if found is None:
        raise CamsliceError(f"--mig-profile {name}: {machine.name} has {', '.join(way.name for way in ways)}.")
    return found


def _partition(machine: InstanceType, shape: str) -> MigProfile:
    """A plan names it within the shape's name."""
    parts = shape.split("#", maxsplit=1)[0].split("/")
    return _cut(machine, next((part for part in parts[2:] if "per pod" not in part), None))


def _stream(profile: Profile, streams: Streams) -> StreamLoad:
    """A stream like those that the profile was measured with; where it says nothing of video, decoding costs nothing."""
    video = profile.video
    if video is None or not any(cost.codec == video.codec for cost in profile.decode):
        return StreamLoad(streams.fps, unevenness=streams.unevenness)
    megapixels = video.width * video.height / 1e6
    source_fps = None if streams.fps is None else max(video.fps, streams.fps)
    return StreamLoad(streams.fps, megapixels, video.codec, source_fps, streams.unevenness)


def unevenness(jitter_ms: float, keyframe_interval_s: float, keyframe_delay_ms: float) -> Unevenness:
    """How frames arrive, as options say it."""
    if jitter_ms == 0.0 and keyframe_delay_ms == 0.0:
        return EVENLY
    return Unevenness(jitter_ms, keyframe_interval_s if keyframe_delay_ms else 0.0, keyframe_delay_ms)
