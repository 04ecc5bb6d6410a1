"""What a plan predicted and what is live, in the same form. Times in ms, money in US dollars."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from camslice.cluster.verify.buckets import Buckets
from camslice.fleet.policy import FULL
from camslice.fleet.types import StreamFormat, Topology
from camslice.plan.plan import PlannedPolicy
from camslice.stream.watching.recall import FEWEST_FRAMES


@dataclass(frozen=True, slots=True)
class Frames:
    """What became of the frames of a window. `captured`: due for analysis, gated ones too."""

    captured: float = 0.0
    analysed: float = 0.0
    gated: float = 0.0
    predicted: float = 0.0
    dropped: float = 0.0

    @property
    def drop_rate(self) -> float:
        """Of those whose fate is known."""
        known = self.analysed + self.gated + self.predicted + self.dropped
        return self.dropped / known if known > 0 else 0.0

    def __add__(self, other: Frames) -> Frames:
        return Frames(
            self.captured + other.captured,
            self.analysed + other.analysed,
            self.gated + other.gated,
            self.predicted + other.predicted,
            self.dropped + other.dropped,
        )


@dataclass(frozen=True, slots=True)
class Group:
    """The frames of one model on nodes of one shape (None: not known on which)."""

    model: str
    shape: str | None
    frames: Frames
    stages: Mapping[str, Buckets]

    def p_all_ms(self, percentile: float) -> float | None:
        """Over all frames but the gated ones, a dropped one counting as infinitely late; None is infinite, or no frame."""
        return self.stages.get("total", Buckets()).percentile(percentile, self.frames.dropped)


@dataclass(frozen=True, slots=True)
class LiveStream:
    """A stream that runs: frames analysed per second, and what its camera sends, where that is known."""

    camera: str
    model: str
    fps: float
    format: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """How much of one model's frames is looked at, and what that keeps. `policies`: how many pods (or processes) have each in
    force, and `reasons` why, as far as they say. `recall`: over the audited frames of all of them, None while those are too
    few. `overloaded`: somewhere less is looked at than the recall allows. `inferences_per_frame`: of all that were due."""

    model: str
    policies: Mapping[str, int]
    recall: float | None
    audited: float
    overloaded: bool
    inferences_per_frame: float | None = None
    reasons: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def measured(
        cls,
        model: str,
        policies: Mapping[str, int],
        recalls: float,
        audited: float,
        *,
        overloaded: bool,
        inferences_per_frame: float | None = None,
        reasons: Mapping[str, str] | None = None,
    ) -> Kept:
        """`recalls`: the sum of each pod's recall times the frames that it audited."""
        recall = 1.0 if set(policies) == {FULL.name} else recalls / audited if audited >= FEWEST_FRAMES else None
        return cls(model, policies, recall, audited, overloaded, inferences_per_frame, reasons or {})


@dataclass(frozen=True, slots=True)
class LiveNode:
    """A node that carries the fleet. `usd_per_hour` None: no price is known. `shape` as labelled."""

    name: str
    shape: str | None
    instance_type: str
    purchase: str
    usd_per_hour: float | None


@dataclass(frozen=True, slots=True)
class Live:
    """What was found. `seconds`: how long the window is. `states`: cameras by state; `nodes` None: nobody could be asked.

    `usd_per_camera_month` as the fleet itself says it, where no nodes are known. `kept`: models that have a policy."""

    source: str
    seconds: float
    groups: tuple[Group, ...]
    streams: tuple[LiveStream, ...]
    states: Mapping[str, int] = field(default_factory=dict)
    nodes: tuple[LiveNode, ...] | None = None
    usd_per_camera_month: float | None = None
    remarks: tuple[str, ...] = ()
    kept: tuple[Kept, ...] = ()


@dataclass(frozen=True, slots=True)
class Drift:
    """Something that is worse than planned by more than the tolerance."""

    what: str
    plan: float | int | str | None
    live: float | int | str | None
    cause: str


@dataclass(frozen=True, slots=True)
class Predicted:
    """What the plan says of one model on one shape, its stages by simulating a node as the plan did.

    `p_all_ms`: the plan's own; None is infinite. `high_ms`: its end over figures that are only fitted. `stage_ms`: means;
    empty where the plan's profiles are not at hand. `fps`: of a stream, on average over its streams.
    """

    model: str
    shape: str
    instance_type: str
    topology: Topology
    streams: int
    fps: float
    p_all_ms: float | None
    high_ms: float | None
    drop_rate: float
    stage_ms: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Planned:
    """A whole plan, for the comparison. `streams`: CAMERA/MODEL to (fps, format). `nodes`: how many by type and purchase.

    `other_usd_per_month`: what it counts besides nodes. `profiles`: the machine of each model's profile, for sentences.
    `policies`: by model and name what was measured of those it rests on, None for full frames."""

    streams: Mapping[str, tuple[float, StreamFormat]]
    groups: tuple[Predicted, ...]
    nodes: Mapping[tuple[str, str], int]
    usd_per_month: float
    other_usd_per_month: float
    usd_per_camera_month: float
    hours_per_month: float
    cameras: int
    profiles: Mapping[str, str] = field(default_factory=dict)
    policies: Mapping[str, Mapping[str, PlannedPolicy | None]] = field(default_factory=dict)
