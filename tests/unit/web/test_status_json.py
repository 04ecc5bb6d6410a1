"""The status in JSON agrees with the fleet it is about."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from camslice.cluster.operator.reports import report_of
from camslice.fleet.accounting import FrameCounts
from camslice.fleet.types import Objective
from camslice.stream.model_work import ModelWork, PolicyChange
from camslice.stream.watching.steward import PolicyState
from camslice.web.answers import as_json
from camslice.web.observer import Observer
from camslice.web.status_json import camera_json, status_json
from tests.fake_fleet import FakeFleet


def status_of(fleet: FakeFleet) -> Any:
    return json.loads(as_json(status_json(Observer(fleet).look())))


def test_captured_is_the_sum_of_all_fates() -> None:
    fleet = FakeFleet()
    fleet.cameras["gate"].analyse(100, dropped=7)
    for place in (status_of(fleet)["fleet"], *status_of(fleet)["cameras"]):
        frames = dict(place["frames"])
        assert frames.pop("captured") == sum(frames.values())


def test_stages_are_merged_over_streams_and_absent_ones_left_out() -> None:
    fleet = FakeFleet()
    stages = status_of(fleet)["fleet"]["stages"]
    assert list(stages) == ["decode", "preprocess", "queue", "inference", "postprocess", "total"]
    assert stages["total"]["n"] == 800
    parts = sum(stage["mean"] for name, stage in stages.items() if name != "total")
    assert parts == pytest.approx(stages["total"]["mean"], rel=1e-3)


def test_the_objective_is_met_when_latency_and_drops_are() -> None:
    objective = status_of(FakeFleet())["objective"]
    assert objective["since_start"]["met"] is True
    assert objective["since_start"]["p_all_ms"] < objective["latency_ms"]


def test_the_objective_is_unknown_before_the_first_frame() -> None:
    objective = status_of(FakeFleet([]))["objective"]
    assert objective["since_start"] == {"p_all_ms": None, "drop_rate": 0.0, "recall": None, "frames": 0, "met": None}


@pytest.mark.parametrize(("dropped", "infinite"), [(20, False), (60, True)])
def test_dropped_frames_break_the_objective(dropped: int, infinite: bool) -> None:
    fleet = FakeFleet(["gate"])
    fleet.cameras["gate"].analyse(520, dropped=dropped)
    since_start = status_of(fleet)["objective"]["since_start"]
    assert since_start["met"] is False
    assert (since_start["p_all_ms"] is None) is infinite


def test_a_slow_fleet_breaks_the_objective() -> None:
    fleet = FakeFleet()
    fleet.objective = Objective(latency_ms=20.0)
    assert status_of(fleet)["objective"]["since_start"]["met"] is False


def test_dollars_are_the_machine_shared_by_its_cameras() -> None:
    assert status_of(FakeFleet())["fleet"]["usd_per_camera_month"] == pytest.approx(0.10264 * 730 / 2, abs=1e-3)
    assert status_of(FakeFleet(usd_per_hour=None))["fleet"]["usd_per_camera_month"] is None
    assert status_of(FakeFleet([]))["fleet"]["usd_per_camera_month"] is None


def test_one_camera_adds_its_streams_to_what_the_status_says() -> None:
    fleet = FakeFleet()
    look = Observer(fleet).look()
    camera = camera_json(look, "yard")
    [stream] = camera.pop("streams")  # type: ignore[misc]  # a list in an object
    assert camera in status_json(look)["cameras"]  # type: ignore[operator]  # a list in an object
    assert stream["model"] == "people"
    with pytest.raises(KeyError):
        camera_json(look, "nobody")


def test_infinite_numbers_become_null() -> None:
    assert json.loads(as_json({"a": float("inf"), "b": [float("nan"), 1.5]})) == {"a": None, "b": [None, 1.5]}


def a_fleet_that_looks_at_regions(recall: float, audited: int) -> FakeFleet:
    fleet = FakeFleet(["gate"])
    fleet.objective = Objective(recall=0.97)
    fleet.cameras["gate"].frames = FrameCounts(captured=400, analysed=150, regions=120, gated=200, predicted=50)
    fleet.policy = PolicyState("regions", "recall 0.990 leaves room", recall, audited, False, 1)
    fleet.work = ModelWork(90, 1, 40, 1000, 960)
    return fleet


def test_what_is_looked_at_and_what_that_keeps_is_told() -> None:
    fleet = a_fleet_that_looks_at_regions(0.98765, 40)
    fleet.policy_changes = [PolicyChange(1.7e9, "people", "careful", "regions", "recall 0.990 leaves room")]
    status = status_of(fleet)
    objective, (engine,) = status["objective"], status["engines"]
    assert (objective["recall"], objective["recent"]["recall"]) == (0.97, 0.9877)
    assert (objective["since_start"]["recall"], objective["since_start"]["met"]) == (0.96, False)
    assert status["fleet"]["regions"] == status["cameras"][0]["regions"] == 120
    assert engine["inferences"] == 90
    assert engine["policy"] == {
        "policy": "regions",
        "reason": "recall 0.990 leaves room",
        "recall": 0.9877,
        "audited": 40,
        "overloaded": False,
        "changes": 1,
    }
    assert status["policy_changes"][0]["after"] == "regions"
    assert fleet.policy is not None
    assert report_of(status, 0.0).policies == {"people": replace(fleet.policy, recall=0.9877)}, "what the operator reads of it"


def test_a_recall_that_rests_on_too_little_is_not_told_and_breaks_nothing() -> None:
    assert status_of(a_fleet_that_looks_at_regions(0.5, 3))["objective"]["recent"]["recall"] is None
    assert status_of(FakeFleet())["objective"]["recent"]["recall"] is None, "no frame lately"
    assert status_of(FakeFleet())["objective"]["since_start"]["recall"] == 1.0, "nothing but full frames"
    assert status_of(FakeFleet())["engines"][0]["policy"] is None
