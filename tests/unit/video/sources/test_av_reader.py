from __future__ import annotations

from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest
from av.codec.hwaccel import HWAccel
from av.container import InputContainer
from av.stream import Discard

from camslice.video.sources.av_reader import AvReader, NoVideoError, open_container

SIZES = {"small": (64, 48), "large": (320, 240)}


def write_rendition(folder: Path, name: str) -> str:
    """An HLS playlist of twenty grey frames; what a master playlist says of it."""
    width, height = SIZES[name]
    options = {"hls_time": "0.4", "hls_list_size": "0", "hls_segment_filename": str(folder / f"{name}%03d.ts")}
    with av.open(str(folder / f"{name}.m3u8"), "w", format="hls", options=options) as target:
        stream = target.add_stream("mpeg2video", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        picture = np.full((height, width, 3), 90, np.uint8)
        for _ in range(20):
            target.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        target.mux(stream.encode(None))
    return f"#EXT-X-STREAM-INF:BANDWIDTH={width * 1000},RESOLUTION={width}x{height}\n{name}.m3u8\n"


@pytest.mark.parametrize("names", [["small", "large"], ["large", "small"]])
def test_of_several_renditions_the_largest_is_read_and_the_others_are_not_fetched(tmp_path: Path, names: list[str]) -> None:
    master = tmp_path / "master.m3u8"
    master.write_text("#EXTM3U\n" + "".join(write_rendition(tmp_path, name) for name in names))
    opened: list[InputContainer] = []

    def open_master(accelerator: HWAccel | None) -> InputContainer:
        opened.append(open_container(str(master), accelerator))
        return opened[0]

    reader = AvReader(open_master)
    discarded = {(stream.width, stream.height): stream.discard is Discard.all for stream in opened[0].streams.video}
    sizes_read: set[tuple[int, int]] = set()
    while reader.advance() is not None:
        pictures = [decoded.picture() for decoded in reader.decode()]
        sizes_read |= {(picture.width, picture.height) for picture in pictures}
    reader.close()
    assert discarded == {SIZES["small"]: True, SIZES["large"]: False}
    assert sizes_read == {SIZES["large"]}


def test_a_source_with_sound_only_has_no_video(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as target:
        stream = target.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        sound.sample_rate = 8000
        target.mux(stream.encode(sound))
    with pytest.raises(NoVideoError):
        AvReader(partial(open_container, str(path)))
