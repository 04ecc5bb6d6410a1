"""The two loads of a profile, closed loop and open loop, run by the same code as the rows of `camslice bench`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from camslice.engine.memory import available_memory_bytes
from camslice.engine.threads import usable_cores
from camslice.fleet.accounting import FrameCounts
from camslice.fleet.errors import MachineError
from camslice.fleet.figures import Figure, RawHistogram
from camslice.fleet.histogram import Histogram
from camslice.fleet.profile import SharingPoint, Trial
from camslice.fleet.types import Objective, Topology
from camslice.measure.bench.load import load_for, phases_of
from camslice.measure.bench.trial import WarmUp, run_trial
from camslice.measure.bench.values import Load, Question
from camslice.measure.judgement import due_of, judged, lost_of
from camslice.measure.profile.constraint import ACCELERATOR, CPU, DECODE, INFERENCE, MACHINE, MEMORY
from camslice.measure.profile.machine_load import MachineLoad
from camslice.measure.profile.settings import Settings
from camslice.measure.profile.subject import Subject
from camslice.models.model import ModelInfo
from camslice.stream.topologies.make import make_sharing

_WINDOW = "measuring"
"""How a trial says that it is in its window."""


@dataclass(frozen=True, slots=True)
class Rates:
    """What one frame takes, in ms: to say what of a busy processor is decoding and what inference.

    `accelerator_ms` is None where the accelerator is the processor itself.
    """

    decode_cpu_ms: float
    inference_cpu_ms: float
    accelerator_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Closed:
    """A closed loop, and what was seen of its memory: a pod's PSS and what it shares with nobody, the supervisor's PSS."""

    point: SharingPoint
    pod_mb: float
    private_mb: float
    supervisor_mb: float


class Observe(Protocol):
    """Runs loads on a machine."""

    def closed(self, topology: Topology, pods: int, streams_per_pod: int) -> Closed:
        """Every camera as fast as it can. Raises CamsliceError."""
        ...

    def open(self, topology: Topology, streams: int, turn: int, rates: Rates) -> Trial:
        """So many streams at the profile's rate, whatever happens. Turns differ in their phases. Raises CamsliceError."""
        ...


class ThisMachine:
    """Runs loads here. Each owns its processes; none is left when it returns or raises."""

    def __init__(self, subject: Subject, settings: Settings) -> None:
        self._subject = subject
        self._settings = settings

    def closed(self, topology: Topology, pods: int, streams_per_pod: int) -> Closed:
        """See `Observe`. In `pooled` there is one pod with `streams_per_pod` cameras."""
        settings = self._settings
        question = self._question(None, settings.closed_loop_s, 1 if topology is Topology.POOLED else streams_per_pod)
        load = load_for(topology, streams_per_pod if topology is Topology.POOLED else pods, question)
        trial = run_trial(load.fleet, self._models(), settings.closed_loop_s, warm_up=WarmUp(shortest_s=settings.warm_up_s))
        if trial is None:
            raise KeyboardInterrupt
        if not trial.frames.analysed:
            raise MachineError(
                trial.problem or f"no frame was analysed within {trial.seconds:.1f} s: the machine is too slow for it."
            )
        each_mb = trial.pods_memory_mb / max(1, load.pods - trial.pods_down)
        point = SharingPoint(
            topology,
            load.pods,
            streams_per_pod,
            threads_per_pod=make_sharing(load.fleet).pod(0, load.pods).threads,
            total_ms=_mean(trial.stages["total"]),
            stage_ms={name: _mean(histogram) for name, histogram in trial.stages.items() if name != "total"},
            fps=Figure.measured(trial.frames.analysed / trial.seconds),
            cpu_cores=Figure.measured(trial.cpu_cores),
            memory_mb_per_pod=Figure.measured(each_mb),
            histograms=_raw(trial.stages),
        )
        return Closed(point, each_mb, trial.private_mb, trial.supervisor_memory_mb)

    def open(self, topology: Topology, streams: int, turn: int, rates: Rates) -> Trial:
        """See `Observe`."""
        settings = self._settings
        seconds = settings.seconds_of_trial(streams)
        question = self._question(settings.fps, seconds, 1)
        load = self._at_own_rate(load_for(topology, streams, question))
        available_mb = available_memory_bytes() / 1e6
        machine = MachineLoad()
        trial = run_trial(
            load.fleet,
            self._models(),
            seconds,
            say=lambda words: machine.sample() if words.startswith(_WINDOW) else None,
            phases=phases_of(question, turn),
            warm_up=WarmUp(1, settings.warm_up_s, 2 * settings.warm_up_s + 10).at_rate(settings.fps),
        )
        if trial is None:
            raise KeyboardInterrupt
        busy = _busy(trial.frames, trial.seconds, trial.cpu_cores, trial.stages, rates)
        if machine.busy is not None:
            busy[MACHINE] = round(machine.busy, 4)
        memory_mb = trial.pods_memory_mb
        return with_its_frames(
            Trial(
                streams,
                round(trial.seconds, 3),
                0,
                0,
                None,
                met=False,
                memory_mb=round(memory_mb, 1),
                busy={**busy, MEMORY: round(memory_mb / max(1.0, available_mb), 4)},
            ),
            trial.frames,
            trial.stages.get("total", Histogram()),
            settings.objective,
        )

    def _question(self, fps: float | None, seconds: float, streams_per_pod: int) -> Question:
        subject, settings = self._subject, self._settings
        return Question(
            subject.spec,
            subject.info,
            subject.source,
            settings.objective,
            fps,
            seed=settings.seed,
            seconds=seconds,
            streams_per_pod=streams_per_pod,
        )

    def _at_own_rate(self, load: Load) -> Load:
        """Cameras that play the clip at its own rate where it has at least the frames that are due: what is not due is
        decoded all the same, as a camera's stream is."""
        if self._subject.clip_fps < self._settings.fps:
            return load
        cameras = tuple(replace(camera, playback_fps=None) for camera in load.fleet.cameras)
        return replace(load, fleet=replace(load.fleet, cameras=cameras))

    def _models(self) -> Mapping[str, ModelInfo]:
        return {self._subject.spec.name: self._subject.info}


def with_its_frames(trial: Trial, frames: FrameCounts, total: Histogram, objective: Objective) -> Trial:
    """The trial with what became of its frames. A frame that was missed while decoding was late counts as dropped."""
    found = judged(objective, total, frames)
    return replace(
        trial,
        frames=due_of(frames),
        dropped=lost_of(frames),
        p_all_ms=None if found.p_all_ms is None else round(found.p_all_ms, 3),
        met=found.met,
        total=RawHistogram.of(total),
    )


def _busy(
    frames: FrameCounts, seconds: float, cpu_cores: float, stages: Mapping[str, Histogram], rates: Rates
) -> dict[str, float]:
    cores_ms = usable_cores() * seconds * 1000
    shares = {
        CPU: cpu_cores / usable_cores(),
        DECODE: frames.decoded * rates.decode_cpu_ms / cores_ms,
        INFERENCE: frames.analysed * rates.inference_cpu_ms / cores_ms,
    }
    if rates.accelerator_ms is not None:
        shares[ACCELERATOR] = frames.analysed * rates.accelerator_ms / (seconds * 1000)
    return {name: round(share, 4) for name, share in shares.items()}


def _mean(histogram: Histogram) -> Figure:
    return Figure.measured(histogram.mean or 0.0)


def _raw(stages: Mapping[str, Histogram]) -> dict[str, RawHistogram]:
    return {name: RawHistogram.of(histogram) for name, histogram in stages.items()}
