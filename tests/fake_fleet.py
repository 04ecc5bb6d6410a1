"""A fleet without cameras: everything the page can show, under the control of a test."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from camslice.fleet.accounting import FrameCounts
from camslice.fleet.errors import FleetError
from camslice.fleet.histogram import Histogram
from camslice.fleet.secrets import Source
from camslice.fleet.types import CameraSpec, Fleet, Machine, ModelSpec, Objective, StreamKey
from camslice.models.detections import Detections
from camslice.stream.model_work import ModelWork, PolicyChange
from camslice.stream.watching.steward import PolicyState
from camslice.video.camera_state import CameraState
from camslice.web.drawing import draw_preview
from camslice.web.view import CameraStatus, EngineStatus, FleetStatus, Preview, RunningFleet, StreamStatus

MODEL = "people"
MEAN_MS = {"decode": 6.2, "preprocess": 1.4, "queue": 38.0, "inference": 31.0, "postprocess": 0.9}
LABELS = ("person", "bicycle", "car")


@dataclass(slots=True)
class FakeCamera:
    """One camera and its stream. Tests change its fields while the page looks."""

    spec: CameraSpec
    state: CameraState = CameraState.LIVE
    reason: str = ""
    slowness: float = 1.0
    frames: FrameCounts = field(default_factory=FrameCounts)
    stages: dict[str, Histogram] = field(default_factory=dict)
    age_ms: float | None = 90.0

    def analyse(self, frames: int, *, dropped: int = 0, seed: int = 1) -> None:
        """Let `frames` more be analysed and `dropped` more go stale."""
        random = np.random.default_rng(seed)
        total = np.zeros(frames)
        for stage, mean_ms in MEAN_MS.items():
            times_ms = random.gamma(6.0, mean_ms * self.slowness / 6.0, frames)
            total += times_ms
            self.stages.setdefault(stage, Histogram()).add(times_ms)
        self.stages.setdefault("total", Histogram()).add(total)
        more = FrameCounts(captured=frames + dropped, analysed=frames, stale=dropped, decoded=2 * (frames + dropped))
        self.frames = self.frames + more


class FakeFleet:
    """Stands still unless told otherwise; only its pictures move. Thread-safe as the protocol demands."""

    def __init__(self, cameras: Sequence[str] = ("gate", "yard"), *, usd_per_hour: float | None = 0.10264) -> None:
        self.lock = threading.RLock()
        self.objective = Objective(latency_ms=500.0, usd_per_camera_month=30.0)
        self.machine = None if usd_per_hour is None else Machine(usd_per_hour)
        self.cameras: dict[str, FakeCamera] = {}
        self.removed: list[StreamStatus] = []
        self.watched: list[tuple[str, ...]] = []
        self.problems: list[str] = []
        self.policy: PolicyState | None = None
        self.policy_changes: list[PolicyChange] = []
        self.work = ModelWork()
        self.pictures_move = True
        self._began_s = time.monotonic()
        for index, name in enumerate(cameras):
            self.add_camera(CameraSpec(name, Source(f"scene://{name}", f"scene://{name}"), 5.0, (MODEL,)))
            self.cameras[name].analyse(400, seed=index)

    def status(self) -> FleetStatus:
        with self.lock:
            specs = tuple(camera.spec for camera in self.cameras.values())
            return FleetStatus(
                fleet=Fleet(self.objective, {MODEL: ModelSpec(MODEL, "yolox-nano")}, specs, machine=self.machine),
                generation=1,
                uptime_s=time.monotonic() - self._began_s,
                cameras=[_camera_status(camera) for camera in self.cameras.values()],
                streams=[_stream_status(camera) for camera in self.cameras.values()],
                engines=[
                    EngineStatus(MODEL, "openvino", "CPU", "bf16", "Apache-2.0", 0.61, None, work=self.work, policy=self.policy)
                ],
                memory_mb=412.5,
                cpu_cores=1.62,
                restarts=0,
                dropped_results={"store: queue full": 0},
                problems=list(self.problems),
                removed=list(self.removed),
                policy_changes=list(self.policy_changes),
            )

    def report(self) -> Mapping[str, object]:
        return {"duration_s": 80.0, "streams": [], "fleet": {"cameras": len(self.cameras)}}

    def add_camera(self, camera: CameraSpec) -> None:
        with self.lock:
            if camera.name in self.cameras:
                raise FleetError(f"there is already a camera {camera.name!r}")
            if unknown := set(camera.models) - {MODEL}:
                raise FleetError(f"camera {camera.name!r}: there is no model {min(unknown)!r}")
            self.cameras[camera.name] = FakeCamera(camera)

    def change_camera(self, camera: CameraSpec) -> None:
        with self.lock:
            if camera.name not in self.cameras:
                raise FleetError(f"there is no camera {camera.name!r}")
            if unknown := set(camera.models) - {MODEL}:
                raise FleetError(f"camera {camera.name!r}: there is no model {min(unknown)!r}")
            self.cameras[camera.name].spec = camera

    def remove_camera(self, name: str) -> None:
        with self.lock:
            camera = self.cameras.pop(name, None)
            if camera is None:
                raise FleetError(f"there is no camera {name!r}")
            self.removed.append(_stream_status(camera))

    def watch(self, cameras: Sequence[str]) -> None:
        self.watched.append(tuple(cameras))

    def preview(self, camera: str, newer_than: int) -> Preview | None:
        with self.lock:
            if camera not in self.cameras:
                return None
            place = list(self.cameras).index(camera)
        elapsed_s = time.monotonic() - self._began_s if self.pictures_move else 1.0
        sequence = int(elapsed_s * 5)
        return drawn_preview(camera, place, sequence) if sequence > newer_than else None


def parse_camera(entry: Mapping[str, object], replacing: str | None = None) -> Sequence[CameraSpec]:
    """Just enough of an entry of fleet.yaml for the page: name, source, fps, model, count. Knows no fleet to replace in."""
    if unknown := entry.keys() - {"name", "source", "fps", "model", "models", "count"}:
        raise FleetError(f"camera: unknown key {min(unknown)!r}")
    name, source, fps, count = entry.get("name"), entry.get("source"), entry.get("fps"), entry.get("count", 1)
    if not isinstance(name, str) or not isinstance(source, str) or not source:
        raise FleetError("camera: name and source must be given")
    if not isinstance(fps, int | float) or fps <= 0:
        raise FleetError(f"camera {name!r}: fps must be above 0, not {fps!r}")
    models = entry.get("models") or [entry.get("model", MODEL)]
    assert isinstance(models, list)
    assert isinstance(count, int)
    spec = CameraSpec(name, Source(source, source), float(fps), tuple(str(model) for model in models))
    return [spec] if count == 1 else [replace(spec, name=f"{name}-{number}") for number in range(1, count + 1)]


def drawn_preview(camera: str, place: int, sequence: int) -> Preview:
    """A drawn street at dusk with walkers, different for every `place`."""
    picture = _street(place)
    boxes = [_draw_walker(picture, place, walker, sequence) for walker in range(3 + place % 4)]
    confidence = np.linspace(0.94, 0.55, len(boxes)).astype(np.float32)
    class_id = np.array([1 if index == 3 else 0 for index in range(len(boxes))], np.int32)
    detections = Detections(np.array(boxes, np.float32), confidence, class_id)
    return Preview(camera, sequence, time.time(), draw_preview(picture, detections, LABELS, quality=92), detections)


def _street(place: int) -> np.ndarray:
    height, width, horizon = 270, 480, 84 + place * 11 % 40
    random = np.random.default_rng(place)
    sky, ground = np.array([[96, 74, 58], [86, 84, 70], [110, 92, 70]][place % 3]), np.array([66, 68, 70]) + place % 4 * 6
    picture = np.empty((height, width, 3), np.uint8)
    picture[:] = sky
    left = 0
    while left < width:
        house, top = int(random.integers(40, 110)), int(random.integers(10, max(12, horizon - 24)))
        wall = tuple(int(v) for v in sky * float(random.uniform(0.45, 0.8)))
        cv2.rectangle(picture, (left, top), (left + house - 3, horizon), wall, cv2.FILLED)
        for window_x in range(left + 7, left + house - 14, 15):
            for window_y in range(top + 8, horizon - 12, 17):
                lit = (120, 190, 228) if random.random() < 0.3 else tuple(int(v * 0.8) for v in wall)
                cv2.rectangle(picture, (window_x, window_y), (window_x + 6, window_y + 8), lit, cv2.FILLED)
        left += house
    shade = np.linspace(0.8, 1.25, height - horizon)[:, None, None]
    picture[horizon:] = np.clip(ground * shade, 0, 255).astype(np.uint8)
    vanishing = (width // 2 + (place % 3 - 1) * 120, horizon)
    for foot in (-140, width // 2 - 40, width + 160):
        cv2.line(picture, vanishing, (foot, height), (150, 158, 160), 2, cv2.LINE_AA)
    return picture


def _draw_walker(picture: np.ndarray, place: int, walker: int, sequence: int) -> tuple[float, float, float, float]:
    random = np.random.default_rng(place * 31 + walker)
    depth, speed = float(random.uniform(0.25, 1.0)), float(random.uniform(1.5, 4.5)) * (1 if walker % 2 else -1)
    tall = 44 + 82 * depth
    x = (float(random.uniform(0, 480)) + speed * sequence * depth) % (480 + tall) - tall / 2
    foot = 140 + 118 * depth
    coat = tuple(int(v) for v in random.integers(60, 210, 3))
    stride = np.sin(sequence * 0.9 + walker) * tall * 0.12
    hip, shoulder = (int(x), int(foot - tall * 0.46)), (int(x), int(foot - tall * 0.8))
    for side in (-1, 1):
        cv2.line(picture, hip, (int(x + side * stride), int(foot)), (48, 44, 44), max(2, int(tall / 11)), cv2.LINE_AA)
    cv2.line(picture, hip, shoulder, coat, max(4, int(tall / 4.4)), cv2.LINE_AA)
    cv2.circle(picture, (int(x), int(foot - tall * 0.92)), max(2, int(tall / 13)), (150, 176, 206), cv2.FILLED, cv2.LINE_AA)
    half = tall * 0.2
    return max(x - half, 0.0), foot - tall * 1.02, min(x + half, 479.0), foot + 2


def _camera_status(camera: FakeCamera) -> CameraStatus:
    spec = camera.spec
    return CameraStatus(spec.name, spec.source.redacted, spec.fps, spec.models, camera.state, camera.reason)


def _stream_status(camera: FakeCamera) -> StreamStatus:
    live = camera.state is CameraState.LIVE
    total = camera.stages.get("total")
    return StreamStatus(
        key=StreamKey(camera.spec.name, MODEL),
        frames=camera.frames,
        stages={stage: histogram.copy() for stage, histogram in camera.stages.items()},
        detections={"person": camera.frames.analysed * 3, "bicycle": camera.frames.analysed // 9},
        fps=camera.spec.fps if live and camera.frames.analysed else 0.0,
        age_ms=camera.age_ms if camera.frames.analysed else None,
        recent_p95_ms=total.percentile(95) if total and live else None,
    )


_: type[RunningFleet] = FakeFleet
