"""What a bench is asked for, and what a row of its table came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from camslice.fleet.accounting import FrameCounts, total_of
from camslice.fleet.histogram import Histogram
from camslice.fleet.secrets import Source
from camslice.fleet.types import Fleet, ModelSpec, Objective, Topology
from camslice.measure.bench.trial import Trial
from camslice.models.model import ModelInfo
from camslice.stream.statistics import merged


class Phase(StrEnum):
    """When, within the interval between two frames, the cameras of an open loop have theirs due."""

    RANDOM = "random"
    """Each at an instant of its own, drawn from the seed: cameras are not wired to each other."""
    ALIGNED = "aligned"
    """All at the same instant: the worst case."""


@dataclass(frozen=True, slots=True)
class Question:
    """What all rows of a bench have in common.

    `fps` (frames/s per camera) makes an open loop; None a closed one, in which a camera's next frame is due when the one
    before has met its fate. `seconds` are those of a row, divided among its `rounds`. `threads` caps those of each pod's
    engine, None leaves them to the topology.
    """

    spec: ModelSpec
    info: ModelInfo
    clip: Source
    objective: Objective = field(default_factory=Objective)
    fps: float | None = None
    phase: Phase = Phase.RANDOM
    seed: int = 1
    seconds: float = 10.0
    rounds: int = 1
    streams_per_pod: int = 1
    workers: int | None = None
    threads: int | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """One row: so many pods in a topology, and the fleet that stands for it on this machine.

    `cameras` are those of the row, on `machines` machines; `fleet` has those of the one machine that is measured.
    """

    topology: Topology
    pods: int
    cameras: int
    machines: int
    fleet: Fleet

    @property
    def pods_here(self) -> int:
        """The pods that are measured."""
        return self.pods // self.machines


@dataclass(slots=True)
class Row:
    """A load with what was measured of it so far, a trial for each round. `failure`: why it could not be measured (further)."""

    load: Load
    rounds: int = 1
    trials: list[Trial] = field(default_factory=list)
    failure: str | None = None

    @property
    def problem(self) -> str | None:
        """What is wrong with the row: its failure, what a model had at the end of a window, or that nothing was analysed."""
        if said := self.failure or next((trial.problem for trial in self.trials if trial.problem), None):
            return said
        frames = self.frames
        if frames.analysed or not self.trials:
            return None
        fates = f"{frames.superseded} superseded, {frames.stale} stale, {frames.failed} failed, {frames.missed} never captured"
        return (
            f"no frame was analysed within {self.seconds:.1f} s of measuring: {fates}; ask for fewer cameras or a lower rate."
        )

    @property
    def partial(self) -> bool:
        """Whether less was measured than asked for."""
        return len(self.trials) < self.rounds or any(trial.partial for trial in self.trials)

    @property
    def seconds(self) -> float:
        """How long it was measured, all rounds together."""
        return sum(trial.seconds for trial in self.trials)

    @property
    def frames(self) -> FrameCounts:
        """Frames of all rounds."""
        return total_of(trial.frames for trial in self.trials)

    @property
    def stages(self) -> Mapping[str, Histogram]:
        """Histograms of all rounds, stage by stage."""
        return merged([trial.stages for trial in self.trials])

    @property
    def fps(self) -> float:
        """Frames analysed per second."""
        return self.frames.analysed / self.seconds if self.seconds > 0 else 0.0
