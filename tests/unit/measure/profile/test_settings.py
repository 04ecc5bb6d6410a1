"""How long trials last, and what they can tell."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camslice.fleet.types import Objective, Topology
from camslice.measure.profile.settings import Settings


@given(st.integers(1, 1024), st.floats(0.5, 30))
def test_every_trial_has_a_thousand_frames_however_few_streams(streams: int, fps: float) -> None:
    """Whatever their phases: a stream's first frame falls due up to an interval late, and its last are still on their way."""
    settings = Settings(fps=fps, longest_trial_s=1e9)
    surely_s = settings.seconds_of_trial(streams) - 1 / fps - settings.objective.latency_ms / 1000
    assert surely_s * streams * fps >= 1000 * (1 - 1e-9) or settings.seconds_of_trial(streams) == settings.trial_s
    assert settings.seconds_of_trial(streams) >= settings.trial_s


def test_a_quick_profile_is_over_within_a_minute_and_asks_for_a_bracket_only() -> None:
    quick = Settings.quick(Topology.POOLED, Objective(), 5.0)
    assert quick.is_quick
    assert quick.budget_s is not None
    assert quick.budget_s < 60
    assert quick.effort(100).edge_trials == 0
    assert quick.seconds_of_trial(1) <= 5
    assert not Settings().is_quick


@pytest.mark.parametrize(("latency_ms", "seconds", "finest"), [(500, 15, 0.0433), (500, 60, 0.0183), (100, 15, 0.0167)])
def test_longer_trials_and_shorter_objectives_see_finer_overloads(latency_ms: float, seconds: float, finest: float) -> None:
    settings = Settings(objective=Objective(latency_ms), trial_s=seconds)
    assert settings.finest_overload(1000) == pytest.approx(finest, abs=1e-4)
