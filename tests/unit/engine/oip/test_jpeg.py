"""JPEG pictures from strangers: their headers are read before anything is decoded."""

from __future__ import annotations

import subprocess
import sys

import cv2
import numpy as np
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


@pytest.mark.parametrize("marker", [0x00, 0x02, 0xBF, 0xC8, 0xD8, 0xD9, 0xDA, 0xDE, 0xDF, 0xF0, 0xFD])
def test_no_picture_hides_behind_a_marker_that_decoders_do_not_skip(marker: int) -> None:
    """A decoder discards `FF 00` and reads on behind it, where another header claims another size."""
    hidden, shown = claiming(5000, 5000)[2:], jpeg(16, 16)[2:]
    segment = bytes([0xFF, marker]) + (2 + len(hidden)).to_bytes(2, "big") + hidden
    assert status(b"\xff\xd8" + segment + shown) is Status.INVALID_ARGUMENT


def test_a_segment_shorter_than_its_own_length_is_refused() -> None:
    whole = jpeg()
    assert status(whole[:2] + b"\xff\xfe\x00\x01" + whole[2:]) is Status.INVALID_ARGUMENT


def test_a_picture_is_what_its_header_says_or_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    larger = cv2.imdecode(np.frombuffer(jpeg(64, 64), np.uint8), cv2.IMREAD_COLOR)
    monkeypatch.setattr(cv2, "imdecode", lambda *_: larger)
    with pytest.raises(OipError, match="damaged"):
        decode_jpeg(memoryview(jpeg(40, 24)))


def test_a_picture_that_its_exif_turns_is_turned() -> None:
    whole = jpeg(40, 24)
    turned = bytes.fromhex("457869660000 49492a0008000000 0100 1201 0300 01000000 06000000 00000000")
    segment = b"\xff\xe1" + (2 + len(turned)).to_bytes(2, "big") + turned
    assert decode_jpeg(memoryview(whole[:2] + segment + whole[2:])).shape == (40, 24, 3)


def test_opencv_itself_refuses_larger_pictures_in_a_server() -> None:
    process = subprocess.run([sys.executable, "-c", OVERSIZED], capture_output=True, text=True, check=False)
    assert process.stdout == "refused\n", process.stderr


OVERSIZED = """
import camslice.cli.serving
import cv2, numpy as np
encoded = cv2.imencode(".jpg", np.zeros((4001, 4000), np.uint8))[1]
try:
    cv2.imdecode(encoded, cv2.IMREAD_COLOR)
except cv2.error:
    print("refused")
"""


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
