"""What stands in the `spec` of a CameraFleet and of a Camera: the keys of fleet.yaml, and what a plan adds to them.

The border, and the source of the custom resource definitions: written with underscores here as in fleet.yaml, in the cluster
as `case` says.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from camslice.fleet.policy import PolicyName
from camslice.fleet.spec_keys import CameraKeys, ModelKeys, NetworkKeys, ObjectiveKeys
from camslice.fleet.spec_planning import StreamKeys
from camslice.fleet.spec_values import MOST_MASKS, NUMBER, Allowed, Keys, Mask, Name, Text

_Count = Annotated[int, Field(ge=0, le=100_000), Allowed("a whole number from 0 to 100000")]
_Size = Annotated[float, Field(ge=0), NUMBER, Allowed("a number of at least 0")]
_Topology = Literal["dedicated", "remote", "sliced", "mps", "mig", "pooled"]
_ObjectName = Annotated[
    str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=253), Allowed("the name of an object in the cluster")
]
LONGEST_SOURCE = 2048
MOST_MODELS, MOST_SHAPES, MOST_PODS, MOST_SLOTS = 32, 64, 64, 64


def _as_in_a_fleet_file(key: str) -> Any:
    return Field(description=CameraKeys.model_fields[key].description)


class SecretKeyKeys(Keys):
    """One value of a Secret of the fleet's namespace."""

    name: Annotated[_ObjectName, Field(description="The Secret's name.")]
    key: Annotated[Text, Field(max_length=253, description="Which of its keys.")] = "url"


class SecretKeys(Keys):
    """A Secret of the fleet's namespace."""

    name: Annotated[_ObjectName, Field(description="The Secret's name.")]


class StoreRefKeys(Keys):
    """Where results are kept."""

    secret_ref: Annotated[SecretKeyKeys, Field(description="The Secret that holds the database URL.")]


class WeightsKeys(Keys):
    """Where pods find weights; left out, they are inside the image."""

    claim: Annotated[_ObjectName | None, Field(description="A PersistentVolumeClaim with the files.")] = None
    image: Annotated[Text | None, Field(max_length=512, description="An image whose files are mounted.")] = None
    url: Annotated[Text | None, Field(max_length=2048, description="An object store, copied from when a pod starts.")] = None
    fetcher: Annotated[
        Text | None, Field(max_length=512, description="The image that copies from `url` (s3:// with the AWS command line).")
    ] = None


class SlotKeys(Keys):
    """Room for streams that the plan's simulation held."""

    model: Name
    fps: Annotated[float, Field(gt=0, le=240, description="At most so many frames per second of each."), NUMBER]
    streams: Annotated[int, Field(ge=1, le=10_000)]
    format: Annotated[StreamKeys | None, Field(description="What each camera sends, at most.")] = None


class PodShapeKeys(Keys):
    """Pods of one kind on each node of a shape."""

    name: Annotated[_ObjectName, Field(max_length=32)]
    role: Literal["camera", "engine"] = "camera"
    count: Annotated[int, Field(ge=1, le=1000, description="On each node.")]
    cpu_m: Annotated[int, Field(ge=1, le=1_000_000, description="Thousandths of a vCPU that one asks for.")]
    memory_mb: Annotated[_Size, Field(description="Megabytes (10^6) that one asks for; 0: nobody measured it.")]
    shares: Annotated[int, Field(ge=0, le=1000, description="Of how many shares of accelerators it takes one; 0: of none.")]
    slots: Annotated[list[SlotKeys], Field(max_length=MOST_SLOTS)] = Field(default_factory=list)


