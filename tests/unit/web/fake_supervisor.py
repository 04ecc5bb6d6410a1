"""A supervisor without a process: says what a test tells it to, and refuses on demand."""

from __future__ import annotations

from collections.abc import Mapping

from camslice.fleet.accounting import FrameCounts
from camslice.fleet.errors import CamsliceError
from camslice.fleet.types import Fleet, StreamKey
from camslice.models.model import ModelInfo
from camslice.stream.lives import CameraLife, ModelLife, PodStatus
from camslice.stream.model_work import PolicyChange
from camslice.stream.previews import PreviewPicture, Previews, previews_bytes
from camslice.stream.pulse import ProcessPulse
from camslice.stream.supervisor import Supervisor
from camslice.video.camera_state import CameraState


class FakeSupervisor(Supervisor):
    """Every wanted camera is live; each has one row of a real board of previews. `refuses` is raised by `apply`."""

    def __init__(self, fleet: Fleet) -> None:
        self.wanted = fleet
        self.applied: list[tuple[Fleet, Mapping[str, ModelInfo]]] = []
        self.refuses: CamsliceError | None = None
        self.lives: dict[str, ModelLife] = {}
        self.reasons: dict[str, tuple[CameraState, str]] = {}
        self.counted: dict[StreamKey, FrameCounts] = {}
        self.lost = 0
        self.unchanged: dict[StreamKey, float] = {}
        self.changes: list[PolicyChange] = []
        self.board = Previews(memoryview(bytearray(previews_bytes(len(fleet.cameras)))))
        self.rows = {camera.name: row for row, camera in enumerate(fleet.cameras)}
        self.watched: list[str] = []

    def apply(self, fleet: Fleet, models: Mapping[str, ModelInfo]) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.wanted = fleet
        self.applied.append((fleet, models))

    @property
    def fleet(self) -> Fleet:
        return self.wanted

    @property
    def generation(self) -> int:
        return 1 + len(self.applied)

    def pulses(self, patience_s: float = 0.0) -> list[ProcessPulse]:
        return []

    def pods(self) -> list[PodStatus]:
        return []

    def pids(self) -> list[int]:
        return []

    @property
    def restarts(self) -> int:
        return 0

    @property
    def dropped_results(self) -> int:
        return self.lost

    def cameras(self) -> dict[str, CameraLife]:
        lives = {}
        for camera in self.wanted.cameras:
            lives[camera.name] = CameraLife(camera, *self.reasons.get(camera.name, (CameraState.LIVE, "")))
        return lives

    def models(self) -> dict[str, ModelLife]:
        return dict(self.lives)

    def counts(self) -> dict[StreamKey, FrameCounts]:
        return dict(self.counted)

    def unchanged_at_s(self) -> dict[StreamKey, float]:
        return dict(self.unchanged)

    def policy_changes(self) -> list[PolicyChange]:
        return list(self.changes)

    def watch(self, camera: str, for_s: float) -> None:
        self.watched.append(camera)
        self.board.watch(self.rows[camera], (1 << 63) - 1)

    def take_preview(self, camera: str) -> PreviewPicture | None:
        return self.board.take(self.rows[camera])
