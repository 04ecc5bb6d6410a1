"""Everything that the operator makes of a fleet, from values alone; `camslice render --preview-pods` prints the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from camslice.cluster.manifests.assigned import Assigned
from camslice.cluster.manifests.common import Manifest
from camslice.cluster.manifests.config import config_map, revision_of
from camslice.cluster.manifests.credentials import SecretData, credentials
from camslice.cluster.manifests.disruption import disruption_budget
from camslice.cluster.manifests.engine import engine_objects
from camslice.cluster.manifests.network import network_policy
from camslice.cluster.manifests.pod import camera_pod, preferring
from camslice.cluster.manifests.scaled import Scaling
from camslice.cluster.objects import CameraObject, FleetObject
from camslice.cluster.placement.place import Rules, Stream, place
from camslice.cluster.placement.shards import Shard, shards_of
from camslice.cluster.sharing.device_plugin import DevicePlugin
from camslice.cluster.sharing.protocol import Sharing
from camslice.fleet.types import StreamKey


@dataclass(frozen=True, slots=True)
class PodObjects:
    """A pod with its ConfigMap and Secret, which carry its name and must be there first."""

    config: Manifest
    credentials: Manifest
    pod: Manifest
    revision: str

    @property
    def in_order(self) -> tuple[Manifest, ...]:
        """As they are made."""
        return self.config, self.credentials, self.pod


def pod_objects(
    fleet: FleetObject,
    shard: Shard,
    name: str,
    streams: Sequence[Assigned],
    secrets: SecretData,
    sharing: Sharing,
    node: str | None = None,
) -> PodObjects:
    """What the pod called `name` needs to be that shard. `node`: the one it should rather be on than on another."""
    config = config_map(fleet, shard.shape, shard.pod, shard.name, name, streams)
    secret = credentials(fleet, shard.name, name, streams, secrets)
    revision = revision_of(config, secret)
    pod = camera_pod(fleet, shard.shape, shard.pod, shard.name, name, revision, sharing)
    if node is not None:
        pod["spec"]["affinity"] = {"nodeAffinity": preferring(node)}
    return PodObjects(config, secret, pod, revision)


def fleet_objects(
    fleet: FleetObject, cameras: Iterable[CameraObject], sharing: Sharing, scaling: Scaling | None = None
) -> list[Manifest]:
    """What all pods of a fleet share."""
    return [network_policy(fleet, cameras), disruption_budget(fleet), *engine_objects(fleet, sharing, scaling)]


def streams_of(cameras: Iterable[CameraObject]) -> list[Stream]:
    """Of each camera one for each of its models."""
    return [Stream(StreamKey(camera.name, model), camera.fps, camera.stream) for camera in cameras for model in camera.models]


def rules_of(fleet: FleetObject, *, compact: bool = False) -> Rules:
    """By which its streams are placed."""
    return Rules(fleet.cameras_per_node, fleet.degrade, compact)


def preview(fleet: FleetObject, cameras: Sequence[CameraObject]) -> list[Manifest]:
    """All that would be made for a fleet that is new. Credentials are not in it."""
    sharing = DevicePlugin()
    by_name = {camera.name: camera for camera in cameras}
    shards = shards_of(fleet)
    placement = place(streams_of(cameras), shards, {}, rules_of(fleet))
    held: dict[str, list[Assigned]] = {}
    for key, at in placement.places.items():
        held.setdefault(at.shard, []).append(Assigned(by_name[key.camera], key.model, at.fps, 1))
    empty: SecretData = {}
    made = [
        pod_objects(fleet, shard, first_pod_name(fleet, shard), held.get(shard.name, ()), empty, sharing).in_order
        for shard in shards
        if shard.name in held or shard.spare
    ]
    return [*fleet_objects(fleet, cameras, sharing), *(each for objects in made for each in objects)]


def first_pod_name(fleet: FleetObject, shard: Shard) -> str:
    """Of the first pod that fills a shard; later ones have something added, for two may be there while one hands over."""
    return f"{fleet.name}-{shard.name}"
