"""The keys of fleet.yaml that plans are made from: what a camera sends and what is demanded of it, and what may be rented.

As `spec_keys`, the border: classes with what each key means and what is allowed there, and below them how they become the
frozen values of `fleet.types`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from camslice.fleet.spec_values import NUMBER, Allowed, Keys, Name, Positive, Share, Text
from camslice.fleet.types import Ingest, Objective, Planning, Scale, StreamFormat, Topology

_Purchase = Literal["on_demand", "reserved", "spot", "owned"]
_CODEC_RULE = "a codec as FFmpeg calls it, such as h264, hevc (which is H.265), mpeg4 or mjpeg"


def _codec(name: str) -> str:
    if name in {"h265", "x264", "x265"}:
        raise ValueError("not FFmpeg's name of the codec")
    return name


def _on_demand() -> list[_Purchase]:
    return ["on_demand"]


class StreamKeys(Keys):
    """What a camera sends: the video itself, not its analysis."""

    width: Annotated[
        int,
        Field(ge=1, le=16_384, description="Pixels."),
        Allowed("a whole number of pixels from 1 to 16384"),
    ]
    height: Annotated[
        int,
        Field(ge=1, le=16_384, description="Pixels."),
        Allowed("a whole number of pixels from 1 to 16384"),
    ]
    fps: Annotated[
        float,
        Field(gt=0, le=1000, description="Frames per second that are sent, and must be decoded."),
        NUMBER,
        Allowed("a number of frames per second above 0 and at most 1000"),
    ]
    codec: Annotated[
        str,
        Field(pattern=r"^[a-z0-9][a-z0-9_]*$", max_length=32, description="As FFmpeg calls it: h264, hevc, mpeg4, mjpeg, ..."),
        AfterValidator(_codec),
        Allowed(_CODEC_RULE),
    ]
    kbps: Annotated[
        float,
        Field(ge=0, le=10_000_000, description="Kilobits (1000 bits) per second; 0 where nothing crosses a network."),
        NUMBER,
        Allowed("a number of kilobits per second from 0 to 10000000"),
    ]


class CameraObjectiveKeys(Keys):
    """What is demanded of one camera; what is left out is as for the fleet."""

    latency_ms: Annotated[
        Annotated[float, Field(gt=0, le=3_600_000), NUMBER] | None,
        Field(description="Milliseconds from capture to detections."),
        Allowed("a number of milliseconds above 0 and at most 3600000"),
    ] = None
    percentile: Annotated[
        Annotated[float, Field(gt=0, lt=100), NUMBER] | None,
        Field(description="The percentile of all due frames at which the latency must hold."),
        Allowed("a number above 0 and below 100, such as 95"),
    ] = None
    drop_rate: Annotated[
        Share | None,
        Field(description="The share of due frames that may be dropped."),
        Allowed("a share from 0 to 1, such as 0.01"),
    ] = None
    usd_per_camera_month: Annotated[
        Positive | None,
        Field(description="US dollars that the camera may cost in a month."),
        Allowed("a number of US dollars above 0"),
    ] = None
    recall: Annotated[
        Annotated[float, Field(ge=1, le=1), NUMBER] | None,
        Field(description="The share of full-frame detections that must be kept; only 1.0 so far."),
        Allowed("1.0"),
    ] = None


class ScaleKeys(Keys):
    """A machine that nobody measured, taken to be so many times as fast as one that somebody did. Assumed, and plans say so."""

    profile: Annotated[
        Text,
        Field(description="The name of the profile of the machine that was measured."),
        Allowed("the name of a profile"),
    ]
    instance_types: Annotated[
        list[Text],
        Field(min_length=1, description="Types of machine that it is to stand for, as shell patterns such as g5.*."),
        Allowed("a list of instance types or patterns, such as [g5.xlarge, g6.*]"),
    ]
    factor: Annotated[
        float,
        Field(gt=0, le=1000, description="How many times as fast as the machine of the profile."),
        NUMBER,
        Allowed("a number above 0 and at most 1000, such as 1.5"),
    ]


class PlanningKeys(Keys):
    """What a plan may use. `run` takes no notice of it."""

    regions: Annotated[
        list[Text],
        Field(min_length=1, description="Regions of the catalogue whose prices count; us-east-1 when left out."),
        Allowed("a list of regions, such as [us-east-1, eu-west-1]"),
    ] = Field(default_factory=lambda: ["us-east-1"])
    instance_types: Annotated[
        list[Text],
        Field(description="Types of machine that may be used, as shell patterns such as g4dn.*; all when left out."),
        Allowed("a list of instance types or patterns, such as [g4dn.*, c7i.4xlarge]"),
    ] = Field(default_factory=list)
    topologies: Annotated[
        list[
            Annotated[
                Literal["dedicated", "remote", "sliced", "mps", "mig", "pooled"],
                Allowed("dedicated, remote, sliced, mps, mig or pooled"),
            ]
        ],
        Field(description="Topologies that may be used; all when left out."),
        Allowed("a list of dedicated, remote, sliced, mps, mig and pooled"),
    ] = Field(default_factory=list)
    purchases: Annotated[
        list[Annotated[_Purchase, Allowed("on_demand, reserved, spot or owned")]],
        Field(min_length=1, description="Ways to pay for machines; only on_demand when left out."),
        Allowed("a list of on_demand, reserved, spot and owned"),
    ] = Field(default_factory=_on_demand)
    prefix_delegation: Annotated[
        bool,
        Field(description="Whether the cluster's network gives nodes whole prefixes of addresses, which lifts the pod limit."),
        Allowed("true or false"),
    ] = False
    system_pods: Annotated[
        Name,
        Field(description="The catalogue's list of what runs on each node besides our pods."),
    ] = "eks"
    spare_nodes: Annotated[
        int,
        Field(ge=0, le=1000, description="Nodes more than needed: with 1 any one may fail."),
        Allowed("a whole number from 0 to 1000"),
    ] = 0
    cameras_per_node: Annotated[
        int | None,
        Field(ge=1, description="The most cameras that the failure of one node may take."),
        Allowed("a whole number from 1"),
    ] = None
    most_shapes: Annotated[
        int,
        Field(ge=1, le=100, description="The most kinds of node (type and contents) that a plan may have."),
        Allowed("a whole number from 1 to 100"),
    ] = 12
    streams_per_pod: Annotated[
        list[Annotated[int, Field(ge=1, le=1024), Allowed("a whole number from 1 to 1024")]],
        Field(min_length=1, description="Streams that a pod of sliced, mps or mig may carry, each tried; 1 when left out."),
        Allowed("a list of whole numbers from 1 to 1024, such as [1, 4]"),
    ] = Field(default_factory=lambda: [1])
    ingest: Annotated[
        Literal["direct", "nat", "vpn"],
        Field(description="How the cameras' video gets to the nodes; what the way costs is in the plan."),
        Allowed("direct, nat or vpn"),
    ] = "direct"
    robust: Annotated[
        bool,
        Field(
            description="Whether a plan must hold by every set of values that fitted figures may have, or by the likeliest "
            "alone."
        ),
        Allowed("true or false"),
    ] = True
    scale: Annotated[
        list[ScaleKeys],
        Field(description="Machines without a profile of their own, and what they are taken to be."),
        Allowed("a list such as [{profile: t4-case-study, instance_types: [g5.*], factor: 1.5}]"),
    ] = Field(default_factory=list)


def stream_format(keys: StreamKeys | None) -> StreamFormat | None:
    """What a camera sends, if that is declared."""
    return None if keys is None else StreamFormat(keys.width, keys.height, keys.fps, keys.codec, keys.kbps)


def camera_objective(keys: CameraObjectiveKeys | None, fleet: Objective) -> Objective | None:
    """What is demanded of a camera: the fleet's objective with the camera's own keys in place. None: as of the fleet."""
    if keys is None:
        return None
    return replace(fleet, **keys.model_dump(exclude={"recall"}, exclude_none=True))


def planning(keys: PlanningKeys) -> Planning:
    """What a plan may use. What is listed twice counts once."""
    return Planning(
        regions=tuple(dict.fromkeys(keys.regions)),
        instance_types=tuple(dict.fromkeys(keys.instance_types)),
        topologies=tuple(Topology(name) for name in dict.fromkeys(keys.topologies)),
        purchases=tuple(dict.fromkeys(keys.purchases)),
        prefix_delegation=keys.prefix_delegation,
        system_pods=keys.system_pods,
        spare_nodes=keys.spare_nodes,
        cameras_per_node=keys.cameras_per_node,
        most_shapes=keys.most_shapes,
        streams_per_pod=tuple(sorted(set(keys.streams_per_pod))),
        ingest=Ingest(keys.ingest),
        robust=keys.robust,
        scale=tuple(Scale(scale.profile, tuple(scale.instance_types), scale.factor) for scale in keys.scale),
    )
