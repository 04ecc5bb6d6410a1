"""When an operator should look at a camera."""

from __future__ import annotations

from dataclasses import replace

import pytest

from camslice.fleet.accounting import FrameCounts
from camslice.fleet.types import Objective
from camslice.video.camera_state import CameraState
from camslice.web.trouble import troubles_of
from tests.fake_fleet import FakeFleet

OBJECTIVE = Objective(latency_ms=500.0, drop_rate=0.01)
CALM = FrameCounts(captured=300, analysed=300)
STATUS = FakeFleet(["gate"]).status()
CAMERA, STREAM = STATUS.cameras[0], STATUS.streams[0]


def test_a_live_camera_within_the_objective_is_well() -> None:
    assert troubles_of(CAMERA, [STREAM], CALM, OBJECTIVE) == []


@pytest.mark.parametrize("state", [CameraState.FAILED, CameraState.RECONNECTING])
def test_a_camera_that_is_down_says_why(state: CameraState) -> None:
    camera = replace(CAMERA, state=state, reason="10.0.0.7 refused the connection")
    assert [trouble.sentence for trouble in troubles_of(camera, [STREAM], CALM, OBJECTIVE)] == [camera.reason]


@pytest.mark.parametrize("state", [CameraState.STARTING, CameraState.ENDED])
def test_a_camera_that_starts_or_has_ended_is_in_no_trouble(state: CameraState) -> None:
    late = replace(STREAM, recent_p95_ms=9000.0, age_ms=1e9)
    assert troubles_of(replace(CAMERA, state=state), [late], FrameCounts(captured=9, stale=9), OBJECTIVE) == []


@pytest.mark.parametrize(("p95_ms", "late"), [(None, False), (500.0, False), (501.0, True)])
def test_a_p95_above_the_objective_is_trouble(p95_ms: float | None, late: bool) -> None:
    kinds = [trouble.kind for trouble in troubles_of(CAMERA, [replace(STREAM, recent_p95_ms=p95_ms)], CALM, OBJECTIVE)]
    assert kinds == (["latency"] if late else [])


@pytest.mark.parametrize(("stale", "dropping"), [(0, False), (3, False), (4, True)])
def test_more_drops_than_allowed_are_trouble(stale: int, dropping: bool) -> None:
    minute = FrameCounts(captured=300, analysed=300 - stale, stale=stale)
    kinds = [trouble.kind for trouble in troubles_of(CAMERA, [STREAM], minute, OBJECTIVE)]
    assert kinds == (["drops"] if dropping else [])


@pytest.mark.parametrize(
    ("fps", "age_ms", "stalled"), [(5.0, 5000, False), (5.0, 5500, True), (0.1, 20_000, False), (0.1, 26_000, True)]
)
def test_a_live_camera_of_which_nothing_is_analysed_has_stalled(fps: float, age_ms: float, stalled: bool) -> None:
    camera, stream = replace(CAMERA, fps=fps), replace(STREAM, age_ms=age_ms)
    kinds = [trouble.kind for trouble in troubles_of(camera, [stream], CALM, OBJECTIVE)]
    assert kinds == (["stalled"] if stalled else [])


def test_the_worst_of_two_models_counts() -> None:
    late = replace(STREAM, recent_p95_ms=612.0)
    [trouble] = troubles_of(CAMERA, [STREAM, late], CALM, OBJECTIVE)
    assert trouble.sentence == "p95 612 ms, 500 ms allowed"
