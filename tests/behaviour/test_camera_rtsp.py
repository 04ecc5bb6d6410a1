"""RTSP cameras, against a real server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from camslice.fleet.types import Pace
from camslice.video.backoff import Backoff
from camslice.video.camera import Camera
from camslice.video.camera_state import CameraState
from tests.camera_recorder import Recorder, running, spec_of
from tests.clips import write_clip
from tests.rtsp import RtspServer, need_rtsp_server


@pytest.fixture(scope="module", autouse=True)
def _server_is_there() -> None:
    need_rtsp_server()


@contextmanager
def watching(url: str, fps: float = 5, **rest: object) -> Iterator[Recorder]:
    recorder = Recorder()
    backoff = Backoff(first_s=0.05, cap_s=0.3)
    with running(Camera(spec_of(url, fps), Pace.LIVE, recorder, backoff=backoff, **rest)):  # type: ignore[arg-type] # keywords
        yield recorder


def test_frames_are_due_at_the_wanted_rate_and_captured_before_they_arrive() -> None:
    with RtspServer(size="320x240", fps=15) as server, watching(server.url()) as recorder:
        recorder.wait_for_frames(10)
    stamps = [frame.stamp for frame in recorder.frames]
    assert all(stamp.captured_ns <= stamp.decoded_ns for stamp in stamps)
    assert recorder.decoded >= 2 * len(stamps), "15 come for 5 that are due"
    rate = (len(stamps) - 1) / ((stamps[-1].captured_ns - stamps[0].captured_ns) / 1e9)
    assert rate == pytest.approx(5, abs=0.7)


def test_cameras_come_back_with_another_picture_size_and_the_time_down_is_counted(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "other.avi", frames=20, fps=20)
    with ExitStack() as stack:
        server = stack.enter_context(RtspServer(size="320x240", streams=2))
        cameras = [stack.enter_context(watching(server.url(number))) for number in (1, 2)]
        other = stack.enter_context(watching(str(clip), fps=20))
        for camera in cameras:
            camera.wait_for_frames(3)
        server.kill()
        for camera in cameras:
            camera.wait_until(lambda told: told.state is CameraState.RECONNECTING and told.missed >= 3)
        counted = [len(camera.frames) for camera in cameras]
        other.wait_for_frames(len(other.frames) + 10)
        again = stack.enter_context(RtspServer(size="640x360", streams=2, port=server.port))
        assert again.port == server.port
        for camera, before in zip(cameras, counted, strict=True):
            camera.wait_for_frames(before + 5)
    for camera in cameras:
        widths = [frame.picture.width for frame in camera.frames]
        assert (widths[0], widths[-1]) == (320, 640)
        lived_s = (camera.frames[-1].stamp.captured_ns - camera.frames[0].stamp.captured_ns) / 1e9
        assert len(camera.frames) + camera.missed == pytest.approx(lived_s * 5 + 1, abs=3)
    assert other.missed == 0
    assert [state for state, _ in other.states] == [CameraState.STARTING, CameraState.LIVE]


def test_a_wrong_password_is_the_reason_and_is_not_shown() -> None:
    with RtspServer(size="320x240", password="sesame") as server:
        with watching(server.url(credentials="bob:hunter2")) as recorder:
            reason = recorder.wait_for_state(CameraState.RECONNECTING)
        assert reason.startswith("401")
        assert "hunter2" not in reason
        with watching(server.url(credentials="bob:sesame")) as recorder:
            recorder.wait_for_frames(2)


def test_packets_go_to_the_ring_as_well_as_to_the_decoder() -> None:
    recorder = Recorder()
    with RtspServer(size="320x240") as server:
        camera = Camera(spec_of(server.url(), 5), Pace.LIVE, recorder, ring_bytes=2_000_000)
        with running(camera):
            recorder.wait_for_frames(5)
            assert camera.ring is not None
            held = camera.ring.snapshot()
    assert held[0].is_keyframe
    assert len(held) >= 10
    assert 0 < camera.ring.held_bytes <= 2_000_000
