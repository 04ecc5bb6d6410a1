"""Against what FFmpeg's decoders skip when they are told to skip what nothing is predicted from."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import av
import pytest
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from camslice.video.sources.dependence import UNKNOWN, Dependence, dependence_reader
from tests.clips import picture

FRAMES = 40
H264 = {"preset": "fast", "bf": "3", "x264-params": "scenecut=0:b-adapt=0"}
HEVC = {"preset": "fast", "x265-params": "log-level=none:bframes=3:b-adapt=0:scenecut=0:open-gop=0"}


def encoded(path: Path, codec: str, options: dict[str, str]) -> Path:
    """A clip whose groups are 20 pictures long."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=25, options=options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = 160, 120, "yuv420p", 20
        for k in range(FRAMES):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture(k, 160, 120), "rgb24")))
        output.mux(stream.encode())
    return path


def read(path: Path) -> dict[int | None, Dependence]:
    """What we read of each packet, by its time."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        reader = dependence_reader(context.name, context.extradata, intra_only=context.codec.intra_only)
        assert reader is not None
        return {packet.pts: reader(memoryview(packet)) for packet in container.demux(stream) if packet.size}


def decoded(path: Path, skip: Literal["NONE", "NONREF", "NONKEY"]) -> set[int | None]:
    """The times of the frames that FFmpeg decodes when it is to skip those."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.skip_frame = skip
        return {frame.pts for frame in container.decode(stream)}


@pytest.mark.parametrize("container", ["mp4", "ts", "mkv"])
@pytest.mark.parametrize(("codec", "options"), [("libx264", H264), ("libx265", HEVC)])
def test_what_may_be_dropped_and_where_a_stream_starts_afresh_is_what_the_decoder_says(
    tmp_path: Path, codec: str, options: dict[str, str], container: str
) -> None:
    path = encoded(tmp_path / f"a.{container}", codec, options)
    found = read(path)
    droppable = {pts for pts, each in found.items() if each.droppable}
    assert droppable == decoded(path, "NONE") - decoded(path, "NONREF")
    assert 10 <= len(droppable) < FRAMES
    assert {pts for pts, each in found.items() if each.fresh} == decoded(path, "NONKEY")


def test_an_open_group_is_no_fresh_start(tmp_path: Path) -> None:
    path = encoded(tmp_path / "a.ts", "libx264", {**H264, "x264-params": "scenecut=0:b-adapt=0:open-gop=1"})
    assert sum(found.fresh for found in read(path).values()) == 1 < len(decoded(path, "NONKEY"))


def test_hevc_pictures_below_the_highest_temporal_layer_are_kept() -> None:
    sps_of_two_layers = b"\0\0\1" + bytes([33 << 1, 1, 1 << 1, 0])
    lower, upper = (b"\0\0\1" + bytes([0, layer + 1, 0xAA, 0]) for layer in (0, 1))
    reader = dependence_reader("hevc", None, intra_only=False)
    assert reader is not None
    assert reader(memoryview(upper)) == UNKNOWN, "how many layers there are is not known"
    reader(memoryview(sps_of_two_layers))
    assert reader(memoryview(lower)) == UNKNOWN
    assert reader(memoryview(upper)).droppable


def test_a_cra_picture_of_hevc_is_a_fresh_start_only_where_pictures_come_in_order() -> None:
    reader = dependence_reader("hevc", None, intra_only=False)
    assert reader is not None
    assert reader(memoryview(b"\0\0\1" + bytes([21 << 1, 1, 0xAA, 0]))) == Dependence(
        droppable=False, fresh=False, fresh_in_order=True
    )


def test_a_slice_far_behind_other_units_is_found() -> None:
    reader = dependence_reader("h264", None, intra_only=False)
    assert reader is not None
    for filling in range(4080, 4100):
        note = b"\0\0\1\x06" + b"\xff" * filling
        assert reader(memoryview(note + b"\0\0\1\x01\x88\x80\0")).droppable
        assert reader(memoryview(note + b"\0\0\1\x65\x88\x80\0")).fresh


def test_codecs_without_prediction_have_pictures_of_their_own_and_others_are_not_guessed_at() -> None:
    alone = dependence_reader("mjpeg", None, intra_only=True)
    assert alone is not None
    assert alone(memoryview(b"")) == Dependence(droppable=True, fresh=True)
    assert dependence_reader("mpeg4", None, intra_only=False) is None


@pytest.mark.parametrize("data", [b"", b"\0\0\1", b"\0\0\1\x65", b"\0\0\0\x09\x65", b"\xff" * 50, b"\0\0\0\0\0\0"])
@pytest.mark.parametrize("extradata", [None, b"\x01", b"\x01\x64\x00\x1f\xff", b"\x01" + b"\xff" * 30])
@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_garbage_is_never_droppable_hevc_or_not(codec: str, extradata: bytes | None, data: bytes) -> None:
    reader = dependence_reader(codec, extradata, intra_only=False)
    assert reader is not None
    assert not reader(memoryview(data)).droppable


def test_the_decoder_context_says_which_codecs_have_no_prediction() -> None:
    contexts = [VideoCodecContext.create(name, "r") for name in ("mjpeg", "rawvideo", "h264", "hevc")]
    assert [context.codec.intra_only for context in contexts] == [True, True, False, False]
