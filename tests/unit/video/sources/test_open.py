from __future__ import annotations

from pathlib import Path

import pytest

from camslice.fleet.errors import SourceError
from camslice.video.sources.file import open_file
from camslice.video.sources.glob import open_glob
from camslice.video.sources.http import open_http
from camslice.video.sources.open import Opener, needs_network_or_device, opener_of
from camslice.video.sources.pictures import open_folder
from camslice.video.sources.rtsp import open_rtsp
from camslice.video.sources.scene import open_scene
from camslice.video.sources.usb import device_path, open_usb


@pytest.mark.parametrize(
    ("address", "opener"),
    [
        ("rtsp://bob:pw@10.0.0.7/1", open_rtsp),
        ("RTSPS://10.0.0.7/1", open_rtsp),
        ("http://10.0.0.7/video.mjpg", open_http),
        ("https://example.org/live.m3u8", open_http),
        ("scene://people?seed=1", open_scene),
        ("/dev/video0", open_usb),
        ("usb:12", open_usb),
        ("clips/*.mp4", open_glob),
        ("clips/yard.mp4", open_file),
        ("file:///clips/yard.mp4", open_file),
        ("/dev/video0.mp4", open_file),
    ],
)
def test_the_look_of_an_address_says_how_it_is_opened(address: str, opener: Opener) -> None:
    assert opener_of(address) is opener


def test_a_folder_is_told_by_looking(tmp_path: Path) -> None:
    assert opener_of(str(tmp_path)) is open_folder


def test_a_file_whose_name_has_the_signs_of_a_pattern_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "yard [1].mp4"
    path.touch()
    assert opener_of(str(path)) is open_file


@pytest.mark.parametrize("address", ["rtmp://host/live", "ftp://host/a.mp4", "vnc://host"])
def test_an_unknown_scheme_is_refused_naming_what_is_allowed(address: str) -> None:
    with pytest.raises(SourceError, match=r"rtsp://.*http://.*scene://.*/dev/video0"):
        opener_of(address)


@pytest.mark.parametrize(
    ("address", "outside"), [("rtsp://host/1", True), ("usb:0", True), ("http://host/a", True), ("a.mp4", False)]
)
def test_what_may_be_out_of_reach_now_and_fine_later(address: str, outside: bool) -> None:
    assert needs_network_or_device(address) is outside


def test_usb_numbers_are_video_devices() -> None:
    assert device_path("usb:3") == "/dev/video3"
    assert device_path("/dev/video1") == "/dev/video1"
