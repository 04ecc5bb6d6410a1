"""Streams that are alike become one class, and each keeps its name."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camslice.fleet.errors import PlanError
from camslice.fleet.types import Fleet, Objective, StreamFormat
from camslice.plan.classes import demand_of
from tests.unit.plan.made import HD, camera, fleet

SMALL = StreamFormat(640, 360, 10.0, "mjpeg", 800.0)


def with_cameras(*cameras: object) -> Fleet:
    return replace(fleet(1), cameras=cameras)  # type: ignore[arg-type]  # per test


def test_cameras_that_are_alike_are_one_class_in_order_of_appearance() -> None:
    found = demand_of(with_cameras(camera("a", 5), camera("b", 1), camera("c", 5)))
    assert [(each.name, each.fps, each.streams) for each in found.classes] == [("yolov8@5", 5, 2), ("yolov8@1", 1, 1)]
    assert [key.camera for key in found.streams["yolov8@5"]] == ["a", "c"]
    assert found.kbps == 3 * HD.kbps


def test_another_format_or_objective_is_another_class_with_a_name_of_its_own() -> None:
    strict = replace(camera("c"), objective=Objective(latency_ms=100))
    found = demand_of(with_cameras(camera("a"), camera("b", stream=SMALL), strict))
    assert [each.name for each in found.classes] == ["yolov8@4#1", "yolov8@4#2", "yolov8@4#3"]
    assert [each.objective.latency_ms for each in found.classes] == [500, 500, 100]


def test_a_camera_with_two_models_has_two_streams_and_counts_once() -> None:
    found = demand_of(with_cameras(replace(camera("a"), models=("yolov8", "other"))))
    assert [each.model for each in found.classes] == ["yolov8", "other"]
    assert found.cameras == 1


def test_a_camera_that_does_not_say_what_it_sends_is_not_guessed_at() -> None:
    silent = [camera(f"s{i}", stream=None) for i in range(7)]
    with pytest.raises(PlanError, match=r"s0, s1, s2, s3, s4 and 2 more without `stream`.*camslice probe"):
        demand_of(with_cameras(camera("a"), *silent))


def test_a_fleet_without_cameras_has_nothing_to_plan() -> None:
    with pytest.raises(PlanError, match="there is none"):
        demand_of(with_cameras())


@given(st.lists(st.tuples(st.sampled_from([1.0, 2.5, 5.0]), st.sampled_from([HD, SMALL])), min_size=1, max_size=30))
def test_every_stream_is_in_one_class_and_no_two_classes_share_a_name(kinds: list[tuple[float, StreamFormat]]) -> None:
    cameras = [camera(f"c{i}", fps, stream=stream) for i, (fps, stream) in enumerate(kinds)]
    found = demand_of(with_cameras(*cameras))
    held = [key.camera for keys in found.streams.values() for key in keys]
    assert sorted(held) == sorted(each.name for each in cameras)
    assert len({each.name for each in found.classes}) == len(found.classes) == len(set(kinds))
    assert all(each.streams == len(found.streams[each.name]) for each in found.classes)
