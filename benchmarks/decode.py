"""What decoding costs a camera of 25 frames/s and 1920 x 1080, before and after leaving out what no due frame needs.

The streams are encoded here, from a clip scaled up, as cameras send: H.264 at 4 Mbit/s without B-frames and a key frame every
two, one and 0.8 seconds, with B-frames, Motion JPEG, and a substream of 640 x 360. Each is read as a camera at pace `live`
is, but as fast as it can be, in one thread whose CPU time is measured: reading, asking and decoding. `all` decodes every frame
(before), `needed` what due frames need, `key_frames` only those where they come often enough. They take turns, the order
turned round in every other round, and the ratio counts within each round. Before that, every luma sample and time stamp of
the due frames of `needed` is compared with those of `all`.

    python -m benchmarks.decode --clip vtest.avi [--streams "Motion JPEG"]
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
from av.video.frame import PictureType
from av.video.stream import VideoStream

from benchmarks.record import RESULTS, draw_bars, spread, write_result
from camslice.fleet.geometry import Region
from camslice.fleet.secrets import Source
from camslice.fleet.types import CameraSpec, Decoding, Pace
from camslice.video.feed import DueFrame, SelectiveFeed, SourceEndedError
from camslice.video.pacing import DueClock
from camslice.video.picture import AvPicture
from camslice.video.planes import region_planes
from camslice.video.playback import PlaybackClock
from camslice.video.selection import Selection
from camslice.video.sources.open import open_source
from camslice.video.sources.request import SourceRequest
from camslice.video.timeline import SourceTimeline

FPS = 25
RATES = (1.0, 5.0)
Row = Mapping[str, object]
LARGE, SMALL = (1920, 1080), (640, 360)
_H264 = {"preset": "veryfast", "b": "4M", "maxrate": "4M", "bufsize": "4M", "x264-params": "scenecut=0:b-adapt=0"}
_SMALL = {"b": "500k", "maxrate": "500k", "bufsize": "500k"}


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a stream is encoded: `group` pictures from one key frame to the next."""

    codec: str
    size: tuple[int, int]
    group: int
    options: Mapping[str, str]
    pixel_format: str = "yuv420p"


STREAMS = {
    "H.264, key frame every 2 s": Encoding("libx264", LARGE, 50, {**_H264, "bf": "0"}),
    "H.264, key frame every 1 s": Encoding("libx264", LARGE, 25, {**_H264, "bf": "0"}),
    "H.264, key frame every 0.8 s": Encoding("libx264", LARGE, 20, {**_H264, "bf": "0"}),
    "H.264, 2 B-frames": Encoding("libx264", LARGE, 50, {**_H264, "bf": "2"}),
    "Motion JPEG": Encoding("mjpeg", LARGE, 1, {"qmin": "4", "qmax": "4"}, "yuvj420p"),
    "H.264 substream, key frame every 2 s": Encoding("libx264", SMALL, 50, {**_H264, **_SMALL, "bf": "0"}),
}


def encode(clip: Path, target: Path, encoding: Encoding, frames: int) -> float:
    """Write the stream; its kbit/s."""
    with av.open(str(target), "w") as output:
        stream = cast("VideoStream", output.add_stream(encoding.codec, rate=FPS, options=dict(encoding.options)))
        stream.width, stream.height = encoding.size
        stream.pix_fmt, stream.gop_size = encoding.pixel_format, encoding.group
        for number, frame in enumerate(itertools.islice(pictures(clip), frames)):
            scaled = frame.reformat(*encoding.size, format=encoding.pixel_format)
            scaled.pict_type = PictureType.NONE  # else the encoder would keep to the types of the clip
            scaled.pts, scaled.time_base = number, Fraction(1, FPS)
            output.mux(stream.encode(scaled))
        output.mux(stream.encode())
    return target.stat().st_size * 8 / 1000 / (frames / FPS)


def pictures(clip: Path) -> Iterator[av.VideoFrame]:
    """The clip's frames, again and again."""
    while True:
        with av.open(str(clip)) as container:
            yield from container.decode(video=0)


def due_frames(path: Path, fps: float, decode: Decoding, counts: list[tuple[int, int, int]]) -> Iterator[DueFrame]:
    """The due frames of the stream, once through; at the end `counts` gets decoded, skipped and corrupt."""
    spec = CameraSpec("bench", Source(str(path), str(path)), fps, ("none",), loop=False, decode=decode)
    feed = open_source(SourceRequest(spec, Pace.LIVE))
    assert isinstance(feed, SelectiveFeed)
    clock = PlaybackClock(SourceTimeline(feed.nominal_fps), lambda _: None, 0)
    selection = Selection(clock, DueClock(fps))
    try:
        while True:
            clock.on_packet(feed.advance(), 0, 0)
            yield from selection.of(feed.decode()) if decode is Decoding.ALL else feed.decode_due(selection)
    except SourceEndedError:
        counts.append(selection.taken_counts())
    finally:
        feed.close()


