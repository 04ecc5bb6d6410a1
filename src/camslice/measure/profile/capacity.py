"""How many streams the machine carries at the objective: the search on a machine, and what the profile says of it."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable

from camslice.fleet.errors import MachineError
from camslice.fleet.figures import Figure
from camslice.fleet.profile import Capacity, Trial
from camslice.measure.profile.agenda import START_S, Agenda
from camslice.measure.profile.constraint import MEMORY, binding_constraint, busy_at
from camslice.measure.profile.journal import Journal
from camslice.measure.profile.observe import Observe, Rates
from camslice.measure.profile.search import Found, find_capacity
from camslice.measure.profile.settings import Settings
from camslice.measure.profile.shared import Most

log = logging.getLogger(__name__)


class CapacitySearch:
    """The search, over trials that are run or stand in the journal already.

    The search is a pure function of its trials, so one that was broken off is simply run again. `closed_loop_fps` is where it
    begins. No trial begins that would end after `until_s` on the clock, except the first.
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

    def run(self, closed_loop_fps: float, most: Most) -> Capacity:
        """Find it. Raises CamsliceError when a trial cannot be run for another reason than memory."""
        first = max(1, int(closed_loop_fps / self._settings.fps))
        found = find_capacity(self._trial, first, self._settings.effort(most.streams))
        full = found.broke is None and found.held >= most.streams and most.by_memory
        return capacity_of(found, self._settings, out_of_memory=full)

    def _trial(self, streams: int) -> Trial | None:
        settings, made = self._settings, self._turns.total()
        lasts_s = settings.seconds_of_trial(streams) + settings.warm_up_s + START_S
        if self._until_s is not None and made and self._clock() + lasts_s > self._until_s:
            return None
        name = f"open loop/{streams}/{self._turns[streams]}"
        self._turns[streams] += 1
        self._agenda.begin_trial(f"{streams} streams at {settings.fps:g} frames/s", lasts_s, made)
        return self._journal.step(name, Trial, lambda: self._run(streams, made))

    def _run(self, streams: int, turn: int) -> Trial:
        try:
            return self._observe.open(self._settings.topology, streams, turn, self._rates)
        except MachineError as error:
            log.warning("%d streams: %s", streams, error)
            return Trial(streams, 0.0, 0, 0, None, met=False, busy={MEMORY: 1.0})


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
        evidence,
        round(settings.finest_overload(found.streams), 4),
        found.trials,
    )
