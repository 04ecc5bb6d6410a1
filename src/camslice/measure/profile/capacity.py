"""How many streams the machine carries at the objective: the search on a machine, and what the profile says of it."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence

from camslice.fleet.errors import MachineError
from camslice.fleet.figures import Figure
from camslice.fleet.profile import Capacity, Trial
from camslice.measure.profile.agenda import START_S, Agenda
from camslice.measure.profile.constraint import binding_constraint, busy_at
from camslice.measure.profile.journal import Journal
from camslice.measure.profile.observe import Observe, Rates
from camslice.measure.profile.search import Found, find_capacity
from camslice.measure.profile.settings import Settings
from camslice.measure.profile.shared import Most

log = logging.getLogger(__name__)


class CapacitySearch:
    """The search, over trials that are run or stand in the journal already.

    The search is a pure function of its trials, so one that was broken off is simply run again. `closed_loop_fps` is where it
    begins. Once a load has held, no trial begins that would end after `until_s` on the clock: a search that is short of time is
    content with less, but never says that nothing holds without having tried one stream.

    A trial that the machine refuses goes into no journal, for the machine may have room when the search is run again.
    """

    def __init__(
        self,
        settings: Settings,
        observe: Observe,
        journal: Journal,
        agenda: Agenda,
        rates: Rates,
        *,
        until_s: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._observe = observe
        self._journal = journal
        self._agenda = agenda
        self._rates = rates
        self._until_s = until_s
        self._clock = clock
        self._turns: Counter[int] = Counter()
        self._held = False

    def run(self, closed_loop_fps: float, most: Most) -> Capacity:
        """Find it. Raises CamsliceError when a trial cannot be run for another reason than room, or one stream has none."""
        first = max(1, int(self._settings.first_share * closed_loop_fps / self._settings.fps))
        found = find_capacity(self._trial, first, self._settings.effort(most.streams))
        full = found.broke is None and (found.refused is not None or (found.held >= most.streams and most.by_memory))
        return capacity_of(found, self._settings, out_of_memory=full)

    def _trial(self, streams: int) -> Trial | None:
        settings, made = self._settings, self._turns.total()
        lasts_s = settings.seconds_of_trial(streams) + settings.warm_up_s + START_S
        if self._held and self._until_s is not None and self._clock() + lasts_s > self._until_s:
            return None
        name = f"open loop/{streams}/{self._turns[streams]}"
        self._turns[streams] += 1
        self._agenda.begin_trial(f"{streams} streams at {settings.fps:g} frames/s", lasts_s, made)
        try:
            trial = self._journal.step(name, Trial, lambda: self._observe.open(settings.topology, streams, made, self._rates))
        except MachineError as error:
            log.warning("%d streams: %s", streams, error)
            raise
        self._held = self._held or trial.met
        return trial


def capacity_of(found: Found, settings: Settings, *, out_of_memory: bool) -> Capacity:
    """What was found, as the profile says it."""
    constraint, evidence = binding_constraint(found.trials, found.broke, out_of_memory)
    objective, estimate = settings.objective, found.estimate
    ends = (None, None) if estimate is None else (min(found.streams, int(estimate.low)), max(found.streams, int(estimate.high)))
    return Capacity(
        settings.topology,
        settings.fps,
        objective.latency_ms,
        objective.percentile,
        objective.drop_rate,
        Figure.measured(found.streams, *ends),
        (found.held, found.broke),
        constraint,
        busy_at(found.trials, found.broke),
        evidence + _too_short(found.trials, settings),
        round(settings.finest_overload(found.streams), 4),
        found.trials,
    )


def _too_short(trials: Sequence[Trial], settings: Settings) -> str:
    """What a reader must know of trials with fewer frames than they should have."""
    fewest = min((trial.frames for trial in trials), default=settings.trial_frames)
    if fewest >= settings.trial_frames:
        return ""
    return (
        f"; trials lasted {settings.longest_trial_s:g} s at most, and some had only {fewest} frames of the "
        f"{settings.trial_frames} that a trial should have, so that chance weighs more"
    )
