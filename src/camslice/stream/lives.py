"""Cameras and models as the processes that run them have them just now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from camslice.fleet.types import CameraSpec, ModelSpec
from camslice.models.model import ModelInfo
from camslice.stream.messages import ModelLoaded
from camslice.stream.pulse import Pulse
from camslice.video.camera_state import CameraState


@dataclass(slots=True)
class CameraLife:
    """A camera in its pod: what it was started with, its state, and whether it is on its way out."""

    spec: CameraSpec
    state: CameraState = CameraState.STARTING
    reason: str = ""
    closing: bool = False


@dataclass(slots=True)
class ModelLife:
    """A model in a process; `number` marks its results there. `loaded` and `problem` are None until it answers."""

    spec: ModelSpec
    info: ModelInfo
    number: int
    loaded: ModelLoaded | None = None
    problem: str | None = None
    busy_ns: int = 0
    pulse: Pulse | None = None

    @property
    def answered(self) -> bool:
        """Whether the process has said what became of it."""
        return self.loaded is not None or self.problem is not None


def over_processes(lives: Sequence[ModelLife]) -> ModelLife:
    """One model that several processes have loaded, as one: its queues and its device time add up, any trouble counts."""
    first = lives[0]
    loaded = [life.loaded for life in lives if life.loaded is not None]
    return replace(
        first,
        loaded=replace(loaded[0], queues=sum(each.queues for each in loaded)) if len(loaded) == len(lives) else None,
        problem=next((life.problem for life in lives if life.problem), None),
        busy_ns=sum(life.busy_ns for life in lives),
    )


@dataclass(frozen=True, slots=True)
class PodStatus:
    """A pod as it is now. `pid` is None while it is being started again."""

    number: int
    pid: int | None
    cameras: tuple[str, ...]
    restarts: int
