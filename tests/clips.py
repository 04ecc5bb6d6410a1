"""Tiny videos for tests, encoded on the spot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt


def picture(k: int, width: int, height: int) -> npt.NDArray[np.uint8]:
    """RGB [H, W, 3]: a gradient over which a bright square moves with k."""
    rgb = np.empty((height, width, 3), np.uint8)
    rgb[..., 0] = np.linspace(20, 160, width).astype(np.uint8)
    rgb[..., 1] = np.linspace(30, 120, height).astype(np.uint8)[:, None]
    rgb[..., 2] = 80
    left = 4 * k % max(1, width - 16)
    rgb[8:24, left : left + 16] = 240
    return rgb


def write_clip(
    path: Path,
    *,
    frames: int = 20,
    size: tuple[int, int] = (160, 120),
    fps: int = 10,
    codec: str = "mpeg4",
    pixel_format: str = "yuv420p",
    times: Sequence[float] | None = None,
    container: str | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """Encode `frames` pictures; `times` in seconds instead of even steps of 1 / fps."""
    tick = Fraction(1, fps if times is None else 1000)
    with av.open(str(path), "w", format=container) as output:
        stream = output.add_stream(codec, rate=fps)
        stream.width, stream.height = size
        stream.pix_fmt = pixel_format
        stream.gop_size = 5
        stream.options = options or {}
        stream.codec_context.time_base = tick
        for k in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(k, *size), "rgb24")
            frame.time_base = tick
            frame.pts = k if times is None else round(1000 * times[k])
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path


def write_h264(path: Path, *, b_frames: int = 0, **rest: object) -> Path:
    """As `write_clip`, in H.264 with so many B-frames between others."""
    options = {"preset": "ultrafast", "bf": str(b_frames), "x264-params": "scenecut=0"}
    return write_clip(path, codec="libx264", options=options, **rest)  # type: ignore[arg-type] # the caller's keywords


def jpegs(frames: int, size: tuple[int, int]) -> Iterator[bytes]:
    """JPEG files."""
    import cv2

    for k in range(frames):
        yield cv2.imencode(".jpg", picture(k, *size))[1].tobytes()
