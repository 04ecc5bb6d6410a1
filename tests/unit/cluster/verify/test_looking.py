"""Policies in force and the recall that is measured, against what a plan counted on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from camslice.cluster.verify.compare import Drift, compare
from camslice.cluster.verify.figures import Frames, Kept, Live, Planned
from camslice.fleet.figures import Figure
from camslice.fleet.profile import Activity
from camslice.plan.plan import PlannedPolicy
from camslice.stream.watching.recall import FEWEST_FRAMES
from tests.unit.cluster.verify.test_compare import NAMES, OBJECTIVE, PLANNED, SECONDS, live

DEMANDED = replace(OBJECTIVE, recall=0.97)
DUE = SECONDS * 4.0 * len(NAMES)
GATED = Frames(captured=DUE, analysed=0.4 * DUE, gated=0.4 * DUE, predicted=0.2 * DUE)


def planned_policy(policy: str, recall: float = 0.98, inferences: float = 0.3) -> PlannedPolicy:
    one = Figure.measured(1.0)
    activity = Activity(("yard.mp4",), 12, 5.0, 600, one, one)
    figures = Figure.measured(recall, recall - 0.005), Figure.measured(inferences)
    return PlannedPolicy("people", policy, *figures, activity, "here.json")


PLAN = replace(PLANNED, policies={"people": {"carry-1": planned_policy("carry-1")}})


def looked(
    policies: Mapping[str, int] | None = None,
    recall: float = 0.99,
    audited: int = 300,
    *,
    overloaded: bool = False,
    inferences: float | None = 0.3,
    reasons: Mapping[str, str] | None = None,
) -> Live:
    kept = Kept.measured(
        "people",
        policies or {"carry-1": 2},
        recall * audited,
        audited,
        overloaded=overloaded,
        inferences_per_frame=inferences,
        reasons=reasons,
    )
    return replace(live(frames=GATED, fps=1.6), kept=(kept,))


def drift(found: Live, planned: Planned = PLAN) -> dict[str, Drift]:
    return {each.what: each for each in compare(planned, found, DEMANDED).drift}


def test_frames_that_need_no_analysis_as_planned_are_no_drift() -> None:
    verdict = compare(PLAN, looked(), DEMANDED)
    assert (verdict.drift, verdict.met, verdict.recall) == ((), True, pytest.approx(0.99))


def test_frames_that_need_no_analysis_against_a_plan_of_full_frames_are_told() -> None:
    full = replace(PLANNED, policies={"people": {"full": None}})
    assert "need no analysis" in drift(looked(), full)["frames per second of people"].cause


def test_a_recall_below_what_the_plan_counted_on_is_laid_to_the_scenes() -> None:
    found = drift(looked(recall=0.974))["recall of people"]
    assert (found.plan, found.live) == (0.975, 0.974)
    assert found.cause.startswith("the cameras show other scenes than yard.mp4")
    assert drift(looked(recall=0.976)) == {}


def test_a_recall_below_the_objective_is_an_objective_that_is_not_met() -> None:
    assert not compare(PLAN, looked(recall=0.96), DEMANDED).objective_met
    assert compare(PLAN, looked(recall=0.971), DEMANDED).objective_met


def test_too_few_audited_frames_are_no_recall() -> None:
    verdict = compare(PLAN, looked(recall=0.5, audited=FEWEST_FRAMES - 1), DEMANDED)
    assert (verdict.recall, verdict.drift, verdict.met) == (None, (), True)


def test_full_frames_throughout_are_a_recall_of_one() -> None:
    assert compare(PLANNED, live(), DEMANDED).recall == 1.0
    assert compare(PLANNED, live(frames=GATED), DEMANDED).recall is None, "nobody says by which policy"
    assert compare(PLAN, looked({"full": 2}, audited=0), DEMANDED).recall == 1.0


def test_a_dearer_policy_in_force_is_told_with_its_pods_and_their_reason() -> None:
    reasons = {"careful": "recall 0.961 was below 0.97", "carry-1": "as declared"}
    found = drift(looked({"careful": 2, "carry-1": 3}, inferences=0.5, reasons=reasons))
    assert found.keys() == {"policy of people", "inferences per frame of people"}
    policy = found["policy of people"]
    assert (policy.plan, policy.live) == ("carry-1", "careful in 2 of 5 pods")
    assert policy.cause.endswith("than the nodes were planned for: recall 0.961 was below 0.97")
    assert found["inferences per frame of people"].cause == "policy careful in 2 of 5 pods instead of carry-1"


def test_overload_explains_a_cheaper_policy_and_the_recall_that_it_loses() -> None:
    found = drift(looked({"carry-3": 2}, recall=0.9, overloaded=True))
    assert "for want of room" in found["policy of people"].cause
    assert found["recall of people"].cause == "policy carry-3 instead of carry-1, for want of room"


def test_a_cheaper_policy_that_the_recall_allows_is_no_drift() -> None:
    assert drift(looked({"carry-3": 2})) == {}


def test_busier_cameras_than_those_of_the_clips_are_told() -> None:
    found = drift(looked(inferences=0.5))["inferences per frame of people"]
    assert (found.plan, found.live) == (0.3, 0.5)
    assert found.cause.startswith("the cameras are busier than yard.mp4")
    assert drift(looked(inferences=0.37)) == {}


def test_pods_that_know_no_policy_though_one_was_planned_are_told() -> None:
    found = drift(live())["policy of people"]
    assert (found.plan, found.live) == ("carry-1", "full")
    assert "demands the recall that was planned with" in found.cause


def test_a_model_that_is_planned_at_two_policies_may_have_either() -> None:
    both = replace(
        PLANNED, policies={"people": {"careful": planned_policy("careful", 0.99), "carry-1": planned_policy("carry-1")}}
    )
    assert drift(looked({"careful": 1, "carry-1": 1}), both) == {}
    assert drift(looked({"regions": 1}), both) == {}
    assert drift(looked({"full": 1}), both)["policy of people"].plan == "careful, carry-1"
