"""How a profile is measured: everything that decides how long it takes and what its figures are worth."""

from __future__ import annotations

from dataclasses import dataclass, field

from camslice.fleet.types import Objective, Topology
from camslice.measure.profile.search import Effort


@dataclass(frozen=True, slots=True)
class Settings:
    """`fps` is the rate of each stream in the search for the capacity.

    `codecs`: what the clip is also decoded from, encoded anew. `frames` are those that the costs of the stages are measured
    on. Seconds are those of measuring, without starting and warming up. A trial lasts until `trial_frames` have met their fate,
    but no less than `trial_s` and no more than `longest_trial_s`, which the profile then says; the search begins at
    `first_share` of what the closed loop suggests. `edge_trials` 0 is content with a bracket. `budget_s` ends
    the search: once a load has held, no trial is begun that would last beyond it.
    """

    topology: Topology = Topology.POOLED
    objective: Objective = field(default_factory=Objective)
    fps: float = 5.0
    seed: int = 1
    codecs: tuple[str, ...] = ("h264", "hevc", "mjpeg")
    frames: int = 120
    batch_sizes: tuple[int, ...] = (1, 2, 4, 8)
    batch_s: float = 1.0
    pods: tuple[int, ...] = (1, 2, 4, 8)
    pooled_cameras: tuple[int, ...] = (1, 8)
    closed_loop_s: float = 6.0
    trial_frames: int = 1000
    trial_s: float = 15.0
    longest_trial_s: float = 600.0
    warm_up_s: float = 1.5
    first_share: float = 1.0
    edge_trials: int = 8
    budget_s: float | None = None

    @classmethod
    def quick(cls, topology: Topology, objective: Objective, fps: float) -> Settings:
        """Under a minute, unless even few streams break the objective: a bracket instead of an interval, from trials that may
        be short of 1,000 frames. It begins low, for a load that held is worth more than one that did not."""
        return cls(
            topology,
            objective,
            fps,
            codecs=(),
            frames=40,
            batch_sizes=(1, 4),
            batch_s=0.3,
            pods=(1, 2),
            pooled_cameras=(1, 4),
            closed_loop_s=2.0,
            trial_s=4.0,
            longest_trial_s=5.0,
            warm_up_s=0.5,
            first_share=0.7,
            edge_trials=0,
            budget_s=50.0,
        )

    @property
    def is_quick(self) -> bool:
        """Whether a bracket is all that is asked for."""
        return self.edge_trials == 0

    def seconds_of_trial(self, streams: int) -> float:
        """How long a trial with so many streams lasts.

        A stream may have its first frame an interval after the window opened, and its last may still be on its way.
        """
        enough_s = self.trial_frames / (streams * self.fps) + 1 / self.fps + self.objective.latency_ms / 1000
        return min(self.longest_trial_s, max(self.trial_s, enough_s))

    def effort(self, most_streams: int) -> Effort:
        """How hard the search looks."""
        if self.is_quick:
            return Effort(most_streams, bracket_width=0.1, edge_trials=0)
        return Effort(most_streams, edge_trials=self.edge_trials)

    def finest_overload(self, streams: int) -> float:
        """The smallest overload, as a share, that breaks the objective within a trial.

        At an overload e the frames that wait grow by e seconds of work in each second. They break the objective's latency
        after latency / e seconds; frames are dropped from then on, a share of e, and more than the allowed drop rate of the
        trial's T seconds when e > latency / T + drop rate.
        """
        return self.objective.latency_ms / 1000 / self.seconds_of_trial(max(1, streams)) + self.objective.drop_rate
