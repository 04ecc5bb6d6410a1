"""The two objects that camslice keeps in a cluster, as values: CameraFleet and Camera.

What stands in their `spec` is what fleet.yaml and plan.yaml say, with keys in the form of Kubernetes (latencyMs for latency_ms)
and models as a list. Times in ms, memory in MB (10^6 bytes), money in US dollars.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from camslice.fleet.types import Objective, StreamFormat, Topology


@dataclass(frozen=True, slots=True)
class Slot:
    """Room for `streams` of one model, each at most so fast and so large, in one pod: what the plan's simulation held."""

    model: str
    fps: float
    streams: int
    format: StreamFormat | None = None


@dataclass(frozen=True, slots=True)
class PodShape:
    """`count` pods on each node of a shape, alike, with what one of them asks for and what it has room for.

    `shares`: of how many shares of accelerators it takes one (1: a device of its own; 0: none). `role`: camera or engine.
    """

    name: str
    count: int
    cpu_m: int
    memory_mb: float
    shares: int
    slots: tuple[Slot, ...]
    role: str = "camera"


@dataclass(frozen=True, slots=True)
class NodeShape:
    """`nodes` nodes of one instance type that carry the same pods. `partition`: how MIG cuts its cards.

    `fallback`: other types for which the plan holds a verified shape with at least as much room, for want of capacity.
    """

    name: str
    instance_type: str
    region: str
    purchase: str
    nodes: int
    topology: Topology
    usd_per_hour: float
    pods: tuple[PodShape, ...]
    p95_ms: float | None = None
    partition: str | None = None
    fallback: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelObject:
    """A model of the fleet, its keys as in fleet.yaml. `sha256` of its weights, checked before a pod is ready."""

    name: str
    keys: Mapping[str, object]
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class WeightsFrom:
    """Where pods find weights: a `claim` (PersistentVolumeClaim), an `image` (image volume), or `url` (an object store, fetched
    by an init container with the image `fetcher`). None of them: the model list, or weights inside our own image."""

    claim: str | None = None
    image: str | None = None
    url: str | None = None
    fetcher: str | None = None


@dataclass(frozen=True, slots=True)
class FleetObject:
    """A CameraFleet: everything but its cameras.

    `camera_cidrs` (network.cameras): where cameras with host names may be; without it only literal addresses are let through.
    `policy` is as in fleet.yaml. `store_secret` (NAME, KEY): the Secret that holds the store's URL. `usd_per_month`: everything
    the plan counts.
    """

    name: str
    namespace: str
    uid: str
    generation: int
    objective: Objective
    models: tuple[ModelObject, ...]
    shapes: tuple[NodeShape, ...]
    image: str
    camera_cidrs: tuple[str, ...] = ()
    policy: str = "auto"
    store_secret: tuple[str, str] | None = None
    weights: WeightsFrom = field(default_factory=WeightsFrom)
    usd_per_month: float | None = None
    spare_nodes: int = 0
    cameras_per_node: int | None = None
    degrade: bool = False
    grace_s: int = 60


@dataclass(frozen=True, slots=True)
class CameraObject:
    """A Camera: a source and the rate at which it is to be analysed. `name` is what results call it, `object_name` the object's
    own name in the cluster (the same where a cluster allows it). `secret`: the Secret whose keys are the `${NAME}` of its
    source. `keys`: further keys as in fleet.yaml (freshness, loop, objective, ...)."""

    name: str
    uid: str
    fleet: str
    source: str
    fps: float
    models: tuple[str, ...]
    namespace: str = "default"
    object_name: str = ""
    generation: int = 0
    secret: str | None = None
    stream: StreamFormat | None = None
    keys: Mapping[str, object] = field(default_factory=dict)
    placement: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    """From its status: model to (shard, epoch), where its streams were placed last."""
