"""The small luma picture that a gate looks at, from every kind of picture."""

from __future__ import annotations

import av
import numpy as np
import numpy.typing as npt
import pytest

from camslice.video.colour import STILL_COLOUR
from camslice.video.frame import Picture
from camslice.video.picture import AvPicture, I420Picture, StillPicture
from camslice.video.planes import i420_of

FORMATS = (
    *("yuv420p", "yuvj420p", "yuv422p", "yuv444p", "nv12", "gray"),
    *("yuv420p10le", "yuyv422", "rgb24", "bgra", "gbrp"),
)


def ramp() -> npt.NDArray[np.uint8]:
    """Grey, darker at the left and top: RGB [64, 96, 3]."""
    across, down = np.linspace(40, 180, 96), np.linspace(0, 40, 64)
    return np.repeat((across[None, :] + down[:, None])[..., None], 3, axis=2).astype(np.uint8)


@pytest.mark.parametrize("pixel_format", FORMATS)
def test_luma_is_the_pictures_own_whatever_the_decoder_gives(pixel_format: str) -> None:
    frame = av.VideoFrame.from_ndarray(ramp(), "rgb24").reformat(format=pixel_format)
    luma = AvPicture(frame).luma(48, 32)
    assert luma.shape == (32, 48)
    assert luma.dtype == np.uint8
    expected = ramp()[..., 0].reshape(32, 2, 48, 2).mean(axis=(1, 3))
    assert np.corrcoef(luma.ravel(), expected.ravel())[0, 1] > 0.999
    assert np.abs(luma.astype(float) - expected).mean() < 20  # limited range lies up to 16 levels off


@pytest.mark.parametrize("size", [(96, 64), (13, 7), (1, 1), (320, 240)])
@pytest.mark.parametrize("kind", ["decoded", "planes", "still"])
def test_luma_has_the_size_asked_for_and_is_its_askers(kind: str, size: tuple[int, int]) -> None:
    pictures: dict[str, Picture] = {
        "decoded": AvPicture(av.VideoFrame.from_ndarray(ramp(), "rgb24").reformat(format="yuv420p")),
        "planes": I420Picture(*i420_of(ramp()), STILL_COLOUR),
        "still": StillPicture(ramp()),
    }
    luma = pictures[kind].luma(*size)
    before = luma.copy()
    assert luma.shape == size[::-1]
    luma.fill(0)
    assert (pictures[kind].luma(*size) == before).all()
