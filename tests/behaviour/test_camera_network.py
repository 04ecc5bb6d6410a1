"""Cameras behind http: what comes, what fails, and how they come back."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from camslice.fleet.types import Pace
from camslice.video.backoff import Backoff
from camslice.video.camera import Camera
from camslice.video.camera_state import CameraState
from camslice.video.frame import Frame
from camslice.video.sources.request import Timeouts
from tests.camera_recorder import PATIENCE_S, Recorder, running, spec_of
from tests.clips import jpegs, write_clip, write_h264
from tests.web_camera import WebCamera, silent_peer, web_camera

MS = 1_000_000
QUICK = Timeouts(open_s=1.0, read_s=1.0)


def camera(url: str, recorder: Recorder, fps: float = 50, pace: Pace = Pace.LIVE, **rest: object) -> Camera:
    backoff = Backoff(first_s=0.05, cap_s=0.2)
    return Camera(spec_of(url, fps, **rest), pace, recorder, timeouts=QUICK, backoff=backoff)


def endless_mjpeg(server: WebCamera, size: tuple[int, int]) -> Iterator[bytes]:
    return server.paced(itertools.cycle(jpegs(5, size)), 0.02)


def test_mjpeg_frames_are_captured_when_they_arrive() -> None:
    recorder = Recorder()
    with web_camera() as server:
        server.show_mjpeg("/live", lambda: endless_mjpeg(server, (160, 120)))
        with running(camera(server.url("/live"), recorder)):
            recorder.wait_for_frames(10)
    assert recorder.state is CameraState.LIVE
    stamps = [frame.stamp for frame in recorder.frames]
    assert all(stamp.pts_s is None and stamp.captured_ns <= stamp.decoded_ns for stamp in stamps)
    assert {frame.picture.width for frame in recorder.frames} == {160}


def test_a_camera_that_comes_back_with_another_picture_size_keeps_its_name_and_numbering() -> None:
    recorder = Recorder()
    with web_camera() as server:
        port = server.port
        server.show_mjpeg("/live", lambda: endless_mjpeg(server, (160, 120)))
        watched = camera(server.url("/live"), recorder)
        watched.start()
        recorder.wait_for_frames(5)
    recorder.wait_until(lambda told: told.state is CameraState.RECONNECTING and told.missed > 5)
    before = len(recorder.frames)
    with web_camera(port=port) as server:
        server.show_mjpeg("/live", lambda: endless_mjpeg(server, (320, 240)))
        recorder.wait_for_frames(before + 5)
        watched.stop()
        assert watched.join(PATIENCE_S)
    assert recorder.frames[0].picture.width == 160
    assert recorder.frames[-1].picture.width == 320
    assert [frame.stamp.sequence for frame in recorder.frames] == list(range(len(recorder.frames)))
    lived_s = (recorder.frames[-1].stamp.captured_ns - recorder.frames[0].stamp.captured_ns) / 1e9
    assert recorder.missed <= lived_s * 50, "no more was missed than fell due"


def test_a_wrong_password_is_the_reason_and_is_never_shown(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    recorder = Recorder()
    with web_camera() as server:
        server.password = "bob:sesame"
        server.show_mjpeg("/live", lambda: endless_mjpeg(server, (160, 120)))
        with running(camera(server.url("/live?token=t0psecret", "bob:hunter2"), recorder)):
            reason = recorder.wait_for_state(CameraState.RECONNECTING)
            recorder.wait_until(lambda told: told.missed >= 30)
        assert server.requests > 1, "it was tried again"
    assert "401" in reason
    told = " ".join(reason for _, reason in recorder.states) + caplog.text + "".join(capfd.readouterr())
    assert not [secret for secret in ("hunter2", "t0psecret") if secret in told]


def test_a_defect_is_logged_without_the_password(caplog: pytest.LogCaptureFixture) -> None:
    url = ""

    def broken(_: Frame) -> None:
        raise RuntimeError(f"cannot go on: {url}")

    recorder = Recorder(on_frame=broken)
    with web_camera() as server:
        server.show_mjpeg("/live", lambda: endless_mjpeg(server, (160, 120)))
        url = server.url("/live", "bob:hunter2")
        with running(camera(url, recorder)):
            recorder.wait_for_state(CameraState.FAILED)
    assert "cannot go on" in caplog.text
    assert "hunter2" not in caplog.text


def test_a_camera_that_accepts_the_password_later_comes_up() -> None:
    recorder = Recorder()
    with web_camera() as server:
        server.password = "bob:changed"
        server.show_mjpeg("/live", lambda: endless_mjpeg(server, (160, 120)))
        with running(camera(server.url("/live", "bob:sesame"), recorder)):
            recorder.wait_for_state(CameraState.RECONNECTING)
            server.password = "bob:sesame"
            recorder.wait_for_frames(3)
    assert recorder.state is CameraState.LIVE


@pytest.mark.parametrize(("path", "says"), [("/nowhere", "404"), ("/page", "no video")])
def test_what_the_server_says_is_the_reason(path: str, says: str) -> None:
    recorder = Recorder()
    with web_camera() as server:
        server.pages["/page"] = ("text/html", lambda: iter([b"<html>please log in</html>" * 100]))
        with running(camera(server.url(path), recorder)):
            assert says in recorder.wait_for_state(CameraState.RECONNECTING)


def test_a_starved_reader_shows_up_as_latency(tmp_path: Path) -> None:
    """A live transport stream at 25 frames/s whose reader is kept busy: what it then reads is old, and says so."""
    content = write_h264(tmp_path / "live.ts", frames=150, fps=25).read_bytes()
    size = len(content) // 150
    pieces = [content[start : start + size] for start in range(0, len(content), size)]
    recorder: Recorder

    def busy(sequence: int, server: WebCamera) -> None:
        if sequence == 30:
            server.closing.wait(1.2)

    with web_camera() as server:
        server.pages["/live"] = ("video/mp2t", lambda: server.paced(iter(pieces), 0.04))
        recorder = Recorder(on_frame=lambda frame: busy(frame.stamp.sequence, server))
        with running(camera(server.url("/live"), recorder, fps=25)):
            recorder.wait_for_frames(40)
    stamps = [frame.stamp for frame in recorder.frames[:40]]
    delays_ms = [(stamp.decoded_ns - stamp.captured_ns) / MS for stamp in stamps]
    assert delays_ms[31] > 800
    steps = [after.captured_ns - before.captured_ns for before, after in itertools.pairwise(stamps[25:35])]
    assert max(steps) < 200 * MS, "captured when the camera took it, not when it was read"


def test_a_peer_that_falls_silent_is_noticed() -> None:
    recorder = Recorder()
    with web_camera() as server:

        def a_few_then_silence() -> Iterator[bytes]:
            yield from jpegs(5, (160, 120))
            server.closing.wait(PATIENCE_S)

        server.show_mjpeg("/live", a_few_then_silence)
        with running(camera(server.url("/live"), recorder)):
            recorder.wait_for_frames(2)
            assert recorder.wait_for_state(CameraState.RECONNECTING) == "no answer in time"


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
def test_a_camera_blocked_on_a_silent_peer_can_be_stopped(scheme: str) -> None:
    recorder = Recorder()
    with silent_peer() as port:
        blocked = camera(f"{scheme}://127.0.0.1:{port}/live", recorder)
        blocked.start()
        recorder.wait_for_state(CameraState.STARTING)
        blocked.stop()
        assert blocked.join(PATIENCE_S)
    assert recorder.frames == []


def test_retries_that_fail_alike_are_told_once() -> None:
    recorder = Recorder()
    with web_camera() as server, running(camera(server.url("/nowhere"), recorder)):
        recorder.wait_until(lambda told: told.missed >= 30)
        assert server.requests > 1
    assert [state for state, _ in recorder.states] == [CameraState.STARTING, CameraState.RECONNECTING]


def test_a_usb_camera_that_is_not_plugged_in_is_waited_for() -> None:
    recorder = Recorder()
    with running(camera("usb:97", recorder)):
        recorder.wait_until(lambda told: told.missed >= 5)
    assert recorder.states[-1] == (CameraState.RECONNECTING, "/dev/video97: no such file or device")


def test_a_video_on_a_web_server_is_played_and_looped(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mkv", frames=5, fps=50)
    recorder = Recorder()
    with web_camera(tmp_path) as server, running(camera(server.url("/clip.mkv"), recorder)):
        recorder.wait_for_frames(12)
    steps = [after.stamp.captured_ns - before.stamp.captured_ns for before, after in itertools.pairwise(recorder.frames[:12])]
    assert steps == pytest.approx([20 * MS] * 11, abs=MS)
    assert CameraState.RECONNECTING not in [state for state, _ in recorder.states]


def test_a_video_on_a_web_server_is_analysed_once_at_pace_lossless(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mkv", frames=5)
    recorder = Recorder()
    with web_camera(tmp_path) as server, running(camera(server.url("/clip.mkv"), recorder, pace=Pace.LOSSLESS)) as played:
        assert played.join(PATIENCE_S)
    assert len(recorder.frames) == 5
    assert recorder.state is CameraState.ENDED


@pytest.mark.parametrize("ended", [True, False])
def test_hls_frames_come_at_their_own_rate(tmp_path: Path, ended: bool) -> None:
    """Segments arrive whole; the frames in them are not all captured at once."""
    playlist = write_hls(tmp_path, frames=50, fps=25)
    if not ended:
        playlist.write_text(playlist.read_text().replace("#EXT-X-ENDLIST\n", ""))
    recorder = Recorder()
    with web_camera(tmp_path) as server:
        watched = camera(server.url("/live.m3u8"), recorder, fps=25)
        watched.start()
        recorder.wait_for_frames(20)
        watched.stop()
        server.closing.set()
    assert watched.join(2 * PATIENCE_S)
    captured = [frame.stamp.captured_ns for frame in recorder.frames[:20]]
    assert [after - before for before, after in itertools.pairwise(captured)] == pytest.approx([40 * MS] * 19, abs=2 * MS)


def write_hls(folder: Path, frames: int, fps: int) -> Path:
    path = write_h264(folder / "whole.ts", frames=frames, fps=fps)
    playlist = folder / "live.m3u8"
    options = {"hls_time": "0.4", "hls_list_size": "0", "hls_segment_filename": str(folder / "part%03d.ts")}
    with av.open(str(path)) as source, av.open(str(playlist), "w", format="hls", options=options) as target:
        video = source.streams.video[0]
        copy = target.add_stream_from_template(video)
        for packet in source.demux(video):
            if packet.dts is not None:
                packet.stream = copy
                target.mux(packet)
    return playlist