class ShapeKeys(Keys):
    """Nodes of one instance type with the same pods."""

    name: Annotated[_ObjectName, Field(max_length=40)]
    instance_type: Annotated[Text, Field(max_length=64)]
    region: Annotated[Text, Field(max_length=64)]
    purchase: Literal["on_demand", "reserved", "spot", "owned"] = "on_demand"
    nodes: Annotated[int, Field(ge=1, le=10_000)]
    topology: _Topology
    partition: Annotated[Text | None, Field(max_length=32, description="How MIG cuts cards, such as 1g.5gb.")] = None
    usd_per_hour: _Size
    p95_ms: Annotated[_Size | None, Field(description="What the plan predicts.")] = None
    fallback: Annotated[
        list[Annotated[str, Field(max_length=64)]],
        Field(max_length=64, description="Types with a verified shape of at least as much room, for want of capacity."),
    ] = Field(default_factory=list)
    pods: Annotated[list[PodShapeKeys], Field(min_length=1, max_length=MOST_PODS)]


class FleetModelKeys(ModelKeys):
    """A model of the fleet."""

    name: Annotated[Name, Field(description="What cameras call it.")]
    sha256: Annotated[
        str | None, Field(pattern=r"^[0-9a-f]{64}$", description="Of the weights; a pod with others never becomes ready.")
    ] = None


class FleetSpecKeys(Keys):
    """A fleet: what is demanded, the models, and the nodes and pods that a plan found for it."""

    objective: ObjectiveKeys = ObjectiveKeys()
    models: Annotated[list[FleetModelKeys], Field(min_length=1, max_length=MOST_MODELS)]
    image: Annotated[Text, Field(max_length=512, description="The image of camera pods.")]
    shapes: Annotated[list[ShapeKeys], Field(min_length=1, max_length=MOST_SHAPES)]
    policy: Annotated[
        PolicyName,
        Field(description="How much of each frame is analysed at the least, as in fleet.yaml."),
    ] = "auto"
    network: NetworkKeys = NetworkKeys()
    store: StoreRefKeys | None = None
    weights: WeightsKeys | None = None
    spare_nodes: Annotated[_Count, Field(description="Nodes that stand by.")] = 0
    cameras_per_node: Annotated[
        Annotated[int, Field(ge=1, le=100_000)] | None,
        Field(description="The most cameras that the failure of one node may take."),
    ] = None
    degrade: Annotated[
        bool, Field(description="Run a camera that finds no room at its rate at the fastest rate that has room.")
    ] = False
    grace_seconds: Annotated[int, Field(ge=1, le=3600, description="That a pod has to hand its cameras over.")] = 60
    usd_per_month: Annotated[_Size | None, Field(description="What the plan says all of it costs.")] = None


class CameraSpecKeys(Keys):
    """A camera of a fleet."""

    fleet: Annotated[_ObjectName, Field(max_length=63, description="The CameraFleet it belongs to.")]
    name: Annotated[Name | None, Field(description="What results call it; the object's name when left out.")] = None
    source: Annotated[
        Text,
        Field(
            max_length=LONGEST_SOURCE,
            description="rtsp://, http(s):// or scene://. ${NAME} stands for a key of the Secret `secretRef`.",
        ),
    ]
    fps: Annotated[float, Field(gt=0, le=240, description="Frames per second to analyse."), NUMBER]
    models: Annotated[list[Name], Field(min_length=1, max_length=16, description="The models that analyse it.")]
    secret_ref: SecretKeys | None = None
    stream: StreamKeys | None = None
    loop: Annotated[bool | None, _as_in_a_fleet_file("loop")] = None
    playback_fps: Annotated[Annotated[float, Field(gt=0, le=1000), NUMBER] | None, _as_in_a_fleet_file("playback_fps")] = None
    freshness: Annotated[Literal["all", "latest"], _as_in_a_fleet_file("freshness")] = "all"
    decode: Annotated[Literal["needed", "all", "key_frames"], _as_in_a_fleet_file("decode")] = "needed"
    decoder: Annotated[Literal["software", "auto", "cuda", "vaapi"], _as_in_a_fleet_file("decoder")] = "software"
    masks: Annotated[list[Mask], Field(max_length=MOST_MASKS), _as_in_a_fleet_file("masks")] = Field(default_factory=list)


def shared_keys() -> frozenset[str]:
    """The keys that a Camera has in common with a camera of fleet.yaml (a test holds that they mean the same)."""
    return frozenset(CameraSpecKeys.model_fields) & frozenset(CameraKeys.model_fields)
