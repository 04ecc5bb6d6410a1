"""JPEG pictures from strangers: their headers are read before anything is decoded."""

from __future__ import annotations

import cv2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from camslice.engine.oip.jpeg import check_jpeg, decode_jpeg, jpeg_size
from camslice.engine.oip.limits import Limits
from camslice.engine.oip.messages import OipError, Status
from tests.unit.engine.oip.made_jpegs import claiming, jpeg


def status(encoded: bytes, limits: Limits | None = None) -> Status:
    with pytest.raises(OipError) as caught:
        check_jpeg(memoryview(encoded), limits or Limits())
    return caught.value.status


@pytest.mark.parametrize("options", [(), (cv2.IMWRITE_JPEG_PROGRESSIVE, 1), (cv2.IMWRITE_JPEG_RST_INTERVAL, 1)])
def test_the_size_is_read_from_the_header(options: tuple[int, ...]) -> None:
    encoded = memoryview(jpeg(40, 24, *options))
    assert jpeg_size(encoded) == (40, 24)
    check_jpeg(encoded, Limits())
    assert decode_jpeg(encoded).shape == (24, 40, 3)


def test_red_comes_first() -> None:
    mean = decode_jpeg(memoryview(jpeg(colour=(250, 10, 10)))).mean(axis=(0, 1))
    assert mean[0] > 200 > 50 > mean[2]


def test_fill_bytes_and_comments_may_stand_before_the_header() -> None:
    whole = jpeg()
    comment = b"\xff\xff\xff\xfe\x00\x06note"
    encoded = memoryview(whole[:2] + comment + whole[2:])
    assert jpeg_size(encoded) == (40, 24)
    assert decode_jpeg(encoded).shape == (24, 40, 3)


@pytest.mark.parametrize("encoded", [b"", b"\xff", b"\xff\xd8", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xd9" * 9])
def test_what_is_no_jpeg_is_refused(encoded: bytes) -> None:
    assert status(encoded) is Status.INVALID_ARGUMENT


@pytest.mark.parametrize(("width", "height"), [(65535, 65535), (65535, 1), (5000, 5000)])
def test_a_header_that_claims_too_much_is_refused(width: int, height: int) -> None:
    assert status(claiming(width, height)) is Status.TOO_LARGE


@pytest.mark.parametrize(("width", "height"), [(0, 10), (10, 0)])
def test_a_picture_without_pixels_is_refused(width: int, height: int) -> None:
    assert status(claiming(width, height)) is Status.INVALID_ARGUMENT


def test_a_picture_of_endlessly_many_scans_is_refused() -> None:
    """Each scan of a few bytes costs a pass over the whole picture."""
    whole = jpeg(1000, 1000, cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    last = whole.rindex(b"\xff\xda")
    assert status(whole[:-2] + whole[last:-2] * 200 + b"\xff\xd9") is Status.TOO_LARGE


def test_a_damaged_picture_is_an_error() -> None:
    whole = jpeg()
    at = whole.index(b"\xff\xdb")
    damaged = memoryview(whole[: at + 2] + b"\x00\x01" + whole[at + 4 :])
    with pytest.raises(OipError, match="damaged"):
        decode_jpeg(damaged)


@given(st.binary(max_size=60), st.integers(0, 300), st.integers(0, 30))
def test_no_bytes_bring_the_reader_down(noise: bytes, at: int, cut: int) -> None:
    whole = jpeg()
    mutated = memoryview(whole[:at] + noise + whole[at + cut :])
    try:
        check_jpeg(mutated, Limits(picture_pixels=100_000))
    except OipError:
        return
    width, height = jpeg_size(mutated)
    assert 0 < width * height <= 100_000
