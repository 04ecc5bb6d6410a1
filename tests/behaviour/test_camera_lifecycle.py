"""Adding and removing cameras leaves nothing behind."""

from __future__ import annotations

import gc
import threading
from pathlib import Path

import pytest

from camslice.fleet.types import Pace
from camslice.video.camera import Camera
from tests.camera_recorder import PATIENCE_S, Recorder, running, spec_of
from tests.clips import jpegs, write_clip
from tests.web_camera import web_camera


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("kind", ["file", "network"])
def test_a_hundred_cameras_come_and_go_without_a_trace(tmp_path: Path, kind: str) -> None:
    clip = write_clip(tmp_path / "a.avi", frames=10, size=(64, 48))
    with web_camera() as server:
        server.show_mjpeg("/live", lambda: server.paced(iter(list(jpegs(200, (64, 48)))), 0.005))
        source = str(clip) if kind == "file" else server.url("/live")
        before: tuple[int, int] | None = None
        for cycle in range(100):
            recorder = Recorder()
            with running(Camera(spec_of(source, 100), Pace.LIVE, recorder)):
                recorder.wait_for_frames(1)
            if cycle == 4:
                before = threading.active_count(), open_files()
        del recorder
        gc.collect()
        # The server has a thread and a socket for the connection that was just closed, at most for a moment.
        settled = threading.Event()
        for _ in range(100):
            now = threading.active_count(), open_files()
            if before is not None and now[0] <= before[0] and now[1] <= before[1]:
                break
            settled.wait(0.05)
        assert before is not None
        assert now[0] <= before[0]
        assert now[1] <= before[1]


def test_a_camera_that_is_stopped_before_it_opened_ends(tmp_path: Path) -> None:
    recorder = Recorder()
    camera = Camera(spec_of(write_clip(tmp_path / "a.avi")), Pace.LIVE, recorder)
    camera.stop()
    camera.start()
    assert camera.join(PATIENCE_S)
    assert recorder.frames == []


def test_stop_may_be_asked_twice_and_wakes_a_camera_that_waits_for_its_next_frame(tmp_path: Path) -> None:
    recorder = Recorder()
    camera = Camera(spec_of(write_clip(tmp_path / "slow.mkv", frames=3, times=[0.0, 8.0, 16.0])), Pace.LIVE, recorder)
    camera.start()
    recorder.wait_for_frames(1)
    camera.stop()
    camera.stop()
    assert camera.join(PATIENCE_S)
    assert len(recorder.frames) == 1
