"""Cameras and models as the processes that run them have them just now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from camslice.fleet.types import CameraSpec, ModelSpec
from camslice.models.model import ModelInfo
from camslice.stream.messages import ModelLoaded
from camslice.stream.model_work import ModelWork, policy_over, work_of
from camslice.stream.pulse import Pulse
from camslice.stream.watching.steward import PolicyState
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
    work: ModelWork = field(default_factory=ModelWork)
    """Since the start, in all lives of the process."""
    policy: PolicyState | None = None
    """None where every frame is analysed in full, whatever comes."""

    @property
    def answered(self) -> bool:
        """Whether the process has said what became of it."""
        return self.loaded is not None or self.problem is not None


def over_processes(lives: Sequence[ModelLife]) -> ModelLife:
    """One model that several processes have loaded, as one: queues, device time and work add up, any trouble counts."""
    first = lives[0]
    loaded = [life.loaded for life in lives if life.loaded is not None]
    return replace(
        first,
        loaded=replace(loaded[0], queues=sum(each.queues for each in loaded)) if len(loaded) == len(lives) else None,
        problem=next((life.problem for life in lives if life.problem), None),
        busy_ns=sum(life.busy_ns for life in lives),
        work=work_of(life.work for life in lives),
        policy=policy_over([life.policy for life in lives if life.policy is not None]),
    )


@dataclass(frozen=True, slots=True)
class PodStatus:
    """A pod as it is now. `pid` is None while it is being started again."""

    number: int
    pid: int | None
    cameras: tuple[str, ...]
    restarts: int
