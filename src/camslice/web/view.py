"""What the page, the API and the metrics need of a running fleet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from camslice.fleet.accounting import FrameCounts
from camslice.fleet.histogram import Histogram
from camslice.fleet.types import CameraSpec, Fleet, StreamKey
from camslice.models.detections import Detections
from camslice.stream.minute import NOTHING, LastMinute
from camslice.stream.model_work import ModelWork, PolicyChange
from camslice.stream.watching.steward import PolicyState
from camslice.video.camera_state import CameraState
from camslice.web.placements import NOBODY_PLACED_IT, Revisions, StreamPlacement


class PlacementState(StrEnum):
    """Why a camera of a cluster's fleet runs nowhere."""

    PENDING = "pending"
    """It waits for a pod."""
    REFUSED = "refused"
    """There is no room for it in which the objective holds."""
    UNKNOWN = "unknown"
    """Its pod does not answer."""


@dataclass(frozen=True, slots=True)
class CameraStatus:
    """What a camera is doing and why. `source` is redacted; `pods` are those that analyse it, in a cluster."""

    name: str
    source: str
    fps: float
    models: tuple[str, ...]
    state: CameraState | PlacementState
    reason: str
    pods: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """One stream as it is now. `fps` analysed over the last 10 s; `age_ms` since the newest frame was captured
    of which the detections are known (analysed, carried on, or as before because nothing moved), or None.

    `stages` maps each stage that took part, and `total`, to its histogram in ms since the start; `recent_p95_ms` is over the
    last 10 s. `detections` counts by label since the start. `process` names the process that analyses it.
    """

    key: StreamKey
    frames: FrameCounts
    stages: Mapping[str, Histogram]
    detections: Mapping[str, int]
    fps: float
    age_ms: float | None
    recent_p95_ms: float | None
    process: str = "analysis"
    minute: LastMinute = NOTHING


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """A loaded model: what it runs on, the share of the last 10 s in which it computed, and its trouble if any."""

    model: str
    backend: str
    device: str
    precision: str
    licence: str
    occupancy: float
    problem: str | None
    loaded: bool = True
    precision_why: str = ""
    """Why it computes in that precision, in words; empty where there was no choice."""
    work: ModelWork = field(default_factory=ModelWork)
    policy: PolicyState | None = None
    """How much of its frames is looked at, and why; None where every frame is analysed in full, whatever comes."""


@dataclass(frozen=True, slots=True)
class Preview:
    """A small picture of a watched camera: `jpeg` with boxes drawn in, and what was in it."""

    camera: str
    sequence: int
    captured_at_s: float
    jpeg: bytes
    detections: Detections


@dataclass(frozen=True, slots=True)
class Condition:
    """What the operator says of a fleet: a type such as `NoCapacity`, whether it holds, and a sentence.

    `bad` where somebody should look: it holds and should not, or does not and should.
    """

    type: str
    holds: bool | None
    reason: str
    message: str
    bad: bool


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """The fleet as the cluster's objects tell it. `usd_per_camera_month` counts cameras that run, as the operator does."""

    namespace: str
    fleet: str
    conditions: tuple[Condition, ...]
    usd_per_camera_month: float | None
    pods: int
    pods_answering: int
    refused: int


@dataclass(frozen=True, slots=True)
class FleetStatus:
    """Everything at one instant. `uptime_s` since the start; `memory_mb` PSS over all processes; `cpu_cores` in use."""

    fleet: Fleet
    generation: int
    uptime_s: float
    cameras: Sequence[CameraStatus]
    streams: Sequence[StreamStatus]
    engines: Sequence[EngineStatus]
    memory_mb: float
    cpu_cores: float
    restarts: int
    dropped_results: Mapping[str, int]
    """Results that were analysed and not written, by cause (`store: queue full`, ...)."""
    problems: Sequence[str]
    """Sentences an operator should read now."""
    removed: Sequence[StreamStatus] = ()
    """Streams of cameras that ran and were removed. Their frames still belong to what was counted since the start."""
    waiting_results: int = 0
    """Results that wait on disk because the store is away or behind."""
    revisions: Revisions = NOBODY_PLACED_IT
    placements: Mapping[StreamKey, StreamPlacement] = field(default_factory=dict)
    refused_results: Mapping[str, int] = field(default_factory=dict)
    """Results that were not written because another pod had written them or has the stream: nothing is missing."""
    draining: bool = False
    """It was told to end, and goes on until its streams were taken over."""
    policy_changes: Sequence[PolicyChange] = ()
    """The last of them, oldest first."""
    cluster: ClusterFacts | None = None
    """Set where a cluster owns the fleet: the page then changes nothing."""


class RunningFleet(Protocol):
    """A fleet that can be watched and changed. Every method is thread-safe and quick."""

    def status(self) -> FleetStatus:
        """Everything at one instant."""
        ...

    def report(self) -> Mapping[str, object]:
        """The JSON object of `camslice run --json` so far."""
        ...

    def add_camera(self, camera: CameraSpec) -> None:
        """Start a camera beside the others. Raises FleetError when the name is taken or the model unknown."""
        ...

    def change_camera(self, camera: CameraSpec) -> None:
        """Run the camera of this name as described here. Raises FleetError when there is none or the model is unknown."""
        ...

    def remove_camera(self, name: str) -> None:
        """Stop a camera. Raises FleetError when there is none of that name."""
        ...

    def watch(self, cameras: Sequence[str]) -> None:
        """Ask for previews of these cameras for the next 3 s; repeat to go on watching."""
        ...

    def preview(self, camera: str, newer_than: int) -> Preview | None:
        """The newest preview of a watched camera if its sequence number is above `newer_than`, else None."""
        ...
