"""`camslice probe`: what cameras send, printed or put into the fleet file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from camslice.cli.fleet_file import FleetFile
from camslice.fleet.spec import load_fleet
from camslice.fleet.types import StreamFormat
from tests.clips import write_clip
from tests.command_line import ended

FLEET = """\
# the yard
models: {people: {weights: yolox-nano}}
cameras:
  - {name: gate, source: "scene://people?size=320x240&fps=12", fps: 5, model: people}  # drawn
  - name: yard
    source: yard.mp4
    fps: 5
    model: people
    count: 3
"""
GONE = "  - {name: gone, source: gone.mp4, fps: 5, model: people}\n"


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    write_clip(tmp_path / "yard.mp4", frames=20, size=(192, 108), fps=10)
    path = tmp_path / "fleet.yaml"
    path.write_text(FLEET)
    path.chmod(0o640)
    return path


def test_every_camera_is_listed_and_nothing_is_written(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("probe", str(fleet), "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert [(each["camera"], each["stream"]["width"], each["error"]) for each in answer["cameras"]] == [
        ("gate", 320, None),
        ("yard-1", 192, None),
        ("yard-2", 192, None),
        ("yard-3", 192, None),
    ]
    assert {key for each in answer["cameras"] for key in each["stream"]} == {"width", "height", "fps", "codec", "kbps"}
    assert answer["written"] == []
    assert fleet.read_text() == FLEET


def test_people_get_lines_to_paste(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("probe", str(fleet)) == 0
    printed = capsys.readouterr().out
    assert "gate:\n  stream: {width: 320, height: 240, fps: 12, codec: rawvideo, kbps: 0}" in printed
    assert "yard-1 and 2 more:\n  stream: {width: 192, height: 108, fps: 10, codec: mpeg4, kbps: " in printed


def test_streams_are_written_into_the_file_and_all_else_stays(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = load_fleet(fleet)
    assert ended("probe", str(fleet), "--write", "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["written"] == ["gate", "yard-1", "yard-2", "yard-3"]
    after = load_fleet(fleet)
    assert after.camera("gate").stream == StreamFormat(320, 240, 12.0, "rawvideo", 0.0)
    assert [camera.stream is not None for camera in after.cameras] == [True] * 4
    assert [camera.source for camera in after.cameras] == [camera.source for camera in before.cameras]
    kept = [line for line in fleet.read_text().splitlines() if "stream" not in line]
    assert [line for line in FLEET.splitlines() if "gate" not in line] == kept
    assert "model: people, stream: {width: 320, height: 240, fps: 12, codec: rawvideo, kbps: 0}}  # drawn" in fleet.read_text()
    assert fleet.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in fleet.parent.iterdir()) == ["fleet.yaml", "yard.mp4"]

    text = fleet.read_text()
    assert ended("probe", str(fleet), "--write", "--json") == 0
    assert json.loads(capsys.readouterr().out)["written"] == []
    assert fleet.read_text() == text, "what is declared is left as it is"


def test_a_camera_that_cannot_be_seen_does_not_hide_the_others(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fleet.write_text(FLEET + GONE)
    assert ended("probe", str(fleet), "--write", "--json") == 1
    answer = json.loads(capsys.readouterr().out)
    gone = answer["cameras"][-1]
    assert (gone["camera"], gone["stream"]) == ("gone", None)
    assert "no such file" in gone["error"]
    assert answer["written"] == ["gate", "yard-1", "yard-2", "yard-3"]
    assert load_fleet(fleet).camera("gone").stream is None


def test_what_the_file_says_differently_is_shown_and_left(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = "stream: {width: 1, height: 1, fps: 1, codec: h264, kbps: 1}"
    fleet.write_text(FLEET.replace("fps: 5, model: people}", f"fps: 5, model: people, {said}}}"))
    assert ended("probe", str(fleet), "--write", "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["cameras"][0]["declared"] == {"width": 1, "height": 1, "fps": 1.0, "codec": "h264", "kbps": 1.0}
    assert answer["cameras"][0]["stream"]["width"] == 320
    assert answer["written"] == ["yard-1", "yard-2", "yard-3"]
    assert said in fleet.read_text()


def test_a_file_that_cannot_be_edited_safely_is_left_alone(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Keys written out as YAML's own way of saying them: a line put between would stand at the wrong depth."""
    text = "models: {people: {weights: yolox-nano}}\ncameras:\n  - ? name\n    : gate\n    ? source\n    : yard.mp4\n"
    text += "    ? fps\n    : 5\n    ? model\n    : people\n"
    fleet.write_text(text)
    assert ended("probe", str(fleet), "--write") == 2
    assert "cannot be edited safely; paste the lines yourself" in capsys.readouterr().err
    assert fleet.read_text() == text


def test_a_running_fleet_takes_no_notice_of_what_is_written(fleet: Path) -> None:
    file = FleetFile(fleet, None)
    before = file.read()
    assert ended("probe", str(fleet), "--write") == 0
    assert file.changed()
    assert file.read().cameras == before.cameras, "else every camera would be opened anew"


@pytest.mark.parametrize(("arguments", "piece"), [(["nowhere.yaml"], "no such file"), (["--seconds", "0.1", "x"], "seconds")])
def test_bad_input_is_one_sentence(arguments: list[str], piece: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("probe", *arguments) == 2
    assert piece in capsys.readouterr().err
