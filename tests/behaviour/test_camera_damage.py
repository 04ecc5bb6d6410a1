"""Cameras whose stream is damaged or changes while it runs."""

from __future__ import annotations

import random
from pathlib import Path

import av
import pytest

from camslice.fleet.types import Pace
from camslice.video.camera import Camera
from camslice.video.camera_state import CameraState
from tests.camera_recorder import PATIENCE_S, Recorder, running, spec_of
from tests.clips import write_clip, write_h264


def play_through(source: Path, fps: float = 10.0) -> Recorder:
    recorder = Recorder()
    with running(Camera(spec_of(source, fps), Pace.LOSSLESS, recorder)) as camera:
        assert camera.join(PATIENCE_S)
    return recorder


def damage(clip: Path, packets: set[int], seed: int = 1) -> Path:
    """The clip with the contents of these packets replaced by noise."""
    noise = random.Random(seed)
    damaged = clip.with_stem("damaged")
    with av.open(str(clip)) as source, av.open(str(damaged), "w") as target:
        video = source.streams.video[0]
        copy = target.add_stream_from_template(video)
        for number, packet in enumerate(source.demux(video)):
            if packet.dts is None:
                continue
            if number in packets:
                broken = av.Packet(noise.randbytes(packet.size))
                broken.pts, broken.dts, broken.time_base = packet.pts, packet.dts, packet.time_base
                packet = broken  # noqa: PLW2901
            packet.stream = copy
            target.mux(packet)
    return damaged


@pytest.mark.parametrize("codec", ["mjpeg", "libx264"])
def test_corrupt_packets_are_counted_and_the_rest_is_analysed(tmp_path: Path, codec: str) -> None:
    pixel_format = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    options = {"bf": "0"} if codec == "libx264" else {}
    clip = write_clip(tmp_path / "whole.mkv", frames=20, codec=codec, pixel_format=pixel_format, options=options)
    recorder = play_through(damage(clip, {3, 11}))
    assert recorder.corrupt >= 2
    assert len(recorder.frames) >= 10
    assert recorder.frames[-1].stamp.pts_s == pytest.approx(1.9)
    assert recorder.state is CameraState.ENDED


def test_a_video_of_which_nothing_can_be_decoded_fails_instead_of_looping_for_ever(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "whole.mkv", frames=10, codec="mjpeg", pixel_format="yuvj420p")
    recorder = Recorder()
    with running(Camera(spec_of(damage(clip, set(range(10)))), Pace.LIVE, recorder)) as camera:
        assert camera.join(PATIENCE_S)
    assert recorder.state is CameraState.FAILED
    assert "no frame that can be decoded" in recorder.states[-1][1]


def test_a_file_that_was_cut_off_is_played_as_far_as_it_goes(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "whole.ts", frames=30)
    cut = tmp_path / "cut.ts"
    cut.write_bytes(clip.read_bytes()[: clip.stat().st_size * 2 // 3])
    recorder = play_through(cut)
    assert 10 <= len(recorder.frames) < 30
    assert recorder.state is CameraState.ENDED


def test_a_picture_that_changes_its_size_in_mid_stream_keeps_coming(tmp_path: Path) -> None:
    small = write_h264(tmp_path / "small.h264", frames=6, size=(160, 120))
    large = write_h264(tmp_path / "large.h264", frames=6, size=(320, 240))
    both = tmp_path / "both.h264"
    both.write_bytes(small.read_bytes() + large.read_bytes())
    recorder = play_through(both, fps=60)
    sizes = [(frame.picture.width, frame.picture.height) for frame in recorder.frames]
    assert sizes == [(160, 120)] * 6 + [(320, 240)] * 6


def test_a_pixel_format_that_changes_in_mid_stream_keeps_coming(tmp_path: Path) -> None:
    one = write_h264(tmp_path / "one.h264", frames=6, pixel_format="yuv420p")
    other = write_h264(tmp_path / "other.h264", frames=6, pixel_format="yuv444p")
    both = tmp_path / "both.h264"
    both.write_bytes(one.read_bytes() + other.read_bytes())
    assert len(play_through(both, fps=60).frames) == 12
