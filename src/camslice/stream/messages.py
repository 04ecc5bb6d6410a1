"""What a supervisor and each of its processes say to each other, over a pipe that only they hold.

Frames and results never go this way: they lie in shared memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from camslice.fleet.types import CameraSpec, ModelSpec, Objective, Pace
from camslice.models.model import ModelInfo
from camslice.stream.model_work import ModelWork
from camslice.stream.pulse import Pulse
from camslice.stream.watching.steward import PolicyState
from camslice.video.camera_state import CameraState


@dataclass(frozen=True, slots=True)
class Configure:
    """To the pod, first: what holds for all streams. `slots` is the address of the engine process, None to load models here."""

    objective: Objective
    pace: Pace
    threads: int
    slots: str | None = None
    policy: str = "auto"


@dataclass(frozen=True, slots=True)
class LoadModel:
    """To the pod: load a model, or replace the one of that name without a gap. `number` marks its results."""

    spec: ModelSpec
    info: ModelInfo
    number: int


@dataclass(frozen=True, slots=True)
class RefuseModel:
    """To the pod: this model is not to be had, and `reason` says why. What its streams bring fails."""

    model: str
    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class UnloadModel:
    """To the pod: no stream uses this model any more."""

    name: str


@dataclass(frozen=True, slots=True)
class AddCamera:
    """To the pod: start a camera. `rows` maps each of its models to the ledger row of that stream.

    `phase` (0..1) is when within its interval a camera that is played from a file has its frames due; no such camera begins
    before `start_ns` on the monotonic clock.
    """

    spec: CameraSpec
    rows: Mapping[str, int]
    first_sequence: int
    generation: int
    phase: float
    start_ns: int | None = None


@dataclass(frozen=True, slots=True)
class RemoveCamera:
    """To the pod: stop a camera; what it has captured is still analysed."""

    name: str


@dataclass(frozen=True, slots=True)
class Drain:
    """To the pod: stop every camera, analyse what was captured, and exit."""

    patience_s: float


@dataclass(frozen=True, slots=True)
class ModelLoaded:
    """From the pod: a model analyses now. `queues`: how many batches its device computes at once."""

    model: str
    number: int
    backend: str
    device: str
    precision: str
    input_width: int
    input_height: int
    queues: int
    precision_why: str = ""


@dataclass(frozen=True, slots=True)
class ModelStopped:
    """From the pod: a model could not be loaded or failed too often; `number` says which load of it."""

    model: str
    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class CameraChanged:
    """From the pod: a camera's state."""

    name: str
    state: CameraState
    reason: str


@dataclass(frozen=True, slots=True)
class CameraClosed:
    """From the pod: a removed camera holds nothing any more, its rows may be used again."""

    name: str


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """From the pod, about once a second: device time used so far by each model, how its work goes on, what it has done, and
    which policy is in force."""

    busy_ns: Mapping[str, int]
    pulses: Mapping[str, Pulse] = field(default_factory=dict)
    work: Mapping[str, ModelWork] = field(default_factory=dict)
    policies: Mapping[str, PolicyState] = field(default_factory=dict)


ToPod = Configure | LoadModel | RefuseModel | UnloadModel | AddCamera | RemoveCamera | Drain
FromPod = ModelLoaded | ModelStopped | CameraChanged | CameraClosed | Heartbeat
