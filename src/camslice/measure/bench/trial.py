"""One trial: a fleet is started, warmed up, and watched through a window of time.

Every camera starts at the same instant, when all pods have their models: the barrier. What happens before the window is
left out, what is on its way when it opens is carried in, so that each frame of the window is counted once and has one
fate. A latency runs from the instant at which the frame was due: a system that lets its cameras wait cannot hide it.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from camslice.fleet.accounting import FrameCounts, total_of
from camslice.fleet.errors import EngineError
from camslice.fleet.histogram import Histogram
from camslice.fleet.types import Fleet, StreamKey
from camslice.measure.bench.gathering import Gathering
from camslice.measure.processes import Usage, pss_mb
from camslice.models.model import ModelInfo
from camslice.stream.lives import ModelLife
from camslice.stream.memory import private_mb
from camslice.stream.messages import ModelLoaded
from camslice.stream.results import FrameResult
from camslice.stream.supervisor import Supervisor

_BARRIER_NS = 200_000_000
"""From the release to the first frame: long enough for every pod to hear of it."""
_LOOK_S = 0.05
_GATHER_S = 0.5
_STOP_S = 1.0
_LAST_RESULTS_S = 2.0
_STRAGGLERS_S = 10.0
"""Beyond the instant at which the last frame of a warm-up falls due: for a machine that is behind."""

Wait = Callable[[float], bool]
"""Waits so many seconds, or until asked to stop; returns whether to stop."""
Phases = Callable[[int], float]
"""The phase (0..1) of the camera that was added as the n-th."""


@dataclass(frozen=True, slots=True)
class WarmUp:
    """What is left out at the beginning: so many frames of each camera and so many seconds, but no more than `longest_s`."""

    frames_per_camera: int = 3
    shortest_s: float = 1.0
    longest_s: float = 60.0

    def at_rate(self, fps: float | None) -> WarmUp:
        """Patient enough for cameras of so many frames per second, whose first frame may be an interval away."""
        if fps is None:
            return self
        return replace(self, longest_s=max(self.longest_s, (self.frames_per_camera + 1) / fps + _STRAGGLERS_S))


@dataclass(frozen=True, slots=True)
class Trial:
    """What a window of `seconds` saw.

    `frames`: captured holds what was in flight when the window opened, so that it is the sum of the fates and of what was in
    flight when it closed. `stages`: a histogram per stage, of the frames analysed. Memory is in MB (10^6 bytes) at the end:
    PSS of pods and engine processes, PSS of the process that supervises them, and what one pod shares with nobody.
    `cpu_cores` counts all of them, `processes` the pods' and the engine processes. `unpublished` results were analysed, and
    lost before they were gathered. `pods_down` had no process when memory was looked at, so it is that of the others.
    `negative_stages`: results of the window with a stage below 0 ms, a defect of the stamps. `problem`: what a model had at
    the end of the window. `engine_private_mb` is what processes that are no pods share with nobody.
    """

    seconds: float
    frames: FrameCounts
    stages: Mapping[str, Histogram]
    pods_memory_mb: float
    supervisor_memory_mb: float
    private_mb: float
    cpu_cores: float
    processes: int
    restarts: int
    backend: str
    device: str
    precision: str
    partial: bool = False
    unpublished: int = 0
    pods_down: int = 0
    negative_stages: int = 0
    problem: str | None = None
    engine_private_mb: float = 0.0


class Runner(Protocol):
    """What a trial needs of the supervisor."""

    def start(self) -> None:
        """Start the pods; back when their models are loaded or have said why not."""

    def release(self, start_ns: int) -> None:
        """Let every camera begin at this monotonic instant, later by its phase."""

    def pids(self) -> list[int]:
        """All processes."""

    def pods(self) -> Sequence[Pod]:
        """The pods."""

    def models(self) -> Mapping[str, ModelLife]:
        """What became of each model."""

    def counts(self) -> Mapping[StreamKey, FrameCounts]:
        """Frames of each stream."""

    def stop(self, patience_s: float = ...) -> None:
        """End everything."""

    def close(self) -> None:
        """Free what `counts` reads."""


class Pod(Protocol):
    """What a trial needs to know of a pod."""

    @property
    def pid(self) -> int | None:
        """Its process."""

    @property
    def restarts(self) -> int:
        """How often it was started again."""


class MakeRunner(Protocol):
    """Makes a supervisor for a fleet."""

    def __call__(
        self,
        fleet: Fleet,
        models: Mapping[str, ModelInfo],
        on_results: Callable[[Sequence[FrameResult]], None],
        *,
        hold: bool,
        phases: Phases,
        threads: int | None,
    ) -> Runner:
        """Nothing is started yet. Raises CamsliceError when this machine cannot run it."""


def run_trial(
    fleet: Fleet,
    models: Mapping[str, ModelInfo],
    seconds: float,
    *,
    wait: Wait | None = None,
    say: Callable[[str], None] = lambda _: None,
    threads: int | None = None,
    phases: Phases = lambda _: 0.0,
    warm_up: WarmUp | None = None,
    make: MakeRunner = Supervisor,
) -> Trial | None:
    """Run `fleet` and watch it for `seconds`; `say` is told what is being done.

    Asked to stop (`wait`), it returns what the window saw so far, marked `partial`, or None when there is nothing. Owns the
    supervisor: on return, or on an error, no process is left. Raises EngineError when a model does not load or no frame
    comes to its end, and what the supervisor raises.
    """
    trial = _Running(fleet, models, wait or threading.Event().wait, say, threads, phases, make)
    try:
        loaded = trial.start()
        if loaded is None or not trial.warm(warm_up or WarmUp()):
            return None
        return trial.watch(seconds, loaded)
    finally:
        trial.end()


class _Running:
    """A supervisor during one trial. `start` uses a thread of its own, so that a stop is heard while pods load."""

    def __init__(
        self,
        fleet: Fleet,
        models: Mapping[str, ModelInfo],
        wait: Wait,
        say: Callable[[str], None],
        threads: int | None,
        phases: Phases,
        make: MakeRunner,
    ) -> None:
        self._cameras = len(fleet.cameras)
        self._wait = wait
        self._say = say
        self._gathering = Gathering()
        self._runner = make(fleet, models, self._gathering.take, hold=True, phases=phases, threads=threads)
        self._error: BaseException | None = None
        self._starter = threading.Thread(target=self._start, name="starter", daemon=True)

    def start(self) -> ModelLoaded | None:
        """Start the pods and release the cameras. How the first model was loaded; None when asked to stop meanwhile."""
        self._say("starting")
        self._starter.start()
        while self._starter.is_alive():
            if self._wait(_LOOK_S):
                return None
        if self._error is not None:
            raise self._error
        loaded = _loaded_everywhere(self._runner.models())
        self._runner.release(time.monotonic_ns() + _BARRIER_NS)
        return loaded

    def warm(self, warm_up: WarmUp) -> bool:
        """Wait until every camera has had its first frames; False when asked to stop meanwhile."""
        self._say("warming up")
        started_s = time.monotonic()
        while True:
            if self._wait(_LOOK_S):
                return False
            counts = self._runner.counts()
            passed_s = time.monotonic() - started_s
            warm = len(counts) >= self._cameras and all(each.ended >= warm_up.frames_per_camera for each in counts.values())
            if warm and passed_s >= warm_up.shortest_s:
                return True
            if passed_s >= warm_up.longest_s:
                return self._warm_enough(counts, warm_up)

    def watch(self, seconds: float, loaded: ModelLoaded) -> Trial | None:
        """The window. None when asked to stop before a frame of it was analysed."""
        pids = self._pids()
        usage = Usage([*pids, os.getpid()])
        before = self._runner.counts()
        self._gathering.begin(before)
        started_s = time.monotonic()
        stopped = False
        while not stopped and (left_s := started_s + seconds - time.monotonic()) > 0:
            self._say(f"measuring, {left_s:.0f} s left")
            stopped = self._wait(min(_GATHER_S, left_s))
            self._gathering.gather(self._runner.counts())
        after = self._runner.counts()
        lasted_s = time.monotonic() - started_s
        pids, pods = self._pids(), self._runner.pods()
        cpu_cores = usage.cpu_cores([*pids, os.getpid()])
        pods_memory_mb = pss_mb(pids)
        frames = carried(total_of(before.values()), total_of(after.values()))
        if stopped and not frames.analysed:
            return None
        unpublished = self._gathering.gather_all(after, _LAST_RESULTS_S)
        return Trial(
            lasted_s,
            frames,
            self._gathering.stages(),
            pods_memory_mb,
            pss_mb([os.getpid()]),
            private_mb(next((pod.pid for pod in pods if pod.pid is not None), os.getpid())),
            cpu_cores,
            len(pids),
            sum(pod.restarts for pod in pods),
            loaded.backend,
            loaded.device,
            loaded.precision,
            stopped,
            unpublished,
            sum(pod.pid is None for pod in pods),
            self._gathering.negative_stages,
            next((life.problem for life in self._runner.models().values() if life.problem), None),
            sum(private_mb(pid) for pid in set(pids) - {pod.pid for pod in pods}),
        )

    def end(self) -> None:
        """Leave nothing behind."""
        self._runner.stop(_STOP_S)
        if self._starter.ident is not None:
            self._starter.join(_LOOK_S)
        self._runner.close()

    def _start(self) -> None:
        try:
            self._runner.start()
        except BaseException as error:  # noqa: BLE001 (raised again by the thread that waits for this one)
            self._error = error

    def _pids(self) -> list[int]:
        return sorted(set(self._runner.pids()) - {os.getpid()})

    def _warm_enough(self, counts: Mapping[StreamKey, FrameCounts], warm_up: WarmUp) -> bool:
        """A machine that is overwhelmed is measured all the same, one that does nothing is not."""
        if not any(each.ended for each in counts.values()):
            raise EngineError(
                f"no frame was analysed within {warm_up.longest_s:g} s; `camslice run` with this clip and model shows why."
            )
        return True


def _loaded_everywhere(models: Mapping[str, ModelLife]) -> ModelLoaded:
    """How the first model was loaded. Raises EngineError unless there is one, and every pod has all of them."""
    for life in models.values():
        if life.problem or not life.loaded:
            raise EngineError(life.problem or f"model {life.spec.name} did not load in every pod: the machine is too slow.")
    loaded = next((life.loaded for life in models.values()), None)
    if loaded is None:
        raise EngineError("no pod has a model to analyse with; `camslice run` with this clip and model shows why.")
    return loaded


def carried(before: FrameCounts, after: FrameCounts) -> FrameCounts:
    """The frames of a window: those captured in it and those already in flight when it opened; the identity holds.

    >>> carried(FrameCounts(captured=10, analysed=8, in_flight=2), FrameCounts(captured=15, analysed=14, in_flight=1))
    ... # doctest: +ELLIPSIS
    FrameCounts(captured=7, analysed=6, ..., in_flight=1, ...)
    """
    change = after - before
    return replace(change, captured=change.captured + before.in_flight, in_flight=after.in_flight)
