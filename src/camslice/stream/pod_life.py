"""One pod as its supervisor sees it: the cameras and models that it was given, and what it has made of them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from camslice.fleet.accounting import Looked
from camslice.fleet.types import CameraSpec, Pace, StreamKey
from camslice.stream.boards import Boards
from camslice.stream.child import Child
from camslice.stream.lives import CameraLife, PodStatus
from camslice.stream.messages import (
    AddCamera,
    CameraChanged,
    CameraClosed,
    Configure,
    FromPod,
    Heartbeat,
    ModelLoaded,
    ModelStopped,
    RemoveCamera,
)
from camslice.stream.model_board import ModelBoard, Wanted
from camslice.stream.outbox import OUTBOX_BYTES, Inbox, Record
from camslice.stream.process_life import HUNG_S, ProcessLife
from camslice.stream.results import FrameResult
from camslice.stream.shm import SharedRegion
from camslice.stream.topologies.sharing import PodPlan
from camslice.stream.watching.look import Look
from camslice.video.camera_state import CameraState

log = logging.getLogger(__name__)

_OUTBOX_BYTES_PER_STREAM = 128 << 10
_LOOKED = {Look.FULL: Looked.FULL, Look.REGIONS: Looked.REGIONS, Look.CARRIED: Looked.PREDICTED}


@dataclass(frozen=True, slots=True)
class Share:
    """What of the fleet falls to one pod. `start_ns` is when its cameras begin, None for at once; `held`: not yet."""

    cameras: tuple[CameraSpec, ...]
    models: Wanted
    generation: int
    start_ns: int | None = None
    held: bool = False

    def has_models_of(self, camera: CameraSpec) -> bool:
        """Whether every model of the camera can be loaded by now, or is known not to be had."""
        return all(name in self.models for name in camera.models)


class PodLife(ProcessLife):
    """Owns the pod's process and its outbox. Frames that a killed process held become `failed`, what fell due while there
    was none becomes `missed`, and what it had published before is still read.
    """

    def __init__(
        self,
        number: int,
        plan: PodPlan,
        configure: Configure,
        boards: Boards,
        phase: Callable[[], float],
        on_results: Callable[[], None],
        hung_s: float = HUNG_S,
    ) -> None:
        """`phase` gives each camera its own; `on_results` is to have every result taken that was published so far."""
        super().__init__(hung_s)
        self.number = number
        self.models = ModelBoard()
        self.cameras: dict[str, CameraLife] = {}
        self._plan = plan
        self._configure = configure
        self._boards = boards
        self._phase = phase
        self._on_results = on_results
        self._share = Share((), {}, 1)
        self._down_since_s: dict[str, float] = {}
        self._waits_for_others = False
        room = OUTBOX_BYTES if plan.streams is None else min(OUTBOX_BYTES, _OUTBOX_BYTES_PER_STREAM * plan.streams)
        self._outbox = SharedRegion.create("outbox", room)
        self._inbox = Inbox(self._outbox.buffer)

    @property
    def status(self) -> PodStatus:
        """The pod as it is now."""
        child = self.child
        return PodStatus(self.number, child.pid if child else None, tuple(self.cameras), self.restarts)

    @property
    def share(self) -> Share:
        """Its share of the fleet."""
        return self._share

    @property
    def answered(self) -> bool:
        """Whether every model in it is loaded or has said why not."""
        return self.child is not None and self.models.answered

    @property
    def idle(self) -> bool:
        """Whether it has nothing to do and holds nothing any more."""
        return not self._share.cameras and not self.cameras

    @property
    def dropped_results(self) -> int:
        """Results that found no room in the outbox."""
        return self._inbox.dropped

    def give(self, share: Share) -> None:
        """From now on this is the pod's share of the fleet: cameras and models that did not change are not touched."""
        self._share = share
        if self.child is not None:
            self._reconcile(self.child)
            return
        wanted = {camera.name: camera for camera in share.cameras}
        for name in [name for name, life in self.cameras.items() if wanted.get(name) != life.spec]:
            self._forget(name)

    def tend(self, *, may_start: bool) -> None:
        """As every process; and see whether a camera that another pod was closing is free by now."""
        super().tend(may_start=may_start)
        if self._waits_for_others:
            self._reconcile_if_running()

    def results(self) -> Iterator[FrameResult]:
        """What was published since the last call."""
        for record in self._inbox.take():
            result = self._result(record)
            if result is not None:
                yield result

    def fail_held(self) -> int:
        """The process is gone: what its streams held has failed. Returns how many frames that were."""
        boards = self._boards
        rows = (boards.rows.row_of(key) for key in self._keys())
        return sum(boards.ledger.fail_held(row) for row in rows if row is not None)

    def close(self) -> None:
        """Free the outbox."""
        self._outbox.close()

    def _keys(self) -> list[StreamKey]:
        return [StreamKey(name, model) for name, life in self.cameras.items() for model in life.spec.models]

    def _started(self) -> Child:
        boards = self._boards
        regions = {"ledger": boards.ledger_region, "outbox": self._outbox, "previews": boards.previews_region}
        return Child(
            "camslice.stream.pod",
            [f"--{name}={region.descriptor}:{region.size}" for name, region in regions.items()],
            [region.descriptor for region in regions.values()],
            self._configure.threads,
            self._plan.environment,
        )

    def _greet(self, child: Child) -> None:
        child.say(self._configure)
        self.models.forget()
        self.cameras = {name: life for name, life in self.cameras.items() if life.state is CameraState.ENDED}
        self._reconcile(child)

    def _died(self, cause: str, pause_s: float) -> None:
        self._on_results()
        failed = self.fail_held()
        for name in [name for name, camera in self.cameras.items() if camera.closing]:
            self._forget(name)
        now_s = time.monotonic()
        for name, camera in self.cameras.items():
            if camera.state is not CameraState.ENDED:
                camera.state, camera.reason = CameraState.STARTING, f"its process ended ({cause}), a new one starts"
                self._down_since_s.setdefault(name, now_s)
        log.error("pod %d ended (%s); %d frames failed; restart in %.1f s", self.number, cause, failed, pause_s)

    def _reconcile(self, child: Child) -> None:
        """Tell the process what differs between what it does and what it is to do."""
        share = self._share
        self.models.load(child, share.models)
        wanted = {camera.name: camera for camera in share.cameras}
        for name, camera in self.cameras.items():
            if not camera.closing and wanted.get(name) != camera.spec:
                camera.closing = True
                child.say(RemoveCamera(name))
        if self.models.answered and not share.held:
            waiting = [spec for spec in share.cameras if spec.name not in self.cameras and share.has_models_of(spec)]
            self._waits_for_others = any(self._is_elsewhere(spec) for spec in waiting)
            for spec in waiting:
                if not self._is_elsewhere(spec):
                    self._add(child, spec)
        in_use = {model for camera in self.cameras.values() for model in camera.spec.models}
        self.models.unload(child, share.models, in_use)

    def _is_elsewhere(self, camera: CameraSpec) -> bool:
        """Whether what it needs is still held by a camera that closes: its own rows in another pod, or the last free one."""
        rows = self._boards.rows
        keys = [StreamKey(camera.name, model) for model in camera.models]
        return any(rows.lent_to_another(key, self) or (rows.full and rows.row_of(key) is None) for key in keys)

    def _add(self, child: Child, camera: CameraSpec) -> None:
        boards = self._boards
        keys = [StreamKey(camera.name, model) for model in camera.models]
        captured = max(boards.rows.counts(key).captured for key in keys)
        rows = {}
        for key in keys:
            row = boards.rows.row_of(key)
            rows[key.model] = boards.rows.lend(key, self) if row is None else row
            boards.ledger.add(rows[key.model], missed=self._missed_by(camera))
        self._down_since_s.pop(camera.name, None)
        self.cameras[camera.name] = CameraLife(camera)
        child.say(AddCamera(camera, rows, captured, self._share.generation, self._phase(), self._share.start_ns))

    def _missed_by(self, camera: CameraSpec) -> int:
        """What fell due for this camera between a process's death and now, when its successor is ready."""
        down_since_s = self._down_since_s.get(camera.name)
        if down_since_s is None or self._configure.pace is not Pace.LIVE:
            return 0
        return int((time.monotonic() - down_since_s) * camera.fps)

    def _forget(self, name: str) -> None:
        """The camera is gone from here: its rows are free once what was published of it is taken in."""
        self._on_results()
        life = self.cameras.pop(name)
        self._down_since_s.pop(name, None)
        for model in life.spec.models:
            self._boards.retire(StreamKey(name, model))

    def _hear(self, message: FromPod) -> None:
        match message:
            case CameraChanged():
                life = self.cameras.get(message.name)
                if life is not None:
                    life.state, life.reason = message.state, message.reason
            case CameraClosed():
                if message.name in self.cameras:
                    self._forget(message.name)
                self._reconcile_if_running()
            case ModelLoaded() | ModelStopped() | Heartbeat():
                if self.models.hear(message):
                    self._reconcile_if_running()

    def _reconcile_if_running(self) -> None:
        if self.child is not None:
            self._reconcile(self.child)

    def _result(self, record: Record) -> FrameResult | None:
        key = self._boards.rows.key_of(record.row)
        if key is None:
            return None
        info = self.models.info(record.model)
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
            _LOOKED[record.look],
        )
