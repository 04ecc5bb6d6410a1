"""Recall as a demand of plans: which policies they may rest on, what that changes, and what they say of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camslice.fleet.errors import PlanError
from camslice.fleet.figures import Figure
from camslice.fleet.policy import LADDER
from camslice.fleet.profile import Activity, PolicyCost, Profile
from camslice.fleet.types import Fleet, Objective, Pace
from camslice.plan.answer import Answer, answer
from camslice.plan.eligibility import KnownProfile
from camslice.plan.optimise.solve import solve
from camslice.plan.plan import FrontierPoint
from camslice.plan.plan_yaml import parse_plan, plan_text
from camslice.plan.policies import allowed_policies, looking_as_planned
from camslice.plan.scaling import scaled
from tests.unit.plan.made import case_study_profile, fleet, question

REGIONS = tuple(policy.name for policy in LADDER if policy.regions)
CAMERAS, FPS = 48, 8.0
"""So many that with full frames work binds, and not the number of pods."""


def figure(value: float, low: float | None = None) -> Figure:
    return Figure.measured(value, low)


def cost(policy: str, recall: float, low: float, inferences: float, gate_ms: float = 0.2) -> PolicyCost:
    activity = Activity(("yard.mp4",), 4, 5.0, 600, figure(0.12), figure(3.5))
    return PolicyCost(
        policy, figure(recall, low), figure(inferences), figure(0.05), figure(9e4), figure(gate_ms), figure(0.3), activity
    )


def with_policies(*costs: PolicyCost) -> Profile:
    return replace(case_study_profile(), policies=costs)


CAREFUL, CARRY = cost("careful", 0.995, 0.99, 0.6), cost("carry-2", 0.975, 0.971, 0.3)
LOSSY = cost("carry-4-small", 0.972, 0.96, 0.2)


def small_fleet(recall: float, cameras: int = CAMERAS, **changes: object) -> Fleet:
    made = fleet(cameras, FPS, objective=Objective(500.0, 95.0, 0.01, recall=recall), instance_types=("g4dn.xlarge",))
    return replace(made, **changes)  # type: ignore[arg-type]  # per test


def planned(of: Fleet, profile: Profile) -> Answer:
    return answer(question(of, profiles=(KnownProfile(profile, "t4.json", "0" * 64),)), solve)


@pytest.fixture(scope="module")
def at_full_frames() -> Answer:
    return planned(small_fleet(1.0), case_study_profile())


@pytest.fixture(scope="module")
def with_recall() -> Answer:
    return planned(small_fleet(0.97), with_policies(CAREFUL, CARRY, LOSSY))


def allowed(of: Fleet, *costs: PolicyCost) -> tuple[str, ...]:
    found = allowed_policies(of, {"yolov8": [KnownProfile(with_policies(*costs), "t4.json", "0" * 64)]})
    return found.by_model.get("yolov8", ())


def test_at_recall_1_measured_policies_change_nothing(at_full_frames: Answer) -> None:
    found = planned(small_fleet(1.0), with_policies(CAREFUL, CARRY, LOSSY))
    assert found.plan == at_full_frames.plan


def test_the_cheapest_policy_that_surely_keeps_the_recall_is_planned(with_recall: Answer, at_full_frames: Answer) -> None:
    plan, full = with_recall.plan, at_full_frames.plan
    assert plan is not None
    assert full is not None
    assert [(each.policy, each.recall.value) for each in plan.policies] == [("carry-2", 0.975)], "the lossy one may be at 0.96"
    assert {node.policies["yolov8"] for node in plan.nodes} == {"carry-2"}
    assert plan.usd_per_month < full.usd_per_month
    assert plan.saving is not None
    assert plan.saving.usd_per_month_at_full_frames == full.usd_per_month
    assert plan.saving.share == pytest.approx(1 - plan.usd_per_month / full.usd_per_month, abs=1e-4)


def test_a_plan_says_what_it_assumes_of_its_cameras(with_recall: Answer) -> None:
    assert with_recall.plan is not None
    said = "\n".join(with_recall.plan.remarks)
    for words in ("carry-2", "recall 0.975, at least 0.971", "measured", "yard.mp4", "12.0 %", "3.5 detections", "40 %"):
        assert words in said
    assert parse_plan(plan_text(with_recall.plan), "plan.yaml") == with_recall.plan


def test_every_frame_is_predicted_to_wait_for_company(with_recall: Answer) -> None:
    assert with_recall.plan is not None
    for node in with_recall.plan.nodes:
        assert node.predicted.latency.p50 > 0.4 * 500
        assert node.predicted.p_all_ms is not None
        assert node.predicted.p_all_ms <= 500


def test_the_frontier_has_every_recall_that_is_allowed_and_nothing_that_is_beaten_in_all_three(with_recall: Answer) -> None:
    assert with_recall.plan is not None
    points = with_recall.plan.frontier
    assert {point.recall for point in points} == {1.0, 0.995, 0.975}
    assert {(point.policy, point.recall) for point in points} == {("full", 1.0), ("careful", 0.995), ("carry-2", 0.975)}
    for one in points:
        for other in points:
            assert one == other or not no_worse(one, other)


def no_worse(one: FrontierPoint, other: FrontierPoint) -> bool:
    dollars = one.usd_per_camera_month <= other.usd_per_camera_month
    return dollars and one.p95 <= other.p95 and one.recall >= other.recall


def test_an_activity_that_nobody_measured_is_not_assumed(at_full_frames: Answer) -> None:
    found = planned(small_fleet(0.9), case_study_profile())
    plan, full = found.plan, at_full_frames.plan
    assert plan is not None
    assert full is not None
    assert (plan.usd_per_month, plan.policies, plan.saving) == (full.usd_per_month, (), None)
    assert "planned with full frames, though `objective.recall` is 0.9: t4.json says nothing of policies" in plan.remarks[0]
    assert "camslice eval --policy all --model yolov8 CLIP... --into profile.json" in plan.remarks[0]


def test_where_less_saves_nothing_full_frames_are_planned() -> None:
    plan = planned(small_fleet(0.97, cameras=1), with_policies(CAREFUL, CARRY)).plan
    assert plan is not None
    assert plan.policies == ()
    assert all(not node.policies for node in plan.nodes)
    assert "would not make this fleet cheaper" in plan.remarks[0]


@given(
    st.floats(0.5, 0.999),
    st.dictionaries(st.sampled_from(REGIONS), st.tuples(st.floats(0.5, 1.0), st.floats(0.01, 1.2)), max_size=6),
)
def test_allowed_are_those_that_keep_the_recall_by_their_lower_end_and_cost_less_than_full_frames(
    recall: float, measured: dict[str, tuple[float, float]]
) -> None:
    found = allowed(small_fleet(recall), *(cost(name, 1.0, low, takes) for name, (low, takes) in measured.items()))
    low_of = {name: float(f"{low:.6g}") for name, (low, _) in measured.items()}
    takes_of = {name: float(f"{takes:.6g}") for name, (_, takes) in measured.items()}
    assert set(found) == {name for name in measured if low_of[name] >= recall and takes_of[name] < 1}
    assert [takes_of[name] for name in found] == sorted(takes_of[name] for name in found)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"policy": "careful"}, ("careful",)),
        ({"policy": "full"}, ()),
        ({"policy": "regions"}, ()),
        ({"pace": Pace.LOSSLESS}, ()),
        ({}, ("carry-2", "careful")),
    ],
)
def test_a_plan_goes_no_further_than_the_fleet_says(changes: dict[str, object], expected: tuple[str, ...]) -> None:
    assert allowed(small_fleet(0.97, **changes), CAREFUL, CARRY, LOSSY) == expected


def test_a_policy_that_showed_nothing_or_another_profile_disproves_is_not_used() -> None:
    nothing = replace(CARRY, recall=None)
    assert allowed(small_fleet(0.5), nothing) == ()
    known = [KnownProfile(with_policies(each), str(each), "0" * 64) for each in (CARRY, cost("carry-2", 0.9, 0.9, 0.1))]
    assert allowed_policies(small_fleet(0.97), {"yolov8": known}).by_model == {}


def test_on_a_processor_what_camslice_itself_takes_counts() -> None:
    profile = case_study_profile()
    on_cpu = replace(profile, machine=replace(profile.machine, accelerator="cpu"))
    frame_ms = sum(each.cpu_ms.value for each in profile.stages if each.cpu_ms is not None)
    for gate_ms, expected in ((0.4 * frame_ms - 0.4, {"yolov8": ("carry-2",)}), (0.8 * frame_ms, {})):
        measured = replace(on_cpu, policies=(cost("carry-2", 0.99, 0.98, 0.5, gate_ms),))
        found = allowed_policies(small_fleet(0.97), {"yolov8": [KnownProfile(measured, "p", "0" * 64)]})
        assert found.by_model == expected


def test_a_faster_machine_looks_and_decides_faster_too() -> None:
    (faster,) = scaled(with_policies(CARRY), 2.0).policies
    assert (faster.gate_cpu_ms.value, faster.own_cpu_ms.value) == (0.1, 0.15)
    assert faster.recall == CARRY.recall
    assert faster.gate_cpu_ms.provenance == "assumed"


def test_a_profile_that_no_longer_knows_a_plans_policy_is_refused() -> None:
    assert looking_as_planned({"yolov8": with_policies(CARRY)}, {"yolov8": "carry-2"})["yolov8"].inferences_per_frame == 0.3
    with pytest.raises(PlanError, match="says nothing of the policy careful"):
        looking_as_planned({"yolov8": with_policies(CARRY)}, {"yolov8": "careful"})
