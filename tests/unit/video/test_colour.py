from __future__ import annotations

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from camslice.video.colour import Matrix, YuvColour, rgb_matrix, yuv_colour

every_colour = st.builds(YuvColour, st.sampled_from(Matrix), st.booleans())


def to_rgb(colour: YuvColour, y: float, u: float, v: float) -> np.ndarray:
    matrix = rgb_matrix(colour)
    return matrix[:, :3] @ np.array([y, u, v]) + matrix[:, 3]


@given(every_colour)
def test_black_and_white_have_no_colour(colour: YuvColour) -> None:
    black, white = (0, 255) if colour.full_range else (16, 235)
    assert to_rgb(colour, black, 128, 128) == pytest.approx([0, 0, 0], abs=1e-3)
    assert to_rgb(colour, white, 128, 128) == pytest.approx([255, 255, 255], abs=1e-3)


@pytest.mark.parametrize(
    ("colour", "yuv", "rgb"),
    [
        # Full-intensity colour bars as the standards' own tables give them, rounded to whole codes.
        (YuvColour(Matrix.BT601, False), (81, 90, 240), (255, 0, 0)),
        (YuvColour(Matrix.BT601, False), (145, 54, 34), (0, 255, 0)),
        (YuvColour(Matrix.BT709, False), (63, 102, 240), (255, 0, 0)),
        (YuvColour(Matrix.BT709, False), (173, 42, 26), (0, 255, 0)),
        (YuvColour(Matrix.BT709, False), (32, 240, 118), (0, 0, 255)),
        (YuvColour(Matrix.BT601, True), (76, 85, 255), (255, 0, 0)),
    ],
)
def test_colour_bars(colour: YuvColour, yuv: tuple[int, int, int], rgb: tuple[int, int, int]) -> None:
    assert to_rgb(colour, *yuv) == pytest.approx(rgb, abs=2.0)


@pytest.mark.parametrize("matrix", [Matrix.BT601, Matrix.BT709, Matrix.BT2020, Matrix.SMPTE240M, Matrix.FCC])
@pytest.mark.parametrize("full_range", [False, True])
def test_swscale_agrees(matrix: Matrix, full_range: bool) -> None:
    rgb = np.zeros((16, 16, 3), np.uint8)
    rgb[:] = (180, 90, 40)
    frame = av.VideoFrame.from_ndarray(rgb, "rgb24")
    yuv = frame.reformat(format="yuv444p", dst_colorspace=int(matrix), dst_color_range=2 if full_range else 1)
    y, u, v = (float(np.frombuffer(memoryview(plane), np.uint8)[0]) for plane in yuv.planes)
    colour = yuv_colour(yuv.colorspace, yuv.color_range, yuv.format.name, yuv.height)
    assert colour == YuvColour(matrix, full_range)
    assert to_rgb(colour, y, u, v) == pytest.approx([180, 90, 40], abs=2.0)


@pytest.mark.parametrize(
    ("colorspace", "color_range", "pixel_format", "height", "expected"),
    [
        (2, 0, "yuv420p", 576, YuvColour(Matrix.BT601, False)),
        (2, 0, "yuv420p", 720, YuvColour(Matrix.BT709, False)),
        (2, 0, "yuvj420p", 480, YuvColour(Matrix.BT601, True)),
        (5, 1, "yuvj420p", 1080, YuvColour(Matrix.BT601, True)),
        (1, 2, "yuv420p", 240, YuvColour(Matrix.BT709, True)),
        (6, 1, "yuv420p", 1080, YuvColour(Matrix.BT601, False)),
        (9, 1, "yuv420p10le", 2160, YuvColour(Matrix.BT2020, False)),
        (2, 0, "gray", 240, YuvColour(Matrix.BT601, True)),
        (2, 1, "gray", 240, YuvColour(Matrix.BT601, False)),
    ],
)
def test_what_a_frame_does_not_say_is_guessed_as_players_do(
    colorspace: int, color_range: int, pixel_format: str, height: int, expected: YuvColour
) -> None:
    assert yuv_colour(colorspace, color_range, pixel_format, height) == expected


def test_the_shared_matrix_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="read-only"):
        rgb_matrix(YuvColour(Matrix.BT601, True))[0, 0] = 7
