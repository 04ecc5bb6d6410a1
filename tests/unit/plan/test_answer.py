"""Plans of the published case study's fleet, checked by counting again."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import pytest

from camslice.fleet.types import Objective, Topology
from camslice.plan.answer import Answer, answer
from camslice.plan.catalogue.load import load_catalogue
from camslice.plan.optimise.solve import solve
from camslice.plan.plan import Plan
from camslice.plan.plan_yaml import plan_text
from camslice.plan.planner import Question
from tests.unit.plan.made import CASE_STUDY, fleet, question

ON_8XLARGE = ("g4dn.8xlarge",)


def plan_of(asked: Question) -> Plan:
    found = answer(asked, solve).plan
    assert found is not None
    return found


def check(plan: Plan, asked: Question) -> None:
    """Everything that a plan states of itself, counted anew."""
    held = Counter(stream for node in plan.nodes for place in node.placements for stream in place)
    assert held == Counter(f"{camera.name}/{model}" for camera in asked.fleet.cameras for model in camera.models)
    for node in plan.nodes:
        assert len(node.placements) == node.count
        assert {len(place) for place in node.placements} == {node.streams_per_node}
        assert sum(pod.count * pod.streams_per_pod for pod in node.pods) >= node.streams_per_node
        assert all(share <= 1.0 for share in node.utilisation.values()), node.utilisation
        assert node.predicted.p_all_ms is not None
        assert node.predicted.p_all_ms <= asked.fleet.objective.latency_ms
        assert node.predicted.drop_rate <= asked.fleet.objective.drop_rate
    hours = asked.settings.hours_per_month
    groups = (*((node.count, node.usd_per_hour) for node in plan.nodes), *((s.count, s.usd_per_hour) for s in plan.spares))
    assert plan.usd_per_month_nodes_only == pytest.approx(sum(count * usd * hours for count, usd in groups), abs=0.01)
    assert plan.usd_per_month == pytest.approx(math.fsum(line.usd_per_month for line in plan.lines), abs=0.01)
    assert plan.usd_per_camera_month == pytest.approx(plan.usd_per_month / plan.cameras, abs=0.001)
    assert plan.lower_bound_usd_per_month <= plan.usd_per_month
    spoken_for = {(node.instance_type, node.topology) for node in plan.nodes}
    spoken_for |= {(each.instance_type, each.topology) for each in plan.rejected}
    assert len(spoken_for) == len(load_catalogue()) * len(Topology), "an alternative without a reason"


@pytest.mark.parametrize("cameras", [1, 24, 54, 130])
def test_a_plan_places_every_stream_once_keeps_the_objective_and_adds_up(cameras: int) -> None:
    asked = question(fleet(cameras))
    check(plan_of(asked), asked)


def test_54_cameras_on_one_8xlarge_cost_29_42_for_the_node_and_miss_30_with_everything() -> None:
    asked = question(fleet(instance_types=ON_8XLARGE))
    found = answer(asked, solve)
    assert found.plan is not None
    check(found.plan, asked)
    assert [(node.count, node.streams_per_node) for node in found.plan.nodes] == [(1, 54)]
    assert found.plan.usd_per_camera_month_nodes_only == pytest.approx(29.42, abs=0.005)
    assert found.plan.usd_per_camera_month == pytest.approx(30.77, abs=0.05)
    assert not found.feasible
    assert any(way.demand == "usd_per_camera_month" for way in found.ways_out)
    assert answer(replace(asked, nodes_only=True), solve).feasible


def test_54_streams_at_5_frames_per_second_do_not_fit_on_one_t4() -> None:
    """270 frames/s are demanded, and 263 are possible."""
    found = answer(question(fleet(fps=5.0, instance_types=ON_8XLARGE), nodes_only=True), solve)
    assert found.plan is not None
    assert sum(node.count for node in found.plan.nodes) == 2
    assert not found.feasible
    rates = [way.feasible_at for way in found.ways_out if way.demand == "fps"]
    assert rates == [pytest.approx(263 / 54, rel=0.03)]


def test_20_cameras_on_a_2xlarge_cost_27_45_for_the_node() -> None:
    plan = plan_of(question(fleet(20, instance_types=("g4dn.2xlarge",))))
    assert plan.usd_per_camera_month_nodes_only == pytest.approx(27.45, abs=0.005)


def test_27_and_27_on_two_2xlarge_need_prefix_delegation() -> None:
    only = {"instance_types": ("g4dn.2xlarge",), "cameras_per_node": 27}
    without = plan_of(question(fleet(**only)))
    with_it = plan_of(question(fleet(**only, prefix_delegation=True)))
    assert sum(node.count for node in without.nodes) == 3
    assert sum(node.count for node in with_it.nodes) == 2
    assert with_it.usd_per_camera_month_nodes_only == pytest.approx(20.33, abs=0.005)


def test_every_camera_dedicated_costs_a_node_each() -> None:
    plan = plan_of(question(fleet(5, topologies=(Topology.DEDICATED,))))
    assert plan.usd_per_camera_month_nodes_only == pytest.approx(383.98)


def test_without_any_way_nothing_is_planned_and_the_way_out_is_told() -> None:
    found = answer(question(fleet(objective=replace(CASE_STUDY, latency_ms=1.0), instance_types=ON_8XLARGE)), solve)
    assert found.plan is None
    assert not found.feasible
    assert [way.demand for way in found.ways_out] == []  # at any latency it also costs more than $30
    at_any_price = Objective(1.0, 95.0, 0.01)
    ways = answer(question(fleet(objective=at_any_price, instance_types=ON_8XLARGE)), solve).ways_out
    (way,) = ways
    assert way.demand == "latency_ms"
    assert 5.0 < way.feasible_at < 15.0, "one frame alone takes 10.8 ms on average"


def test_nobody_s_profile_is_a_reason_for_every_other_machine() -> None:
    allowed = (Topology.SLICED, Topology.MIG)
    plan = plan_of(question(fleet(instance_types=(), topologies=allowed)))
    reasons = {(each.instance_type, each.topology): each.reason for each in plan.rejected}
    assert reasons["g6.xlarge", Topology.SLICED].startswith("no profile (t4-case-study is of a T4, not a L4")
    assert reasons["g4dn.2xlarge", Topology.SLICED].startswith("dearer: ")
    assert reasons["g4dn.xlarge", Topology.MIG] == "a T4 cannot be partitioned (MIG)"


def test_a_camera_more_never_costs_less_and_a_softer_objective_never_more() -> None:
    costs = [plan_of(question(fleet(cameras))).usd_per_month for cameras in (25, 26, 50, 51)]
    assert costs == sorted(costs)
    strict, soft = (plan_of(question(fleet(objective=Objective(latency_ms)))).usd_per_month for latency_ms in (20.0, 500.0))
    assert strict > soft


def test_a_robust_plan_holds_by_every_set_of_fitted_figures_and_a_plan_by_the_likeliest_says_if_it_does_not() -> None:
    likely, robust = (plan_of(question(fleet(54, instance_types=("g4dn.xlarge",), robust=robust))) for robust in (False, True))
    latest = [max(node.predicted.high_ms or math.inf for node in plan.nodes) for plan in (likely, robust)]
    assert latest[1] <= 500 < latest[0]
    assert any("others that fit as well" in remark for remark in likely.remarks)
    assert not any("others that fit as well" in remark for remark in robust.remarks)
    assert robust.usd_per_month >= likely.usd_per_month


def test_spare_nodes_stand_by_and_are_paid_for() -> None:
    asked = question(fleet(30, spare_nodes=1))
    plan = plan_of(asked)
    check(plan, asked)
    assert sum(spare.count for spare in plan.spares) == 1


def test_no_node_takes_more_cameras_with_it_than_is_allowed() -> None:
    plan = plan_of(question(fleet(30, cameras_per_node=10)))
    assert all(node.streams_per_node <= 10 for node in plan.nodes)


def test_a_plan_that_stands_keeps_its_nodes_and_moves_nobody_when_cameras_are_added() -> None:
    current = plan_of(question(fleet(20, instance_types=("g4dn.2xlarge",))))
    asked = question(fleet(40, instance_types=("g4dn.xlarge", "g4dn.2xlarge")), current=current)
    plan = plan_of(asked)
    check(plan, asked)
    assert "g4dn.2xlarge" in {node.instance_type for node in plan.nodes}
    before = {stream for node in current.nodes for place in node.placements for stream in place}
    stayed = max(
        (set(place) for node in plan.nodes for place in node.placements if node.instance_type == "g4dn.2xlarge"),
        key=lambda place: len(place & before),
    )
    assert before <= stayed


def test_the_frontier_has_nothing_that_is_both_dearer_and_slower() -> None:
    points = plan_of(question(fleet())).frontier
    assert points
    assert [point.p95 for point in points] == sorted((point.p95 for point in points), reverse=True)
    assert [point.usd_per_camera_month for point in points] == sorted(point.usd_per_camera_month for point in points)


def test_remembered_verdicts_change_nothing_but_the_time() -> None:
    remembered: dict[str, object] = {}
    first: Answer = answer(question(fleet()), solve, remembered)  # type: ignore[arg-type]  # verdicts, but for the test's eyes
    second: Answer = answer(question(fleet()), solve, remembered)  # type: ignore[arg-type]  # as above
    assert second.simulations == 0 < first.simulations
    assert first.plan is not None
    assert second.plan is not None
    assert plan_text(first.plan) == plan_text(second.plan)
