from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from camslice.fleet.errors import SourceError
from camslice.fleet.secrets import Source
from camslice.video.check import check_source, native_fps
from tests.camera_recorder import spec_of
from tests.clips import jpegs, write_clip, write_h264


def test_a_good_file_glob_folder_or_scene_passes(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.avi", fps=12)
    write_h264(tmp_path / "b.mp4", b_frames=2)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    (pictures / "0.jpg").write_bytes(next(jpegs(1, (64, 48))))
    for source in (clip, tmp_path / "*.mp4", pictures, "scene://people"):
        check_source(spec_of(source))
    assert native_fps(spec_of(clip)) == pytest.approx(12)
    assert native_fps(spec_of("scene://people", fps=7)) == 10


@pytest.mark.parametrize("address", ["rtsp://bob:pw@192.0.2.1/1", "http://192.0.2.1/live", "/dev/video99", "usb:99"])
def test_what_may_come_up_later_is_not_opened(address: str) -> None:
    check_source(spec_of(address))
    assert native_fps(spec_of(address)) is None


def test_each_mistake_is_one_sentence_that_names_the_source(tmp_path: Path) -> None:
    (tmp_path / "notes.mp4").write_text("no video here\n" * 100)
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "0.jpg").write_bytes(b"not a picture")
    for name in ("missing.mp4", "notes.mp4", "*.mkv", "empty", "broken"):
        with pytest.raises(SourceError) as told:
            check_source(spec_of(tmp_path / name))
        assert name in str(told.value)
        assert "\n" not in str(told.value)


def test_an_unknown_scheme_is_a_mistake() -> None:
    with pytest.raises(SourceError, match="rtmp://"):
        check_source(spec_of("rtmp://host/live"))


def test_what_came_from_the_environment_is_not_told() -> None:
    source = Source("clips/${TOK}/x.mp4", "clips/hunter2secret/x.mp4", ("hunter2secret",))
    with pytest.raises(SourceError, match="no such file") as caught:
        check_source(replace(spec_of("x"), source=source))
    assert "hunter2secret" not in str(caught.value)


def test_a_name_of_any_length_is_one_sentence() -> None:
    with pytest.raises(SourceError):
        check_source(spec_of("x" * 5000))
