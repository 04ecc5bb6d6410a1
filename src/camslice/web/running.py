"""The running fleet as the page, the API and the metrics see it: a supervisor, its statistics and its sinks, in one view."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import asdict, replace

from camslice.events.sink import Sink, WaitsOnDisk
from camslice.events.store.epochs import REPEATED, TAKEN_OVER
from camslice.fleet.accounting import FrameCounts
from camslice.fleet.errors import FleetError
from camslice.fleet.placement import Placed
from camslice.fleet.types import CameraSpec, Fleet, StreamKey
from camslice.measure.processes import Usage
from camslice.models.model import ModelInfo
from camslice.stream.lives import CameraLife
from camslice.stream.report import StreamReport, run_report
from camslice.stream.results import FrameResult
from camslice.stream.statistics import Statistics
from camslice.stream.supervisor import Supervisor
from camslice.web.busy import Occupancy
from camslice.web.health import Verdict, live, ready, started
from camslice.web.placements import PlacementBook
from camslice.web.policies import less_than_demanded
from camslice.web.previews import PreviewDesk
from camslice.web.view import CameraStatus, EngineStatus, FleetStatus, Preview, StreamStatus

_NOTHING_IS_MISSING = frozenset({TAKEN_OVER, REPEATED})


class SupervisedFleet:
    """Implements `RunningFleet` and `Health`. Thread-safe. Owns the overlay of cameras added, changed and removed by hand, and
    the book of placements."""

    def __init__(
        self,
        supervisor: Supervisor,
        statistics: Statistics,
        sinks: Sequence[Sink],
        resolve: Callable[[Fleet], Mapping[str, ModelInfo]],
    ) -> None:
        """`resolve` finds the weights of every model that a fleet's cameras use; it raises ModelError."""
        self._supervisor = supervisor
        self._resolve = resolve
        self._statistics = statistics
        self._sinks = sinks
        self._usage = Usage(())
        self._occupancy = Occupancy()
        self._desk = PreviewDesk(supervisor)
        self._started_s = time.monotonic()
        self._ended_s: float | None = None
        self._ended_at_s: float | None = None
        self._last_usage: tuple[float, float] | None = None
        self._lock = threading.Lock()
        self._declared = supervisor.fleet
        self._added: Mapping[str, CameraSpec] = {}
        self._removed: Set[str] = frozenset()
        self._let_go: Set[str] = frozenset()
        self._begun = False
        self._has_started = False
        self.placements = PlacementBook(sinks)
        """What an operator placed here."""
        self.draining = False
        """Whether it was told to end and only waits for its streams to be taken over."""
        self.problem: str | None = None
        """What is wrong with the fleet file as it lies there now, or None."""

    def begin(self) -> None:
        """Cameras run from now on: durations count from here."""
        self._begun = True
        self._started_s = time.monotonic()
        self._usage = Usage(self._pids())

    def end(self) -> None:
        """Cameras stop now: what the processes took is read for the last time, while they are there."""
        self._ended_s, self._ended_at_s = time.monotonic(), time.time()
        self._last_usage = self._measure(fresh=True)

    def take(self, results: Sequence[FrameResult]) -> None:
        """Results for the pictures that are being watched, and for those who wait for a stream's first one."""
        self._desk.take(results)
        self.placements.note(results)

    def place(self, placed: Placed | None) -> None:
        """What it was started with was placed here so."""
        self.placements.mounted(placed)
        self.placements.tell_epochs(placed)
        self.placements.applied(placed)
        self.placements.run(_streams_of(self.fleet))

    @property
    def fleet(self) -> Fleet:
        """The fleet as it is now, with what was added, changed and removed by hand."""
        return self._supervisor.fleet

    def declare(self, fleet: Fleet, placed: Placed | None = None) -> None:
        """The fleet file says something new, placed here so. Cameras added, changed or removed by hand stay so. Raises
        CamsliceError, and then goes on as before."""
        self.placements.mounted(placed)
        with self._lock:
            for camera in self._added.values():
                _check_models(camera, fleet)
            self.placements.tell_epochs(placed)
            self._apply(fleet, self._added, self._removed)
            self._declared = fleet
            self.placements.applied(placed)
            self.placements.run(_streams_of(self.fleet))

    def let_go_of_what_was_taken_over(self) -> None:
        """End the cameras of which every stream is another pod's by now."""
        waited_for = {key.camera for key in self.placements.waits_for}
        with self._lock:
            gone = {key.camera for key, stream in self.placements.streams.items() if stream.taken_over} - waited_for
            if gone - self._let_go:
                self._let_go = self._let_go | gone
                self._apply(self._declared, self._added, self._removed)

    def started(self) -> Verdict:
        """See `Health`. Once it has, it has."""
        if not self._has_started:
            verdict = started(begun=self._begun, models=self._supervisor.models())
            self._has_started = verdict.ok
            return verdict
        return Verdict(True)

    def ready(self) -> Verdict:
        """See `Health`."""
        return ready(
            has_started=self.started(),
            problem=self.problem,
            revisions=self.placements.revisions,
            processes=self._supervisor.pulses(),
        )

    def live(self) -> Verdict:
        """See `Health`."""
        if not self._begun or self._supervisor.stopping:
            return Verdict(True)
        still_s = self._supervisor.still_s
        return live(still_s=still_s, processes=self._supervisor.pulses())

    def add_camera(self, camera: CameraSpec) -> None:
        """Start a camera beside the others."""
        with self._lock:
            if any(known.name == camera.name for known in self.fleet.cameras):
                raise FleetError(f"camera {camera.name}: there is already one of that name; choose another.")
            _check_models(camera, self.fleet)
            added, removed = {**self._added, camera.name: camera}, self._removed - {camera.name}
            self._apply(self._declared, added, removed)
            self._added, self._removed = added, removed

    def change_camera(self, camera: CameraSpec) -> None:
        """Run the camera of this name as described here."""
        with self._lock:
            self._must_exist(camera.name)
            _check_models(camera, self.fleet)
            added = {**self._added, camera.name: camera}
            self._apply(self._declared, added, self._removed)
            self._added = added

    def remove_camera(self, name: str) -> None:
        """Stop a camera."""
        with self._lock:
            self._must_exist(name)
            added = {known: camera for known, camera in self._added.items() if known != name}
            removed = self._removed | ({name} & {camera.name for camera in self._declared.cameras})
            self._apply(self._declared, added, removed)
            self._added, self._removed = added, removed

    def _must_exist(self, name: str) -> None:
        if all(known.name != name for known in self.fleet.cameras):
            raise FleetError(f"camera {name}: there is none of that name.")

    def _apply(self, declared: Fleet, added: Mapping[str, CameraSpec], removed: Set[str]) -> None:
        kept = {camera.name: camera for camera in declared.cameras if camera.name not in removed}
        cameras = [camera for camera in {**kept, **added}.values() if camera.name not in self._let_go]
        fleet = replace(declared, cameras=tuple(cameras))
        self._supervisor.apply(fleet, self._resolve(fleet))
        self.placements.run(_streams_of(fleet))

    def watch(self, cameras: Sequence[str]) -> None:
        """Ask for previews for the next three seconds."""
        self._desk.watch(cameras)

    def preview(self, camera: str, newer_than: int) -> Preview | None:
        """The newest preview."""
        return self._desk.preview(camera, newer_than)

    def status(self) -> FleetStatus:
        """Everything at one instant."""
        supervisor = self._supervisor
        memory_mb, cpu_cores = self._measure()
        counts = supervisor.counts()
        wanted = set(_streams_of(supervisor.fleet))
        return FleetStatus(
            fleet=supervisor.fleet,
            generation=supervisor.generation,
            uptime_s=self._uptime_s(),
            cameras=[_camera(life) for life in supervisor.cameras().values()],
            streams=self._streams({key: frames for key, frames in counts.items() if key in wanted}),
            removed=self._streams({key: frames for key, frames in counts.items() if key not in wanted}),
            engines=self._engines(),
            memory_mb=memory_mb,
            cpu_cores=cpu_cores,
            restarts=supervisor.restarts,
            dropped_results=self._dropped(),
            waiting_results=sum(sink.waiting for sink in self._sinks if isinstance(sink, WaitsOnDisk)),
            problems=self._problems(),
            revisions=self.placements.revisions,
            placements=self.placements.streams,
            refused_results=self._left_out(refused=True),
            draining=self.draining,
            policy_changes=supervisor.policy_changes(),
        )

    def report(self) -> Mapping[str, object]:
        """The JSON object of `camslice run`, over every stream that ran, and the state of each camera."""
        counts = self._supervisor.counts()
        stages = self._statistics.stages(list(counts))
        unchanged = self._supervisor.unchanged_at_s()
        streams = [
            StreamReport(key, frames, stages[key], self._statistics.labels(key), self._age_ms(key, unchanged))
            for key, frames in counts.items()
        ]
        supervisor = self._supervisor
        memory_mb, cpu_cores = self._measure()
        models = supervisor.models()
        report = run_report(
            supervisor.fleet,
            streams,
            self._uptime_s(),
            memory_mb,
            cpu_cores,
            len(supervisor.pods()),
            supervisor.restarts,
            {name: life.work for name, life in models.items()},
        )
        policies = {name: asdict(life.policy) for name, life in models.items() if life.policy is not None}
        changes = [asdict(change) for change in supervisor.policy_changes()]
        states = [
            {"name": name, "state": str(life.state), "reason": life.reason} for name, life in self._supervisor.cameras().items()
        ]
        told = {"policies": policies, "policy_changes": changes}
        return {**report, "cameras": states, "dropped_results": self._dropped(), **told}

    def _uptime_s(self) -> float:
        return (time.monotonic() if self._ended_s is None else self._ended_s) - self._started_s

    def _measure(self, *, fresh: bool = False) -> tuple[float, float]:
        """PSS in MB over all processes, and cores in use."""
        if self._last_usage is not None:
            return self._last_usage
        pids = self._pids()
        return self._usage.memory_mb(pids, fresh=fresh), self._usage.cpu_cores(pids)

    def _pids(self) -> list[int]:
        return [os.getpid(), *self._supervisor.pids()]

    def _streams(self, counts: Mapping[StreamKey, FrameCounts]) -> list[StreamStatus]:
        stages = self._statistics.stages(list(counts))
        unchanged = self._supervisor.unchanged_at_s()
        streams = []
        for key in counts:
            fps, p95_ms = self._statistics.recent(key)
            labels = self._statistics.labels(key)
            minute = self._statistics.minute(key)
            streams.append(
                StreamStatus(key, counts[key], stages[key], labels, fps, self._age_ms(key, unchanged), p95_ms, minute=minute)
            )
        return streams

    def _engines(self) -> list[EngineStatus]:
        engines = []
        for name, life in self._supervisor.models().items():
            loaded = life.loaded
            occupancy = self._occupancy.of(name, life.busy_ns, loaded.queues if loaded else 1)
            backend, device, precision = (
                (loaded.backend, loaded.device, loaded.precision) if loaded else (str(life.spec.backend), "", "")
            )
            told = EngineStatus(
                name,
                backend,
                device,
                precision,
                life.info.licence,
                occupancy,
                life.problem,
                loaded is not None,
                loaded.precision_why if loaded else "",
                life.work,
                life.policy,
            )
            engines.append(told)
        return engines

    def _age_ms(self, key: StreamKey, unchanged_at_s: Mapping[StreamKey, float]) -> float | None:
        known_at_s = [self._statistics.newest_captured_at_s(key), unchanged_at_s.get(key)]
        newest = max((at_s for at_s in known_at_s if at_s is not None), default=None)
        now_s = time.time() if self._ended_at_s is None else self._ended_at_s
        return None if newest is None else max(0.0, (now_s - newest) * 1000.0)

    def _dropped(self) -> dict[str, int]:
        dropped = self._left_out(refused=False)
        if self._supervisor.dropped_results:
            dropped["outbox: full"] = self._supervisor.dropped_results
        return dropped

    def _left_out(self, *, refused: bool) -> dict[str, int]:
        """What sinks did not write, by cause: `refused`, since another pod had, or lost."""
        counted = [(sink.name, cause, count) for sink in self._sinks for cause, count in sink.dropped.items()]
        return {f"{name}: {cause}": count for name, cause, count in counted if (cause in _NOTHING_IS_MISSING) is refused}

    def _problems(self) -> list[str]:
        lives = self._supervisor.models()
        models = [f"model {name}: {life.problem}" for name, life in lives.items() if life.problem]
        demanded = self._supervisor.fleet.objective.recall
        policies = [
            f"model {name}: {sentence}"
            for name, life in lives.items()
            if life.policy is not None and (sentence := less_than_demanded(life.policy, demanded))
        ]
        sinks = [f"{sink.name}: {sink.problem}" for sink in self._sinks if sink.problem]
        return [*([self.problem] if self.problem else []), *models, *policies, *sinks]


def _streams_of(fleet: Fleet) -> list[StreamKey]:
    return [StreamKey(camera.name, model) for camera in fleet.cameras for model in camera.models]


def _check_models(camera: CameraSpec, fleet: Fleet) -> None:
    unknown = [model for model in camera.models if model not in fleet.models]
    if unknown:
        known = ", ".join(fleet.models)
        raise FleetError(f"camera {camera.name}: there is no model {unknown[0]}; this fleet has {known}.")


def _camera(life: CameraLife) -> CameraStatus:
    spec = life.spec
    return CameraStatus(spec.name, spec.source.redacted, spec.fps, spec.models, life.state, life.reason)
