"""What there is to do and about how long it takes, so that somebody who waits can be told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from camslice.measure.profile.settings import Settings

START_S = 3.0
"""Starting and stopping a load, about."""
_BRACKET_TRIALS = 4
_EXPECTED_SHARE = 0.75
"""Of the trials allowed at the edge: the interval is mostly narrow enough before."""

Begin = Callable[[str, float], None]
"""Is told that a step begins: in words, and about how many seconds it takes."""


class Reporter(Protocol):
    """Is told how far it is."""

    def step(self, words: str, done_s: float, left_s: float) -> None:
        """Something begins that takes a while. Seconds are estimates: those of what is done, and of all that is left."""
        ...


class Agenda:
    """Adds up estimates. How many trials the search makes is a guess that gets better."""

    def __init__(self, settings: Settings, reporter: Reporter) -> None:
        self._settings = settings
        self._reporter = reporter
        self._done_s = 0.0
        self._before_search_s = _costs_s(settings) + _sharing_s(settings)

    def begin(self, words: str, seconds: float) -> None:
        """A step before the search begins."""
        settings = self._settings
        trial_s = settings.trial_s + settings.warm_up_s + START_S
        left_s = max(seconds, self._before_search_s - self._done_s) + self._trials() * trial_s
        self._tell(words, seconds, left_s)

    def begin_trial(self, words: str, seconds: float, trials_made: int) -> None:
        """A trial of the search begins."""
        self._tell(words, seconds, max(1.0, self._trials() - trials_made) * seconds)

    def _tell(self, words: str, seconds: float, left_s: float) -> None:
        self._reporter.step(words, self._done_s, left_s)
        self._done_s += seconds

    def _trials(self) -> float:
        return _BRACKET_TRIALS + _EXPECTED_SHARE * self._settings.edge_trials


def _costs_s(settings: Settings) -> float:
    return 3.0 + 2.0 * len(settings.codecs) + len(settings.batch_sizes) * (2 * settings.batch_s + 1.0)


def _sharing_s(settings: Settings) -> float:
    points = len(settings.pods) + len(settings.pooled_cameras)
    return points * (settings.closed_loop_s + settings.warm_up_s + START_S)
