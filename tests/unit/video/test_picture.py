from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camslice.fleet.errors import SourceError
from camslice.fleet.geometry import Letterbox, Region
from camslice.video.colour import STILL_COLOUR
from camslice.video.frame import Picture
from camslice.video.picture import AvPicture, I420Picture, StillPicture, load_picture
from camslice.video.planes import i420_of
from camslice.video.slot import I420Slot, RgbSlot

READ_IN_PLACE = (
    *("yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p"),
    *("yuv440p", "yuv411p", "nv12", "nv21"),
)
CONVERTED = ("yuyv422", "yuv420p10le", "p010le", "yuva420p", "rgb24", "bgr24", "bgra", "gbrp")


def planes_slot(width: int, height: int) -> I420Slot:
    half = (height // 2, width // 2)
    y, u, v = np.full((height, width), 7, np.uint8), np.full(half, 7, np.uint8), np.full(half, 7, np.uint8)
    return I420Slot(y, u, v, np.zeros((3, 4), np.float32))


def rgb_slot(width: int, height: int) -> RgbSlot:
    return RgbSlot(np.full((height, width, 3), 7, np.uint8))


def shown(slot: I420Slot) -> npt.NDArray[np.float32]:
    """What an engine's graph makes of the slot: RGB [H, W, 3]."""
    u, v = (chroma.repeat(2, 0).repeat(2, 1) for chroma in (slot.u, slot.v))
    yuv = np.stack([slot.y, u, v], -1).astype(np.float32)
    return yuv @ slot.colour[:, :3].T + slot.colour[:, 3]


def quarters(width: int = 96, height: int = 64) -> npt.NDArray[np.uint8]:
    """Four plain colours, one in each quarter."""
    rgb = np.empty((height, width, 3), np.uint8)
    rgb[: height // 2, : width // 2], rgb[: height // 2, width // 2 :] = (200, 60, 30), (30, 160, 90)
    rgb[height // 2 :, : width // 2], rgb[height // 2 :, width // 2 :] = (20, 90, 220), (240, 240, 240)
    return rgb


def centres(rgb: npt.NDArray[np.generic]) -> npt.NDArray[np.float64]:
    height, width = rgb.shape[:2]
    rows, columns = (height // 4, 3 * height // 4), (width // 4, 3 * width // 4)
    return np.array([rgb[row, column] for row in rows for column in columns], np.float64)


def whole(width: int, height: int, into: tuple[int, int], *, centred: bool = False) -> Letterbox:
    return Letterbox.fit(Region(0, 0, width, height), *into, centred=centred)


@pytest.mark.parametrize("pixel_format", READ_IN_PLACE + CONVERTED)
@pytest.mark.parametrize(("matrix", "color_range"), [(5, 1), (1, 1), (1, 2), (9, 1)])
def test_colours_survive_whatever_the_decoder_gives(pixel_format: str, matrix: int, color_range: int) -> None:
    original = av.VideoFrame.from_ndarray(quarters(), "rgb24")
    frame = original.reformat(format=pixel_format, dst_colorspace=matrix, dst_color_range=color_range)
    for into in ((96, 64), (48, 32)):
        slot, rgb = planes_slot(*into), rgb_slot(*into)
        picture = AvPicture(frame)
        picture.scale_into(slot, whole(96, 64, into))
        picture.scale_into(rgb, whole(96, 64, into))
        assert centres(shown(slot)) == pytest.approx(centres(quarters()), abs=5)
        assert centres(rgb.rgb) == pytest.approx(centres(quarters()), abs=6)


def test_a_grey_picture_is_grey() -> None:
    frame = av.VideoFrame.from_ndarray(np.full((64, 96), 90, np.uint8), "gray")
    slot = planes_slot(96, 64)
    AvPicture(frame).scale_into(slot, whole(96, 64, (96, 64)))
    assert shown(slot) == pytest.approx(90, abs=0.5)


@pytest.mark.parametrize("make", ["decoded", "planes", "still"])
@pytest.mark.parametrize("kind", ["i420", "rgb"])
def test_only_the_letterboxs_rectangle_is_written(make: str, kind: str) -> None:
    picture = made(make)
    letterbox = whole(96, 64, (80, 80), centred=True)
    slot = planes_slot(80, 80) if kind == "i420" else rgb_slot(80, 80)
    picture.scale_into(slot, letterbox)
    planes = [(slot.y, 1), (slot.u, 2), (slot.v, 2)] if isinstance(slot, I420Slot) else [(slot.rgb, 1)]
    for plane, step in planes:
        inside = np.zeros(plane.shape, bool)
        top, left = letterbox.top // step, letterbox.left // step
        inside[top : top + letterbox.height // step, left : left + letterbox.width // step] = True
        assert (plane[~inside] == 7).all()
        assert (plane[inside] != 7).all()


@pytest.mark.parametrize("make", ["decoded", "planes", "still"])
@pytest.mark.parametrize("kind", ["i420", "rgb"])
def test_a_region_shows_that_part_only(make: str, kind: str) -> None:
    letterbox = Letterbox.fit(Region(48, 32, 48, 32), 24, 16, centred=False)
    slot = planes_slot(24, 16) if kind == "i420" else rgb_slot(24, 16)
    made(make).scale_into(slot, letterbox)
    rgb = shown(slot) if isinstance(slot, I420Slot) else slot.rgb
    assert rgb[2:, 2:].astype(float) == pytest.approx(240.0, abs=4)


@given(st.integers(2, 70), st.integers(2, 50), st.data())
@settings(max_examples=40, deadline=None)
def test_every_region_of_every_size_can_be_scaled(width: int, height: int, data: st.DataObject) -> None:
    frame = av.VideoFrame(width, height, data.draw(st.sampled_from(("yuv420p", "yuv411p", "nv12", "yuv422p"))))
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    region = Region(x, y, data.draw(st.integers(1, width - x)), data.draw(st.integers(1, height - y)))
    slot = planes_slot(32, 32)
    AvPicture(frame).scale_into(slot, Letterbox.fit(region, 32, 32, centred=True))


def test_a_picture_can_be_scaled_again_and_by_several_models() -> None:
    picture = AvPicture(av.VideoFrame.from_ndarray(quarters(), "bgr24"))
    slots = [planes_slot(96, 64), planes_slot(48, 32), planes_slot(96, 64)]
    for slot in slots:
        picture.scale_into(slot, whole(96, 64, (slot.y.shape[1], slot.y.shape[0])))
    assert (slots[0].y == slots[2].y).all()


def test_a_still_picture_with_odd_sides_fills_the_slot() -> None:
    still = StillPicture(np.full((33, 57, 3), 200, np.uint8))
    slot = planes_slot(64, 64)
    letterbox = whole(57, 33, (64, 64))
    still.scale_into(slot, letterbox)
    assert shown(slot)[: letterbox.height, : letterbox.width] == pytest.approx(200, abs=2)


def test_a_picture_file_is_read_upright(tmp_path: Path) -> None:
    path = tmp_path / "gate.png"
    cv2.imwrite(str(path), quarters()[..., ::-1])
    assert (load_picture(path).rgb == quarters()).all()


def test_a_picture_turned_by_its_exif_is_turned_back(tmp_path: Path) -> None:
    path = tmp_path / "gate.jpg"
    jpeg = cv2.imencode(".jpg", quarters()[..., ::-1])[1].tobytes()
    # EXIF with one entry: orientation 6, "turn right by 90 degrees".
    tiff = b"MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00"
    exif = b"Exif\x00\x00" + tiff
    path.write_bytes(jpeg[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + jpeg[2:])
    picture = load_picture(path)
    assert (picture.width, picture.height) == (64, 96)
    assert picture.rgb[4, 60].astype(int) == pytest.approx([200, 60, 30], abs=12)


@pytest.mark.parametrize("content", [None, b"", b"no picture at all"])
def test_what_is_no_picture_is_one_clear_sentence(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "gate.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceError, match=r"gate\.jpg"):
        load_picture(path)


def made(kind: str) -> Picture:
    if kind == "still":
        return StillPicture(quarters())
    if kind == "planes":
        return I420Picture(*i420_of(quarters()), STILL_COLOUR)
    frame = av.VideoFrame.from_ndarray(quarters(), "rgb24")
    return AvPicture(frame.reformat(format="yuv420p", dst_colorspace=5, dst_color_range=1))
