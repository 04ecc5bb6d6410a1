"""The supervisor: keeps one analysis process at the work that the fleet declares, and loses no count when it dies.

It owns the shared regions (ledger, outbox, previews), the process and its restarts. What a killed process held becomes
`failed`, what fell due while there was none becomes `missed`, and what it had published before is still read.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from camslice.engine.threads import inference_threads
from camslice.fleet.accounting import FrameCounts
from camslice.fleet.errors import FleetError
from camslice.fleet.types import CameraSpec, Fleet, ModelSpec, StreamKey
from camslice.models.model import ModelInfo
from camslice.stream.child import Child
from camslice.stream.ledger import Ledger, ledger_bytes
from camslice.stream.messages import (
    AddCamera,
    CameraChanged,
    CameraClosed,
    Configure,
    Drain,
    FromPod,
    Heartbeat,
    LoadModel,
    ModelLoaded,
    ModelStopped,
    RemoveCamera,
    UnloadModel,
)
from camslice.stream.outbox import OUTBOX_BYTES, Inbox, Record
from camslice.stream.previews import PreviewPicture, Previews, previews_bytes
from camslice.stream.restarts import Restarts
from camslice.stream.results import FrameResult
from camslice.stream.rows import Rows
from camslice.stream.shm import SharedRegion
from camslice.video.camera_state import CameraState

log = logging.getLogger(__name__)

MAX_STREAMS = 1024
DRAIN_S = 4.0
_TICK_S = 0.02
_GOLDEN = 0.6180339887
"""Multiples of it spread phases evenly, however many cameras there are."""


@dataclass(slots=True)
class CameraLife:
    """A camera as the analysis process has it: what it was started with, its state, and whether it is on its way out."""

    spec: CameraSpec
    state: CameraState = CameraState.STARTING
    reason: str = ""
    closing: bool = False


@dataclass(slots=True)
class ModelLife:
    """A model as the analysis process has it; `number` marks its results. `loaded` and `problem` are None until it answers."""

    spec: ModelSpec
    info: ModelInfo
    number: int
    loaded: ModelLoaded | None = None
    problem: str | None = None
    busy_ns: int = 0


@dataclass(frozen=True, slots=True)
class _Wanted:
    fleet: Fleet
    models: Mapping[str, ModelInfo]
    generation: int = 1


class Supervisor:
    """Runs a fleet. Owns its one thread ("supervisor"), the analysis process and the shared memory, until `stop`.

    Public methods may be called from any thread. `on_results` is called from the supervisor's thread.
    """

    def __init__(
        self, fleet: Fleet, models: Mapping[str, ModelInfo], on_results: Callable[[Sequence[FrameResult]], None]
    ) -> None:
        _check_size(fleet)
        self._regions = [
            SharedRegion.create("ledger", ledger_bytes(MAX_STREAMS)),
            SharedRegion.create("outbox", OUTBOX_BYTES),
            SharedRegion.create("previews", previews_bytes(MAX_STREAMS)),
        ]
        self._ledger = Ledger(self._regions[0].buffer)
        self._inbox = Inbox(self._regions[1].buffer)
        self._previews = Previews(self._regions[2].buffer)
        self._rows = Rows(self._ledger)
        self._wanted = _Wanted(fleet, dict(models))
        self._on_results = on_results
        self._cameras: dict[str, CameraLife] = {}
        self._models: dict[str, ModelLife] = {}
        self._infos: list[ModelInfo] = []
        self._added = 0
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._restarts = Restarts()
        self._stopping = threading.Event()
        self._child: Child | None = None
        self._down_since_s: dict[str, float] = {}
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def start(self, patience_s: float = 180.0) -> None:
        """Start the analysis process; returns when every model is loaded or has said why it is not, and cameras start."""
        self._spawn()
        self._thread.start()
        with self._changed:
            self._changed.wait_for(lambda: self._models_answered() or self._stopping.is_set(), patience_s)

    def stop(self, patience_s: float = DRAIN_S) -> None:
        """Stop the cameras, let what was captured be analysed, end the process and take in its last results."""
        with self._lock:
            if self._stopping.is_set():
                return
            self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        child = self._child
        if child is not None:
            child.say(Drain(patience_s))
            child.wait(patience_s + 0.5)
            self._take_results()
            for message in child.heard():
                self._hear(message)
            child.close()
        for row in self._rows.rows():
            self._ledger.fail_held(row)

    def close(self) -> None:
        """Free the shared memory. Counts can no longer be read."""
        for region in self._regions:
            region.close()

    def apply(self, fleet: Fleet, models: Mapping[str, ModelInfo]) -> None:
        """Make it so: cameras and models that did not change are not touched."""
        with self._lock:
            before = self._wanted
            if (fleet.objective, fleet.pace) != (before.fleet.objective, before.fleet.pace):
                raise FleetError("objective and pace hold for every frame in flight: restart `camslice run` to change them.")
            _check_size(fleet)
            self._wanted = _Wanted(fleet, dict(models), before.generation + 1)
            self._reconcile()

    @property
    def fleet(self) -> Fleet:
        """What is wanted just now."""
        return self._wanted.fleet

    @property
    def generation(self) -> int:
        """How often the wanted fleet changed, from 1."""
        return self._wanted.generation

    @property
    def pid(self) -> int | None:
        """The analysis process, if there is one."""
        child = self._child
        return child.pid if child else None

    @property
    def restarts(self) -> int:
        """How often the analysis process had to be started again."""
        return self._restarts.count

    @property
    def dropped_results(self) -> int:
        """Results the analysis process had no room to publish."""
        return self._inbox.dropped

    def cameras(self) -> dict[str, CameraLife]:
        """Every camera that is wanted, with its state."""
        with self._lock:
            names = [camera.name for camera in self._wanted.fleet.cameras]
            return {name: self._cameras.get(name) or CameraLife(self._wanted.fleet.camera(name)) for name in names}

    def models(self) -> dict[str, ModelLife]:
        """Every model that is wanted, with what became of it."""
        with self._lock:
            return dict(self._models)

    def counts(self) -> dict[StreamKey, FrameCounts]:
        """Frame counts of every stream that ran or runs, each one consistent snapshot."""
        with self._lock:
            return {key: self._rows.counts(key) for key in self._rows.keys()}  # noqa: SIM118 (not a dict)

    def watch(self, camera: str, for_s: float) -> None:
        """Ask for previews of a camera."""
        with self._lock:
            row = self._preview_row(camera)
            if row is not None:
                self._previews.watch(row, time.monotonic_ns() + int(for_s * 1e9))

    def take_preview(self, camera: str) -> PreviewPicture | None:
        """The newest preview of a watched camera, once."""
        with self._lock:
            row = self._preview_row(camera)
            return None if row is None else self._previews.take(row)

    def _preview_row(self, camera: str) -> int | None:
        life = self._cameras.get(camera)
        return self._rows.row_of(StreamKey(camera, life.spec.models[0])) if life else None

    def _models_answered(self) -> bool:
        return all(life.loaded or life.problem for life in self._models.values())

    def _watch(self) -> None:
        """The supervisor's thread: results, messages, and the life of the process."""
        while not self._stopping.wait(_TICK_S):
            try:
                with self._lock:
                    self._tend()
                self._take_results()
            except Exception:
                log.exception("the supervisor stumbled and goes on")

    def _tend(self) -> None:
        child = self._child
        if child is None:
            if self._restarts.due():
                self._spawn()
            return
        for message in child.heard():
            self._hear(message)
        status = child.ended()
        if status is not None:
            self._bury(child, status)

    def _spawn(self) -> None:
        with self._lock:
            self._child = Child(*self._regions)
            self._child.say(Configure(self._wanted.fleet.objective, self._wanted.fleet.pace, inference_threads()))
            self._models.clear()
            self._cameras = {name: life for name, life in self._cameras.items() if life.state is CameraState.ENDED}
            self._reconcile()

    def _bury(self, child: Child, status: int) -> None:
        """The process is dead: its frames failed, and it is started again after a pause that grows."""
        cause = f"signal {-status}" if status < 0 else f"exit status {status}"
        child.close()
        self._take_results()
        failed = sum(self._ledger.fail_held(row) for row in self._rows.rows())
        for name in [name for name, camera in self._cameras.items() if camera.closing]:
            self._forget(name)
        now_s = time.monotonic()
        for name, camera in self._cameras.items():
            if camera.state is not CameraState.ENDED:
                camera.state, camera.reason = CameraState.STARTING, f"the analysis process ended ({cause}), a new one starts"
                self._down_since_s.setdefault(name, now_s)
        self._child = None
        pause_s = self._restarts.ended()
        log.error("the analysis process ended (%s); %d frames failed; restart in %.1f s", cause, failed, pause_s)

    def _missed_by(self, camera: CameraSpec) -> int:
        """What fell due for this camera between a process's death and now, when its successor is ready."""
        down_since_s = self._down_since_s.get(camera.name)
        return 0 if down_since_s is None else int((time.monotonic() - down_since_s) * camera.fps)

    def _reconcile(self) -> None:
        """Tell the process what differs between what it does and what is wanted. Lock is held."""
        child, wanted = self._child, self._wanted
        if child is None:
            return
        for name, info in wanted.models.items():
            life = self._models.get(name)
            if life is None or (life.spec, life.info) != (wanted.fleet.models[name], info):
                self._load(child, wanted.fleet.models[name], info)
        cameras = {camera.name: camera for camera in wanted.fleet.cameras}
        for name, camera in self._cameras.items():
            if not camera.closing and cameras.get(name) != camera.spec:
                camera.closing = True
                child.say(RemoveCamera(name))
        if self._models_answered():
            for spec in wanted.fleet.cameras:
                if spec.name not in self._cameras:
                    self._add(child, spec)
        for name in [name for name in self._models if name not in wanted.models]:
            if not any(name in camera.spec.models for camera in self._cameras.values()):
                del self._models[name]
                child.say(UnloadModel(name))

    def _load(self, child: Child, spec: ModelSpec, info: ModelInfo) -> None:
        self._infos.append(info)
        number = len(self._infos) - 1
        before = self._models.get(spec.name)
        self._models[spec.name] = ModelLife(spec, info, number, busy_ns=before.busy_ns if before else 0)
        child.say(LoadModel(spec, info, number))

    def _add(self, child: Child, camera: CameraSpec) -> None:
        keys = [StreamKey(camera.name, model) for model in camera.models]
        captured = max(self._rows.counts(key).captured for key in keys)
        rows = {}
        for key in keys:
            row = self._rows.row_of(key)
            rows[key.model] = self._rows.lend(key) if row is None else row
            self._ledger.add(rows[key.model], missed=self._missed_by(camera))
        self._down_since_s.pop(camera.name, None)
        self._cameras[camera.name] = CameraLife(camera)
        self._added += 1
        phase = self._added * _GOLDEN % 1.0
        child.say(AddCamera(camera, rows, captured, self._wanted.generation, phase))

    def _forget(self, name: str) -> None:
        life = self._cameras.pop(name)
        for model in life.spec.models:
            self._rows.retire(StreamKey(name, model))

    def _hear(self, message: FromPod) -> None:
        match message:
            case CameraChanged():
                life = self._cameras.get(message.name)
                if life is not None:
                    life.state, life.reason = message.state, message.reason
            case CameraClosed():
                self._take_results()
                self._forget(message.name)
                self._reconcile()
            case ModelLoaded():
                model = self._models.get(message.model)
                if model is not None and model.number == message.number:
                    model.loaded, model.problem = message, None
                    self._answered()
            case ModelStopped():
                if message.model in self._models:
                    log.error("model %s: %s", message.model, message.reason)
                    self._models[message.model].problem = message.reason
                    self._answered()
            case Heartbeat():
                for name, busy_ns in message.busy_ns.items():
                    if name in self._models:
                        self._models[name].busy_ns = busy_ns

    def _answered(self) -> None:
        self._reconcile()
        self._changed.notify_all()

    def _take_results(self) -> None:
        results = [result for record in self._inbox.take() if (result := self._result(record)) is not None]
        if results:
            self._on_results(results)

    def _result(self, record: Record) -> FrameResult | None:
        key = self._rows.key_of(record.row)
        if key is None:
            return None
        info = self._infos[record.model]
        return FrameResult(
            key,
            record.sequence,
            record.captured_at_s,
            record.pts_s,
            record.width,
            record.height,
            info.sha256,
            record.generation,
            record.stages,
            record.detections,
            info.labels,
        )


def _check_size(fleet: Fleet) -> None:
    streams = sum(len(camera.models) for camera in fleet.cameras)
    if streams > MAX_STREAMS:
        raise FleetError(
            f"this fleet has {streams} streams (cameras times models), and one analysis process holds {MAX_STREAMS}; "
            "run the rest as a second fleet."
        )
