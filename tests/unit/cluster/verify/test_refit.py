"""Costs are scaled until the simulation gives what is live, and say where they come from."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camslice.cluster.verify.refit import SCALED, SOURCE, refitted, scaled_by
from camslice.fleet.figures import Provenance
from camslice.fleet.profile import Profile
from camslice.fleet.profile_checks import faults
from camslice.fleet.profile_json import load_profile, parse_profile, profile_text

BASE = load_profile("t4-case-study")
UNITS = {"preprocess": 3.0, "inference": 8.0, "postprocess": 1.5}


def stage_ms(profile: Profile) -> Mapping[str, float]:
    """A stand-in for the simulation: time grows with cost, and faster than it, as under load."""
    costs = {cost.stage: cost for cost in profile.stages}
    base = {cost.stage: cost for cost in BASE.stages}

    def ratio(stage: str) -> float:
        now, then = costs[stage].cpu_ms, base[stage].cpu_ms
        assert now is not None
        assert then is not None
        return now.value / then.value

    return {stage: unit * ratio(stage) ** 1.4 for stage, unit in UNITS.items()}


@settings(deadline=None, max_examples=25)
@given(st.fixed_dictionaries({stage: st.floats(0.4, 3.0) for stage in UNITS}))
def test_the_fitted_profile_gives_what_is_live(slower: dict[str, float]) -> None:
    live_ms = {stage: UNITS[stage] * times for stage, times in slower.items()}
    fitted, _ = refitted(BASE, live_ms, stage_ms, "1000 frames of a page", "2026-01-31")
    for stage, expected in live_ms.items():
        assert stage_ms(fitted)[stage] == pytest.approx(expected, rel=0.1)


def test_what_was_scaled_is_fitted_and_names_its_source_and_the_file_can_be_read() -> None:
    fitted = scaled_by(BASE, {**dict.fromkeys(SCALED, 1.0), "inference": 2.0}, "1000 frames", "2026-01-31")
    assert list(faults(fitted)) == []
    assert parse_profile(profile_text(fitted), "refit.json") == fitted
    assert fitted.provenance is Provenance.FITTED
    assert fitted.sources[SOURCE] == "1000 frames"
    inference = next(cost for cost in fitted.stages if cost.stage == "inference")
    before = next(cost for cost in BASE.stages if cost.stage == "inference")
    assert inference.accelerator_ms is not None
    assert before.accelerator_ms is not None
    assert inference.accelerator_ms.value == pytest.approx(2 * before.accelerator_ms.value)
    assert (inference.accelerator_ms.provenance, inference.accelerator_ms.source) == (Provenance.FITTED, SOURCE)


def test_what_was_not_scaled_keeps_its_own_source() -> None:
    same = scaled_by(BASE, dict.fromkeys(SCALED, 1.0), "1000 frames", "2026-01-31")
    assert same.stages == BASE.stages


def test_a_stage_that_takes_no_time_says_nothing_of_its_cost() -> None:
    _, factors = refitted(BASE, {"preprocess": 0.001}, stage_ms, "1000 frames", "2026-01-31")
    assert factors["preprocess"] == 1.0
