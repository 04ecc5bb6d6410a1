"""Cameras decode only what due frames need, and what is analysed stays the same."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from camslice.fleet.errors import SourceError
from camslice.fleet.geometry import Letterbox, Region
from camslice.fleet.secrets import Source
from camslice.fleet.types import Decoder, Decoding, Pace
from camslice.video.camera import Camera
from camslice.video.camera_state import CameraState
from camslice.video.frame import Frame
from camslice.video.slot import I420Slot
from camslice.video.snapshot import take_snapshot
from camslice.video.sources.hardware import why_not
from tests.camera_recorder import PATIENCE_S, Recorder, running, spec_of
from tests.clips import write_clip
from tests.rtsp import RtspServer, need_rtsp_server

GROUPS = {
    "each from the one before": {"preset": "ultrafast", "bf": "0", "x264-params": "scenecut=0:keyint=20"},
    "B-frames": {"preset": "ultrafast", "bf": "2", "x264-params": "scenecut=0:keyint=20:b-adapt=0"},
    "B-frames that others refer to": {"preset": "fast", "bf": "3", "x264-params": "scenecut=0:keyint=20:b-adapt=0"},
    "H.265, each from the one before": {"preset": "ultrafast", "x265-params": "log-level=none:bframes=0:keyint=20:scenecut=0"},
    "H.265, B-frames": {"preset": "ultrafast", "x265-params": "log-level=none:bframes=3:keyint=20:scenecut=0"},
    "open groups": {"preset": "fast", "bf": "3", "x264-params": "scenecut=0:keyint=20:b-adapt=0:open-gop=1"},
}


def luma_hash(frame: Frame) -> str:
    """Of every luma sample, unscaled: the slot is as large as the picture."""
    width, height = frame.picture.width, frame.picture.height
    half = np.zeros((height // 2, width // 2), np.uint8)
    slot = I420Slot(np.zeros((height, width), np.uint8), half, half.copy(), np.zeros((3, 4), np.float32))
    frame.picture.scale_into(slot, Letterbox(Region(0, 0, width, height), width, height, 0, 0, width, height))
    return hashlib.sha256(slot.y.tobytes()).hexdigest()


def analysed(recorder: Recorder) -> list[tuple[float | None, str]]:
    return [(frame.stamp.pts_s, luma_hash(frame)) for frame in recorder.frames]


def play(clip: Path, fps: float, **rest: object) -> Recorder:
    recorder = Recorder()
    with running(Camera(spec_of(clip, fps, **rest), Pace.LOSSLESS, recorder)) as camera:
        assert camera.join(PATIENCE_S)
    return recorder


def clip_of(folder: Path, options: dict[str, str], frames: int = 75) -> Path:
    codec = "libx265" if "x265-params" in options else "libx264"
    return write_clip(folder / "a.mp4", frames=frames, fps=25, codec=codec, options=options)


@pytest.mark.parametrize("fps", [0.7, 1.0, 5.0, 12.0])
@pytest.mark.parametrize("group", GROUPS)
def test_the_analysed_frames_are_the_same_as_with_everything_decoded(tmp_path: Path, group: str, fps: float) -> None:
    clip = clip_of(tmp_path, GROUPS[group])
    everything, needed = play(clip, fps, decode=Decoding.ALL), play(clip, fps)
    assert analysed(needed) == analysed(everything)
    assert (everything.decoded, everything.skipped) == (75, 0)
    assert needed.decoded + needed.skipped == 75
    assert needed.skipped > 0


def test_at_pace_live_the_same_frames_are_analysed_at_the_same_instants(tmp_path: Path) -> None:
    clip = clip_of(tmp_path, GROUPS["B-frames that others refer to"])
    recorders = {decode: Recorder() for decode in (Decoding.ALL, Decoding.NEEDED)}
    for decode, recorder in recorders.items():
        spec = spec_of(clip, 5.0, decode=decode, loop=False, playback_fps=50.0)
        with running(Camera(spec, Pace.LIVE, recorder)):
            recorder.wait_for_state(CameraState.ENDED)
    first = {decode: recorder.frames[0].stamp.captured_ns for decode, recorder in recorders.items()}
    instants = {
        decode: [round((frame.stamp.captured_ns - first[decode]) / 1e6) for frame in recorder.frames]
        for decode, recorder in recorders.items()
    }
    assert analysed(recorders[Decoding.NEEDED]) == analysed(recorders[Decoding.ALL])
    assert instants[Decoding.NEEDED] == instants[Decoding.ALL]
    assert recorders[Decoding.NEEDED].skipped > 20
    assert recorders[Decoding.NEEDED].missed == 0


def test_a_loop_goes_on_over_its_seam(tmp_path: Path) -> None:
    clip = clip_of(tmp_path, GROUPS["each from the one before"], frames=30)
    recorder = Recorder()
    with running(Camera(spec_of(clip, 5.0, playback_fps=200.0, loop=True), Pace.LIVE, recorder)):
        recorder.wait_for_frames(8)
    steps = np.diff([frame.stamp.captured_ns for frame in recorder.frames]) / 1e6
    assert (np.abs(steps - 200) < 6).all(), "an instant goes to the frame nearest to it"


def test_with_key_frames_only_those_are_analysed_where_they_come_often_enough(tmp_path: Path) -> None:
    options = {"preset": "ultrafast", "bf": "0", "x264-params": "scenecut=0:keyint=10:min-keyint=10"}
    clip = clip_of(tmp_path, options, frames=150)
    recorder = play(clip, 1.0, decode=Decoding.KEY_FRAMES)
    places = [round((frame.stamp.pts_s or 0) * 25) for frame in recorder.frames]
    assert all(place % 10 == 0 for place in places)
    assert len(places) == 6
    assert recorder.decoded < 30


def test_motion_jpeg_is_decoded_only_where_it_is_due(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.avi", frames=50, fps=25, codec="mjpeg", pixel_format="yuvj420p")
    needed, everything = play(clip, 5.0), play(clip, 5.0, decode=Decoding.ALL)
    assert (needed.decoded, needed.skipped) == (10, 40)
    assert analysed(needed) == analysed(everything)


def test_a_live_camera_leaves_out_what_it_does_not_need() -> None:
    need_rtsp_server()
    recorder = Recorder()
    with RtspServer(size="320x240", fps=15) as server, running(Camera(spec_of(server.url(), 0.5), Pace.LIVE, recorder)):
        recorder.wait_for_frames(3)
    assert recorder.missed == 0
    assert recorder.decoded + recorder.skipped >= 45


def test_the_substream_is_what_is_analysed_and_the_source_is_not_opened(tmp_path: Path) -> None:
    small = write_clip(tmp_path / "small.avi", frames=10, size=(160, 120))
    recorder = play(tmp_path / "is not there.mp4", 5.0, substream=Source(str(small), str(small)))
    assert {(frame.picture.width, frame.picture.height) for frame in recorder.frames} == {(160, 120)}


def test_a_password_of_the_substream_is_never_shown() -> None:
    address = "rtsp://bob:hunter2@127.0.0.1:1/small"
    recorder = Recorder()
    spec = spec_of("rtsp://127.0.0.1:1/large", 5.0, substream=Source(address, address))
    with running(Camera(spec, Pace.LIVE, recorder)):
        recorder.wait_for_state(CameraState.RECONNECTING)
    assert "hunter2" not in repr(recorder.states) + repr(spec)
    assert spec.scrub(f"cannot open {address}") == "cannot open rtsp://***@127.0.0.1:1/small"


@pytest.mark.parametrize("decoder", [Decoder.CUDA, Decoder.VAAPI])
def test_without_the_device_a_camera_is_decoded_in_software_and_says_so(tmp_path: Path, decoder: Decoder) -> None:
    if not why_not(decoder):
        pytest.skip(f"this machine has a {decoder} device")
    clip = clip_of(tmp_path, GROUPS["B-frames"])
    recorder = play(clip, 5.0, decoder=decoder)
    assert analysed(recorder) == analysed(play(clip, 5.0))
    assert recorder.wait_for_state(CameraState.LIVE) == f"decoded in software: {why_not(decoder)}"


def test_auto_takes_software_without_a_word_where_there_is_no_device(tmp_path: Path) -> None:
    if not all(why_not(decoder) for decoder in (Decoder.CUDA, Decoder.VAAPI)):
        pytest.skip("this machine has a device")
    recorder = play(clip_of(tmp_path, GROUPS["B-frames"]), 5.0, decoder=Decoder.AUTO)
    assert recorder.wait_for_state(CameraState.LIVE) == ""


def test_a_snapshot_is_taken_of_the_main_stream_at_its_full_size() -> None:
    need_rtsp_server()
    with RtspServer(size="640x360", fps=15, streams=1) as large, RtspServer(size="320x240", fps=15) as small:
        spec = spec_of(large.url(), 5.0, substream=Source(small.url(), small.url()))
        recorder = Recorder()
        with running(Camera(spec, Pace.LIVE, recorder)):
            recorder.wait_for_frames(2)
            snapshot = take_snapshot(spec)
    assert {frame.picture.width for frame in recorder.frames} == {320}
    assert (snapshot.width, snapshot.height) == (640, 360)
    assert cv2.imdecode(np.frombuffer(snapshot.jpeg, np.uint8), cv2.IMREAD_COLOR).shape == (360, 640, 3)  # type: ignore[union-attr] # it decodes


def test_no_snapshot_is_taken_where_it_would_not_show_what_is_now(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.avi")
    with pytest.raises(SourceError, match="snapshots are taken of cameras on the network"):
        take_snapshot(spec_of(clip))


def test_a_snapshot_that_fails_shows_no_password() -> None:
    with pytest.raises(SourceError) as raised:
        take_snapshot(spec_of("rtsp://bob:hunter2@127.0.0.1:1/large"), longest_s=2.0)
    assert "hunter2" not in str(raised.value)
    assert "connection refused" in str(raised.value)
