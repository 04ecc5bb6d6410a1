"""What a CameraFleet's status says of the recall that its pods measure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from camslice.cluster.operator.kept import kept_of, lowest, too_little
from camslice.cluster.operator.reports import PodReport, StreamReport, report_of
from camslice.cluster.operator.status import fleet_status
from camslice.cluster.wire import fleet_manifest
from camslice.fleet.types import Objective
from camslice.stream.watching.recall import FEWEST_FRAMES
from camslice.stream.watching.steward import PolicyState
from tests.unit.cluster.operator.world import World, a_fleet
from tests.unit.cluster.test_schemas import faults

DEMANDED = 0.97


def state(recall: float | None, audited: int, policy: str = "regions", *, overloaded: bool = False) -> PolicyState:
    return PolicyState(policy, "as declared", recall, audited, overloaded, 0)


def report(*states: PolicyState, frames: int = 300) -> PodReport:
    """A pod whose streams keep latency and drop rate, with a model for each policy."""
    models = ["people", "cars"][: len(states)]
    stream = StreamReport(7, True, 5.0, 50.0, 60.0, frames, 0.0, 2.0)
    return PodReport(0.0, "r", {"cam-0/people": stream}, policies=dict(zip(models, states, strict=True)))


def status(*reports: PodReport, recall: float = DEMANDED, before: dict[str, Any] | None = None) -> dict[str, Any]:
    world = World(replace(a_fleet(), objective=Objective(recall=recall)), cameras=4)
    decision = world.step()
    view = replace(world.view(), status=before or {})
    return fleet_status(view, decision, {}, {f"pod-{n}": each for n, each in enumerate(reports)}, world.now_s)


def within(said: dict[str, Any]) -> tuple[str, str]:
    (condition,) = [each for each in said["conditions"] if each["type"] == "WithinObjective"]
    return condition["status"], condition["message"]


def test_a_recall_below_what_is_demanded_is_told_with_model_measure_and_demand() -> None:
    said = status(report(state(0.99, 200), state(0.912, 200, "carry-1")))
    sentence = "cars: a recall of 0.97 is demanded, and 0.912 is measured, policy carry-1"
    assert within(said) == ("False", sentence)
    assert said["recall"] == 0.912
    assert said["policies"] == [
        {"model": "cars", "policy": "carry-1", "reason": "as declared", "overloaded": False, "recall": 0.912},
        {"model": "people", "policy": "regions", "reason": "as declared", "overloaded": False, "recall": 0.99},
    ]


def test_a_recall_that_is_kept_is_within_the_objective() -> None:
    assert within(status(report(state(0.97, 200)))) == ("True", "")


def test_overload_is_named_as_the_cause() -> None:
    _, sentence = within(status(report(state(0.8, 50, "carry-3", overloaded=True))))
    assert sentence.endswith("0.8 is measured, policy carry-3, cheaper than the recall allows for want of room")


def test_what_is_said_stands_in_the_definition_of_the_kind() -> None:
    said = status(report(state(0.99, 200), state(0.5, 3)))
    manifest = {**fleet_manifest(a_fleet()), "status": said}
    assert faults(manifest) == []
    said["policies"][0]["why"] = "no such key"
    assert faults(manifest) == ["0"]


def test_too_few_audited_frames_say_nothing_and_that_is_said() -> None:
    said = status(report(state(0.5, FEWEST_FRAMES - 1)))
    assert within(said) == ("True", "the recall of people is not known yet: too few frames were audited")
    assert "recall" not in said
    assert within(status(report(state(0.5, FEWEST_FRAMES))))[0] == "False"


def test_audited_frames_of_all_pods_count_together() -> None:
    few = FEWEST_FRAMES // 2
    assert within(status(report(state(0.9, few)), report(state(0.92, few))))[0] == "False"
    said = status(report(state(0.9, 20)), report(state(0.99, 80)))
    assert (within(said)[0], said["recall"]) == ("True", 0.972)


def test_nothing_is_known_while_no_pod_was_asked_or_none_had_a_frame() -> None:
    assert within(status())[0] == "Unknown"
    assert within(status(report(state(0.5, 200), frames=0)))[0] == "Unknown"


def test_a_late_stream_is_told_before_the_recall() -> None:
    late = PodReport(0.0, "r", {"cam-0/people": StreamReport(7, True, 5.0, 50.0, 900.0, 300, 0.0, 2.0)})
    assert within(status(late, report(state(0.5, 200))))[1].startswith("cam-0/people in pod-0: p95")


def test_full_frames_keep_everything_and_need_no_audit() -> None:
    said = status(report(state(1.0, 0, "full")))
    assert (within(said), said["recall"]) == (("True", ""), 1.0)


def test_fleets_that_look_at_full_frames_alone_say_nothing_of_it() -> None:
    said = status(report(), recall=1.0)
    assert not {"recall", "policies"} & said.keys()
    assert within(said) == ("True", "")


@pytest.mark.parametrize(("before", "now", "told"), [(0.981, 0.984, 0.981), (0.981, 0.987, 0.987), (0.971, 0.9699, 0.9699)])
def test_a_recall_is_said_again_only_when_it_moved_or_crossed_the_demand(before: float, now: float, told: float) -> None:
    said = status(report(state(now, 200)), before={"policies": [{"model": "people", "recall": before}]})
    assert said["recall"] == told


@given(some.integers(0, 10_000), some.integers(1, 10_000), some.none() | some.integers(0, 10_000))
def test_what_is_said_is_always_on_the_side_of_the_demand_where_it_was_measured(
    measured: int, wanted: int, told: int | None
) -> None:
    now, demanded, before = measured / 10_000, wanted / 10_000, None if told is None else told / 10_000
    kept = kept_of([report(state(now, 200))], demanded, [{"model": "people", "recall": before}])
    assert (too_little(kept, demanded) is not None) is (now < demanded)
    said = lowest(kept)
    assert said is not None
    assert abs(said - now) < 0.0051


def test_reports_hold_the_policies_that_are_known_and_no_others() -> None:
    policy = {"policy": "careful", "reason": "as declared", "recall": 0.98, "audited": 40, "overloaded": False, "changes": 1}
    engines = [
        {"model": "people", "policy": policy},
        {"model": "cars", "policy": {**policy, "policy": "carry-9", "more": 1}},
        {"model": "dogs", "policy": None},
    ]
    found = report_of({"engines": engines}, 0.0)
    assert found.policies == {"people": PolicyState("careful", "as declared", 0.98, 40, False, 1)}
