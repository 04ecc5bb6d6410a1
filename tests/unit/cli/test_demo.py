"""The demo's rate: high enough to impress, low enough to hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camslice.cli.demo_run import SHARE, at_rate, sustained_rate
from camslice.fleet.secrets import Source
from camslice.fleet.types import CameraSpec, Fleet, ModelSpec, Objective


@pytest.mark.parametrize(
    ("measured_fps", "cameras", "clip_fps", "rate"),
    [
        (100.0, 8, 10.0, 8.0),  # 8.75 each
        (1000.0, 8, 10.0, 10.0),  # the clip has no more
        (1000.0, 8, 7.0, 6.0),
        (1000.0, 1, None, 30.0),
        (2.0, 8, 25.0, 0.175),  # below every usual rate
        (100.0, 8, None, 8.0),
    ],
)
def test_the_rate_is_the_highest_usual_one_within_the_share(
    measured_fps: float, cameras: int, clip_fps: float | None, rate: float
) -> None:
    assert sustained_rate(measured_fps, cameras, clip_fps) == pytest.approx(rate)


@given(
    st.floats(0.01, 1e5),
    st.integers(1, 256),
    st.one_of(st.none(), st.floats(1.0, 120.0)),
)
def test_the_rate_is_above_zero_and_never_more_than_the_machine_or_the_clip_has(
    measured_fps: float, cameras: int, clip_fps: float | None
) -> None:
    rate = sustained_rate(measured_fps, cameras, clip_fps)
    assert 0 < rate <= measured_fps * SHARE / cameras
    assert clip_fps is None or rate <= clip_fps


def test_every_camera_gets_the_rate() -> None:
    source = Source("clip.mp4", "clip.mp4")
    cameras = tuple(CameraSpec(f"camera-{number}", source, 1.0, ("people",)) for number in (1, 2))
    fleet = Fleet(Objective(), {"people": ModelSpec("people", "tiny")}, cameras)
    changed = at_rate(fleet, 6.0)
    assert [(camera.name, camera.fps) for camera in changed.cameras] == [("camera-1", 6.0), ("camera-2", 6.0)]
    assert changed.models == fleet.models
