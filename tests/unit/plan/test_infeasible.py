"""When there is no plan: each demand relaxed alone, to about a hundredth of where a plan begins to exist."""

from __future__ import annotations

from dataclasses import replace

import pytest

from camslice.fleet.types import Objective
from camslice.plan.infeasible import sentence, ways_out
from camslice.plan.planner import Question
from tests.unit.plan.made import fleet, question

ASKED = Objective(latency_ms=100.0, usd_per_camera_month=20.0)


def asked(objective: Objective = ASKED, fps: float = 4.0) -> Question:
    return question(fleet(10, fps, objective))


def by_demand(of: Question, cheapest: object) -> dict[str, float]:
    return {each.demand: each.feasible_at for each in ways_out(of, cheapest)}  # type: ignore[arg-type]  # per test


def latency_needed(ms: float) -> object:
    return lambda of: 150.0 if of.fleet.objective.latency_ms >= ms else None


def test_latency_is_relaxed_to_where_a_plan_begins() -> None:
    assert by_demand(asked(), latency_needed(137.0)) == {"latency_ms": pytest.approx(137.0, rel=0.006)}


def test_the_rate_is_lowered_to_where_a_plan_begins() -> None:
    found = by_demand(asked(), lambda of: 150.0 if of.fleet.cameras[0].fps <= 3.1 else None)
    assert found == {"fps": pytest.approx(3.1, rel=0.006)}


def test_a_demand_that_is_far_off_is_still_told_where_it_would_be_met() -> None:
    assert by_demand(asked(Objective(1.0)), latency_needed(86.0)) == {"latency_ms": pytest.approx(86.0, rel=0.006)}
    found = by_demand(asked(fps=200.0), lambda of: 150.0 if of.fleet.cameras[0].fps <= 4.9 else None)
    assert found == {"fps": pytest.approx(4.9, rel=0.006)}


def test_dollars_are_told_as_what_the_cheapest_fleet_costs_and_the_other_demands_may_make_it_cheaper() -> None:
    def cheapest(of: Question) -> float:
        return 300.0 * of.fleet.cameras[0].fps / 4.0 * (100.0 / of.fleet.objective.latency_ms) ** 0.5

    found = by_demand(asked(), cheapest)
    assert found["usd_per_camera_month"] == 30.0
    assert found["fps"] == pytest.approx(4.0 * 200 / 300, rel=0.006)
    assert found["latency_ms"] == pytest.approx(100.0 * (300 / 200) ** 2, rel=0.006)


def test_a_budget_counts_like_dollars_per_camera() -> None:
    of = replace(asked(Objective(latency_ms=100.0)), budget_usd_per_month=120.0)
    assert by_demand(of, lambda _: 150.0)["usd_per_camera_month"] == 15.0


def test_what_no_single_demand_helps_is_said_so() -> None:
    assert ways_out(asked(), lambda _: None) == ()
    assert "no single demand" in sentence(())


def test_the_sentence_names_each_way() -> None:
    def cheapest(of: Question) -> float | None:
        return 312.0 if of.fleet.objective.latency_ms < 540 else 150.0

    words = sentence(ways_out(asked(Objective(500.0, usd_per_camera_month=20.0)), cheapest))
    assert "at $31.20 per camera and month" in words
    assert "or at 54" in words
