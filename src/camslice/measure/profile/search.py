"""The most streams at which an objective holds, by as few trials as the answer needs: pure, over a function that makes one.

1. *Bracket*: from an estimate, steps that double upwards while the objective holds, or downwards until it does.
2. *Halve* the bracket until it is narrow.
3. *Doubt*: trials go on where the confidence interval ends, its lower and its upper end in turn, for there they change it most,
   until it is narrow or the trials are used up. Every trial counts for it, those of the first two steps too.

A trial is believed only together with the others, so one that was unlucky in steps 1 or 2 misleads the place of the trials
that follow, not the result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from camslice.fleet.errors import MachineError
from camslice.fleet.profile import Trial
from camslice.measure.profile.pass_curve import CapacityEstimate, Outcome, estimate_capacity

MakeTrial = Callable[[int], Trial | None]
"""Makes a trial with so many streams; None when there is no time left for it. Raises MachineError when the machine refuses so
many: no trial, but as many are not asked for again."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard to look. `first_step` and the widths are shares of the load, at least one stream.

    `edge_trials` 0 is content with the bracket. `most_streams` is what may be tried at all.
    """

    most_streams: int
    first_step: float = 0.15
    bracket_width: float = 0.05
    interval_width: float = 0.1
    edge_trials: int = 12


@dataclass(frozen=True, slots=True)
class Found:
    """What the trials say. `held` is 0 where even one stream broke the objective, `broke` None where nothing did.

    `refused` is the smallest load that the machine had no room for. `estimate` is None where only the bracket was asked for, or
    where there was nothing to estimate: no load broke it, or every one did.
    """

    held: int
    broke: int | None
    trials: tuple[Trial, ...]
    estimate: CapacityEstimate | None = None
    refused: int | None = None

    @property
    def streams(self) -> int:
        """The most whole streams at which at least half of the trials hold; of a bracket alone the load that held."""
        return self.held if self.estimate is None else int(self.estimate.streams)


def find_capacity(make_trial: MakeTrial, first: int, effort: Effort) -> Found:
    """Look for the capacity, beginning at `first` streams. Raises MachineError when not even one stream is let in."""
    trials = _Trials(make_trial, effort.most_streams)
    held, broke = _bracket(trials, max(1, min(first, effort.most_streams)), effort)
    while broke is not None and broke - held > _streams(effort.bracket_width, held) and not trials.over:
        middle = (held + broke) // 2
        met = trials.hold_at(middle)
        if met is not None:
            held, broke = (middle, broke) if met else (held, middle)
    if broke is not None and broke > trials.most:
        broke = None
    if effort.edge_trials == 0 or held == 0 or broke is None:
        return Found(held, broke, tuple(trials.made), refused=trials.refused)
    estimate = _doubt(trials, effort)
    return Found(*_edge(trials.made), tuple(trials.made), estimate, trials.refused)


def _bracket(trials: _Trials, first: int, effort: Effort) -> tuple[int, int | None]:
    """A load that held (0: none did) and one that did not, or was refused (None: none was found)."""
    step = _streams(effort.first_step, first)
    streams, held, broke = first, 0, None
    while not trials.over:
        met = trials.hold_at(streams)
        if met is None:
            break
        if met:
            held = streams
            if broke is not None or streams >= trials.most:
                break
            streams = min(trials.most, streams + step)
        else:
            broke = streams
            if held or streams == 1:
                break
            streams = max(1, streams - step)
        step *= 2
    return held, broke


def _doubt(trials: _Trials, effort: Effort) -> CapacityEstimate:
    """Trials at the ends of the interval until it is narrow."""
    estimate = estimate_capacity(trials.outcomes)
    for turn in range(effort.edge_trials):
        if turn >= 2 and estimate.width <= _streams(effort.interval_width, estimate.streams):
            break
        where = int(estimate.low) if turn % 2 == 0 else int(estimate.high) + 1
        if trials.hold_at(max(1, min(where, trials.most))) is None:
            break
        estimate = estimate_capacity(trials.outcomes)
    return estimate


def _edge(trials: list[Trial]) -> tuple[int, int | None]:
    """The largest load below every one that broke the objective, and the smallest that broke it."""
    broke = min((trial.streams for trial in trials if not trial.met), default=None)
    held = max((trial.streams for trial in trials if trial.met and (broke is None or trial.streams < broke)), default=0)
    return held, broke


class _Trials:
    """The trials made so far."""

    def __init__(self, make_trial: MakeTrial, most: int) -> None:
        self._make_trial = make_trial
        self._most = most
        self.refused: int | None = None
        """The smallest load that the machine refused."""
        self.made: list[Trial] = []
        self.over = False
        """Whether there is no time for another."""

    @property
    def most(self) -> int:
        """The largest load that may be tried."""
        return self._most if self.refused is None else self.refused - 1

    @property
    def outcomes(self) -> list[Outcome]:
        return [Outcome(trial.streams, trial.met) for trial in self.made]

    def hold_at(self, streams: int) -> bool | None:
        """Whether the objective held in one more trial, which it does not where it is refused; None when there is no time."""
        try:
            trial = None if self.over else self._make_trial(streams)
        except MachineError:
            if streams == 1:
                raise
            self.refused = streams if self.refused is None else min(streams, self.refused)
            return False
        if trial is None:
            self.over = True
            return None
        self.made.append(trial)
        return trial.met


def _streams(share: float, of: float) -> int:
    return max(1, round(share * of))
