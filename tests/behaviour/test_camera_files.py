"""Cameras that play files, folders of pictures and drawn scenes."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from camslice.fleet.geometry import Letterbox, Region
from camslice.fleet.types import Pace
from camslice.video.camera import Camera, Clocks
from camslice.video.camera_state import CameraState
from camslice.video.frame import Frame
from camslice.video.slot import I420Slot
from tests.camera_recorder import PATIENCE_S, Recorder, running, spec_of
from tests.clips import jpegs, write_clip, write_h264

MS = 1_000_000


def play_through(source: str | Path, fps: float = 10.0, **rest: object) -> Recorder:
    """Analyse the source once, at pace `lossless`."""
    recorder = Recorder()
    with running(Camera(spec_of(source, fps, **rest), Pace.LOSSLESS, recorder)) as camera:
        assert camera.join(PATIENCE_S)
    return recorder


def luma(frame: Frame, side: int = 32) -> np.ndarray:
    half = np.zeros((side // 2, side // 2), np.uint8)
    slot = I420Slot(np.zeros((side, side), np.uint8), half, half.copy(), np.zeros((3, 4), np.float32))
    region = Region(0, 0, frame.picture.width, frame.picture.height)
    frame.picture.scale_into(slot, Letterbox(region, side, side, 0, 0, side, side))
    return slot.y


def hold(released: threading.Event) -> None:
    released.wait(0.5)


def consume(ticks: Iterator[int], number: int) -> None:
    for _ in range(number):
        next(ticks)


def steps_ms(recorder: Recorder) -> list[float]:
    captured = [frame.stamp.captured_ns for frame in recorder.frames]
    return [(after - before) / MS for before, after in itertools.pairwise(captured)]


def test_at_pace_lossless_every_frame_is_analysed_once_and_the_camera_ends(tmp_path: Path) -> None:
    recorder = play_through(write_clip(tmp_path / "a.avi", frames=20))
    assert [frame.stamp.sequence for frame in recorder.frames] == list(range(20))
    assert [frame.stamp.pts_s for frame in recorder.frames] == pytest.approx([k / 10 for k in range(20)])
    assert recorder.decoded == 20
    assert [state for state, _ in recorder.states] == [CameraState.STARTING, CameraState.LIVE, CameraState.ENDED]


def test_at_pace_lossless_the_same_frames_come_each_time(tmp_path: Path) -> None:
    clip = write_h264(tmp_path / "a.mp4", frames=25, fps=25, b_frames=2)
    first, second = play_through(clip, fps=4), play_through(clip, fps=4)
    assert [f.stamp.pts_s for f in first.frames] == [f.stamp.pts_s for f in second.frames] == [0.0, 0.24, 0.48, 0.76]
    for one, other in zip(first.frames, second.frames, strict=True):
        assert (luma(one) == luma(other)).all()


def test_at_pace_lossless_a_frame_is_captured_when_it_is_taken(tmp_path: Path) -> None:
    """While the listener makes the decoder wait, the next frame does not grow old."""
    taken = iter(range(1000, 10_000_000))
    clocks = Clocks(monotonic_ns=lambda: next(taken))
    recorder = Recorder(on_frame=lambda _: consume(taken, 500))
    with running(Camera(spec_of(write_clip(tmp_path / "a.avi")), Pace.LOSSLESS, recorder, clocks=clocks)) as camera:
        assert camera.join(PATIENCE_S)
    assert all(0 < frame.stamp.decoded_ns - frame.stamp.captured_ns < 10 for frame in recorder.frames)


@pytest.mark.parametrize("b_frames", [0, 2])
def test_at_pace_live_frames_are_captured_on_schedule(tmp_path: Path, b_frames: int) -> None:
    recorder = Recorder()
    clip = write_h264(tmp_path / "a.mp4", frames=12, fps=20, b_frames=b_frames)
    with running(Camera(spec_of(clip, 20, loop=False), Pace.LIVE, recorder)):
        recorder.wait_for_state(CameraState.ENDED)
    assert len(recorder.frames) == 12
    assert steps_ms(recorder) == pytest.approx([50.0] * 11, abs=1)
    assert all(frame.stamp.decoded_ns >= frame.stamp.captured_ns for frame in recorder.frames)


def test_a_loop_goes_on_in_time_and_number(tmp_path: Path) -> None:
    recorder = Recorder()
    with running(Camera(spec_of(write_clip(tmp_path / "a.avi", frames=5, fps=50), 50), Pace.LIVE, recorder)):
        recorder.wait_for_frames(23)
    assert steps_ms(recorder)[:22] == pytest.approx([20.0] * 22, abs=1)
    assert [frame.stamp.sequence for frame in recorder.frames[:23]] == list(range(23))
    assert [frame.stamp.pts_s for frame in recorder.frames[:23]] == pytest.approx([k / 50 for k in range(23)])


@pytest.mark.parametrize("name", ["a.avi", "a.mp4", "a.mkv", "a.ts"])
def test_every_container_can_be_looped(tmp_path: Path, name: str) -> None:
    recorder = Recorder()
    clip = write_clip(tmp_path / name, frames=5, fps=50)
    with running(Camera(spec_of(clip, 50, loop=True), Pace.LOSSLESS, recorder)):
        recorder.wait_for_frames(17)
    assert (luma(recorder.frames[0]) == luma(recorder.frames[5])).all()
    assert (luma(recorder.frames[1]) != luma(recorder.frames[5])).any()


def test_a_stream_without_time_stamps_can_be_looped(tmp_path: Path) -> None:
    recorder = Recorder()
    clip = write_h264(tmp_path / "a.h264", frames=5, fps=25)
    with running(Camera(spec_of(clip, 25, loop=True), Pace.LOSSLESS, recorder)):
        recorder.wait_for_frames(17)
    times = [frame.stamp.pts_s or 0.0 for frame in recorder.frames[:17]]
    assert all(after > before for before, after in itertools.pairwise(times))


def test_playback_fps_replaces_the_files_own_rate(tmp_path: Path) -> None:
    recorder = Recorder()
    clip = write_clip(tmp_path / "a.avi", frames=10, fps=1)
    with running(Camera(spec_of(clip, 50, loop=False, playback_fps=50.0), Pace.LIVE, recorder)):
        recorder.wait_for_state(CameraState.ENDED)
    assert steps_ms(recorder) == pytest.approx([20.0] * 9, abs=1)


def test_frames_are_due_by_capture_time_not_by_counting(tmp_path: Path) -> None:
    """A camera that sends 20 frames/s and then 5: at 5 frames/s wanted, all of the second part is due."""
    times = [k / 20 for k in range(20)] + [1 + k / 5 for k in range(5)]
    recorder = play_through(write_clip(tmp_path / "a.mkv", frames=25, times=times), fps=5)
    due = [frame.stamp.pts_s for frame in recorder.frames]
    assert due == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1, 1.2, 1.4, 1.6, 1.8], abs=0.002)
    assert recorder.decoded == 25


def test_a_listener_that_keeps_the_thread_waiting_shows_up_as_latency(tmp_path: Path) -> None:
    released = threading.Event()
    recorder = Recorder(on_frame=lambda frame: hold(released) if frame.stamp.sequence == 1 else None)
    with running(Camera(spec_of(write_clip(tmp_path / "a.avi", frames=20, fps=20), 20), Pace.LIVE, recorder)):
        recorder.wait_for_frames(6)
    assert steps_ms(recorder)[:5] == pytest.approx([50.0] * 5, abs=1), "the schedule is kept"
    late = recorder.frames[2].stamp
    assert late.decoded_ns - late.captured_ns > 300 * MS, "0.5 s held, less the two steps of the schedule that it had left"


def test_utc_and_monotonic_stamps_tell_the_same_instant(tmp_path: Path) -> None:
    clocks = Clocks(utc_s=lambda: 1_700_000_000.0)
    recorder = Recorder()
    with running(Camera(spec_of(write_clip(tmp_path / "a.avi"), loop=False), Pace.LOSSLESS, recorder, clocks=clocks)) as camera:
        assert camera.join(PATIENCE_S)
    stamps = [frame.stamp for frame in recorder.frames]
    bases = [stamp.captured_at_s - stamp.captured_ns / 1e9 for stamp in stamps]
    assert max(bases) - min(bases) < 1e-5
    assert stamps[0].captured_at_s == pytest.approx(1_700_000_000, abs=PATIENCE_S)


def test_numbering_continues_where_the_process_before_ended(tmp_path: Path) -> None:
    recorder = Recorder()
    clip = write_clip(tmp_path / "a.avi", frames=3)
    with running(Camera(spec_of(clip), Pace.LOSSLESS, recorder, first_sequence=70)) as camera:
        assert camera.join(PATIENCE_S)
    assert [frame.stamp.sequence for frame in recorder.frames] == [70, 71, 72]


def test_everything_is_told_by_one_thread_and_nothing_after_stop(tmp_path: Path) -> None:
    camera: Camera
    recorder = Recorder(on_frame=lambda frame: camera.stop() if frame.stamp.sequence == 2 else None)
    camera = Camera(spec_of(write_clip(tmp_path / "a.avi")), Pace.LOSSLESS, recorder)
    camera.start()
    assert camera.join(PATIENCE_S)
    assert len(recorder.threads) == 1
    assert recorder.threads != {threading.get_ident()}
    assert [frame.stamp.sequence for frame in recorder.frames] == [0, 1, 2]
    assert recorder.state is CameraState.LIVE


def test_a_glob_plays_its_files_in_the_order_of_their_names(tmp_path: Path) -> None:
    write_clip(tmp_path / "b.avi", frames=3, size=(64, 48))
    write_clip(tmp_path / "a.mp4", frames=4, size=(160, 120))
    (tmp_path / "c.avi").write_bytes(b"not a video at all")
    recorder = play_through(tmp_path / "*.*")
    assert [frame.picture.width for frame in recorder.frames] == [160] * 4 + [64] * 3
    assert [frame.stamp.pts_s for frame in recorder.frames] == pytest.approx([k / 10 for k in range(7)])
    assert recorder.state is CameraState.ENDED


def test_a_folder_of_pictures_is_shown_at_the_cameras_rate(tmp_path: Path) -> None:
    for k, jpeg in enumerate(jpegs(4, (64 + 16, 48))):
        (tmp_path / f"{k}.jpg").write_bytes(jpeg)
    (tmp_path / "2.jpg").write_bytes(b"broken")
    (tmp_path / "notes.txt").write_text("not shown")
    recorder = play_through(tmp_path, fps=5)
    assert [frame.stamp.pts_s for frame in recorder.frames] == pytest.approx([0, 0.2, 0.6])
    assert recorder.corrupt == 1
    assert recorder.state is CameraState.ENDED


def test_a_single_picture_is_shown_again_and_again(tmp_path: Path) -> None:
    path = tmp_path / "gate.jpg"
    path.write_bytes(next(jpegs(1, (64, 48))))
    recorder = Recorder()
    with running(Camera(spec_of(path, 50), Pace.LIVE, recorder)):
        recorder.wait_for_frames(3)
    assert steps_ms(recorder)[:2] == pytest.approx([20, 20], abs=1)


def test_a_scene_is_a_camera() -> None:
    recorder = play_through("scene://people?seed=4&size=160x120&fps=20&people=2&seconds=1", fps=5)
    assert len(recorder.frames) == 5
    assert recorder.decoded == 20
    assert (recorder.frames[0].picture.width, recorder.frames[0].picture.height) == (160, 120)
    assert (luma(recorder.frames[0]) != luma(recorder.frames[4])).any()


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("missing.mp4", None, "no such file"),
        ("notes.mp4", b"these are notes, no video, and long enough to be looked at" * 50, "not a video"),
        ("notes.txt", b"a text file that FFmpeg would draw\n" * 50, "video"),
        ("empty.mp4", b"", "not a video"),
    ],
)
def test_a_file_that_is_no_video_fails_with_one_sentence(tmp_path: Path, name: str, content: bytes | None, says: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    recorder = Recorder()
    with running(Camera(spec_of(path), Pace.LIVE, recorder)) as camera:
        assert camera.join(PATIENCE_S), "the thread ends: only the user can mend this"
    assert recorder.state is CameraState.FAILED
    assert name in recorder.states[-1][1]
    assert says in recorder.states[-1][1]


def test_a_sound_file_fails_with_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "bell.wav"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        frame.sample_rate = 8000
        output.mux(stream.encode(frame))
    recorder = play_through(path)
    assert recorder.states[-1] == (CameraState.FAILED, f"{path} holds no video; give a video file")


def test_a_defect_of_the_listener_stops_the_camera_visibly(tmp_path: Path) -> None:
    def broken(_: Frame) -> None:
        raise RuntimeError("secret inner workings")

    recorder = Recorder(on_frame=broken)
    with running(Camera(spec_of(write_clip(tmp_path / "a.avi")), Pace.LIVE, recorder)) as camera:
        assert camera.join(PATIENCE_S)
    assert recorder.states[-1] == (CameraState.FAILED, "stopped by a defect of camslice: RuntimeError")