def hashes(path: Path, fps: float, decode: Decoding) -> list[tuple[float | None, str]]:
    """Time stamp and luma of every due frame."""
    found = []
    for due in due_frames(path, fps, decode, []):
        picture = due.picture()
        assert isinstance(picture, AvPicture)
        found.append((due.captured.pts_s, hashlib.sha256(luma(picture)).hexdigest()))
    return found


def luma(picture: AvPicture) -> bytes:
    return region_planes(picture._frame, Region(0, 0, picture.width, picture.height)).y.tobytes()


def cpu_ms(path: Path, fps: float, decode: Decoding, seconds: float) -> tuple[float, tuple[int, int, int]]:
    """CPU ms of this thread for each second of video."""
    counts: list[tuple[int, int, int]] = []
    began_s = time.thread_time()
    for _ in due_frames(path, fps, decode, counts):
        pass
    return 1000 * (time.thread_time() - began_s) / seconds, counts[0]


def measure(path: Path, fps: float, frames: int, rounds: int) -> Row:
    """One stream at one rate: each way of decoding in turns."""
    everything, needed = (hashes(path, fps, decode) for decode in (Decoding.ALL, Decoding.NEEDED))
    spent: dict[Decoding, list[float]] = {decode: [] for decode in Decoding}
    counts: dict[Decoding, tuple[int, int, int]] = {}
    for number in range(rounds):
        for decode in sorted(Decoding, reverse=bool(number % 2)):
            took_ms, counts[decode] = cpu_ms(path, fps, decode, frames / FPS)
            spent[decode].append(took_ms)
    ratios = {
        decode: spread([one / other for one, other in zip(spent[decode], spent[Decoding.ALL], strict=True)])
        for decode in (Decoding.NEEDED, Decoding.KEY_FRAMES)
    }
    return {
        "identical": everything == needed,
        "due_frames": len(everything),
        "cpu_ms_per_second": {decode.value: spread(each) for decode, each in spent.items()},
        "ratio_to_all": {decode.value: each for decode, each in ratios.items()},
        "decoded": {decode.value: count[0] for decode, count in counts.items()},
        "skipped": {decode.value: count[1] for decode, count in counts.items()},
    }


def recorded(about: Mapping[str, object]) -> dict[str, Row]:
    """Rows of earlier calls with the same settings, by stream and rate."""
    path = RESULTS / "decode.json"
    found = json.loads(path.read_text()) if path.exists() else {}
    if any(found.get(key) != value for key, value in about.items()):
        return {}
    return {f"{row['stream']} at {row['fps']:g}": row for row in found["rows"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clip", required=True, type=Path)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--streams", nargs="+", choices=list(STREAMS), default=list(STREAMS), help="the others' rows are kept")
    given = parser.parse_args()
    about = {"clip": given.clip.name, "frames": given.frames, "rounds": given.rounds}
    rows = recorded(about)
    with tempfile.TemporaryDirectory() as folder:
        for name in given.streams:
            encoding = STREAMS[name]
            path = Path(folder) / f"stream.{'avi' if encoding.codec == 'mjpeg' else 'mp4'}"
            kbps = encode(given.clip, path, encoding, given.frames)
            sent = {"stream": name, "width": encoding.size[0], "height": encoding.size[1], "kbps": round(kbps)}
            for fps in RATES:
                row = {**sent, "fps": fps, **measure(path, fps, given.frames, given.rounds)}
                rows[f"{name} at {fps:g}"] = row
                print(row, flush=True)
    ordered = [rows[key] for name in STREAMS for fps in RATES if (key := f"{name} at {fps:g}") in rows]
    write_result("decode", {**about, "rows": ordered})
    large = [row for row in ordered if row["fps"] == RATES[0] and row["width"] == LARGE[0]]
    spent = {str(row["stream"]): cast("Mapping[str, Mapping[str, float]]", row["cpu_ms_per_second"]) for row in large}
    bars = {f"{name}: {way}": each[way]["median"] / 10 for name, each in spent.items() for way in ("all", "needed")}
    draw_bars("decode", bars, f"% of a core for one camera analysed at {RATES[0]:g} frame/s")
    print({name: round(value, 1) for name, value in bars.items()})


if __name__ == "__main__":
    main()
