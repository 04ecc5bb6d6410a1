"""What a source is found to send, against clips whose size, rate and bytes are known."""

from __future__ import annotations

import itertools
from pathlib import Path

import av
import pytest

from camslice.fleet.errors import SourceError
from camslice.video.probe import probe
from tests.camera_recorder import spec_of
from tests.clips import jpegs, write_clip, write_h264
from tests.rtsp import RtspServer, need_rtsp_server
from tests.web_camera import web_camera


def bytes_of_packets(clip: Path) -> list[int]:
    with av.open(str(clip)) as container:
        return [packet.size for packet in container.demux(video=0) if packet.size]


@pytest.mark.parametrize(("codec", "name"), [("mpeg4", "mpeg4"), ("mjpeg", "mjpeg"), ("libx264", "h264")])
def test_a_file_is_measured_by_its_packets(tmp_path: Path, codec: str, name: str) -> None:
    pixel_format = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    clip = write_clip(tmp_path / "a.mkv", frames=30, size=(192, 108), fps=15, codec=codec, pixel_format=pixel_format)
    found = probe(spec_of(str(clip), 5))
    assert (found.width, found.height, found.fps, found.codec) == (192, 108, 15.0, name)
    sizes = bytes_of_packets(clip)
    assert found.kbps == pytest.approx(sum(sizes) / (len(sizes) / 15) * 8 / 1000, rel=0.01)


def test_frames_that_are_sent_out_of_order_are_counted_all_the_same(tmp_path: Path) -> None:
    clip = write_h264(tmp_path / "a.mp4", b_frames=2, frames=40, fps=20)
    found = probe(spec_of(str(clip), 5))
    assert (found.fps, found.codec) == (20.0, "h264")


def test_a_clip_that_plays_in_circles_is_read_once(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", frames=20, fps=10)
    sizes = bytes_of_packets(clip)
    found = probe(spec_of(str(clip), 5, loop=True))
    assert found.kbps == pytest.approx(sum(sizes) / 2 * 8 / 1000, rel=0.02)


def test_a_clip_played_faster_sends_more(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", frames=20, fps=10)
    slow, fast = probe(spec_of(str(clip), 5)), probe(spec_of(str(clip), 5, playback_fps=30.0))
    assert (slow.fps, fast.fps) == (10.0, 30.0)
    assert fast.kbps == pytest.approx(3 * slow.kbps, rel=0.01)


def test_the_real_rate_counts_where_the_container_states_another(tmp_path: Path) -> None:
    times = [0.0, 0.04, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0]
    clip = write_clip(tmp_path / "a.mkv", frames=10, fps=25, times=times)
    assert 9 / 4 <= probe(spec_of(str(clip), 5)).fps <= 10 / 4


def test_a_drawn_scene_costs_no_bytes() -> None:
    found = probe(spec_of("scene://people?seed=1&size=320x240&fps=12", 5))
    assert (found.width, found.height, found.fps, found.codec, found.kbps) == (320, 240, 12.0, "rawvideo", 0.0)


def test_pictures_come_at_the_cameras_rate(tmp_path: Path) -> None:
    for index, data in enumerate(jpegs(4, (160, 120))):
        (tmp_path / f"{index}.jpg").write_bytes(data)
    sizes = [path.stat().st_size for path in tmp_path.iterdir()]
    found = probe(spec_of(str(tmp_path), 2))
    assert (found.width, found.height, found.fps, found.codec) == (160, 120, 2.0, "mjpeg")
    assert found.kbps == pytest.approx(sum(sizes) / 4 * 2 * 8 / 1000, abs=0.1)


def test_a_live_camera_is_watched_for_as_long_as_asked() -> None:
    with web_camera() as server:
        server.show_mjpeg("/live", lambda: server.paced(itertools.cycle(jpegs(5, (160, 120))), 0.02))
        found = probe(spec_of(server.url("/live"), 5), seconds=1.0)
    assert (found.width, found.height, found.codec) == (160, 120, "mjpeg")
    assert 5 < found.fps <= 60, (
        "by when pictures arrive: at most one each 20 ms, and FFmpeg's made-up 25 do not count as stated"
    )
    assert found.kbps > 0


def test_an_rtsp_camera_tells_size_rate_and_codec() -> None:
    need_rtsp_server()
    with RtspServer(size="320x240", fps=15, password="open-sesame") as server:
        found = probe(spec_of(server.url(credentials="bob:open-sesame"), 5), seconds=2.0)
        with pytest.raises(SourceError) as caught:
            probe(spec_of(server.url(credentials="bob:wrong-word"), 5), seconds=1.0)
    assert (found.width, found.height, found.codec) == (320, 240, "h264")
    assert found.fps == pytest.approx(15, rel=0.35), "a second or two of packets on a machine that may be busy"
    assert found.kbps > 1
    assert "401 Unauthorized" in str(caught.value)
    assert "wrong-word" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "piece"),
    [
        ("/nowhere/clip.mp4", "no such file"),
        ("scene://dogs", "there is no scene"),
        ("http://user:secret@127.0.0.1:9/live", "nothing listens"),
    ],
)
def test_what_cannot_be_opened_is_told_in_one_sentence_without_secrets(source: str, piece: str) -> None:
    with pytest.raises(SourceError) as caught:
        probe(spec_of(source, 5), seconds=0.5)
    message = str(caught.value)
    assert piece in message
    assert "secret" not in message
    assert "\n" not in message


def test_a_file_without_video_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("this is no video")
    with pytest.raises(SourceError, match="not a video that can be read"):
        probe(spec_of(str(tmp_path / "a.mp4"), 5))
