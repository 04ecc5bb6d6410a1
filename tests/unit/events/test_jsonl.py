from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from camslice.events.jsonl import JsonlSink, encode
from camslice.fleet.accounting import Looked
from camslice.fleet.errors import StoreError
from tests.unit.events.made import NOON_S, found, made, many


def lines_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_says_everything_about_a_frame() -> None:
    result = made(7, captured_at_s=NOON_S + 0.1239, detections=found((1.5, 2.25, 30.125, 40.0), class_id=2))
    assert json.loads(encode([result])) == {
        "camera": "gate",
        "model": "people",
        "sequence": 7,
        "captured_at": "2025-08-01T12:07:00.124Z",
        "pts_s": pytest.approx(1.4),
        "width": 768,
        "height": 576,
        "model_sha256": "5e" * 32,
        "generation": 3,
        "look": "full",
        "stages": {
            "decode": 5.0,
            "gate": 0.0,
            "preprocess": 1.5,
            "queue": 30.0,
            "network": 0.0,
            "inference": 20.0,
            "postprocess": 0.5,
            "total": 57.0,
        },
        "detections": [{"label": "car", "confidence": 0.9, "box": [1.5, 2.25, 30.12, 40.0]}],
    }


def test_each_frame_keeps_its_own_detections() -> None:
    results = [made(0), made(1, detections=found((1, 1, 2, 2), (3, 3, 4, 4))), made(2), made(3, detections=found((5, 5, 6, 6)))]
    lines = [json.loads(line) for line in encode(results).splitlines()]
    assert [[d["box"] for d in line["detections"]] for line in lines] == [
        [],
        [[1.0, 1.0, 2.0, 2.0], [3.0, 3.0, 4.0, 4.0]],
        [],
        [[5.0, 5.0, 6.0, 6.0]],
    ]


def test_what_was_carried_on_is_marked_and_nothing_else_is() -> None:
    some = found((1, 1, 2, 2), (3, 3, 4, 4), carried=[False, True])
    all_of_them = found((5, 5, 6, 6), carried=[True])
    results = [made(0, detections=some, looked=Looked.REGIONS), made(1, detections=all_of_them, looked=Looked.PREDICTED)]
    lines = [json.loads(line) for line in encode(results).splitlines()]
    assert [line["look"] for line in lines] == ["regions", "predicted"]
    assert [[found.get("predicted") for found in line["detections"]] for line in lines] == [[None, True], [True]]


def test_nothing_is_no_line() -> None:
    assert encode([]) == b""


def test_closing_writes_what_is_queued_behind_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    for first in (0, 30):
        sink = JsonlSink(str(path))
        sink.offer(many(30, first=first))
        sink.close()
        assert sink.written == 30
        assert not sink.dropped
    assert [line["sequence"] for line in lines_of(path)] == list(range(60))


def test_a_torn_last_line_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text('{"sequence":1}\n{"sequ')
    sink = JsonlSink(str(path))
    sink.offer([made(2)])
    sink.close()
    lines = path.read_text().splitlines()
    assert lines[:2] == ['{"sequence":1}', '{"sequ']
    assert json.loads(lines[2])["sequence"] == 2


def test_opening_leaves_a_whole_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text('{"sequence":1}\n')
    JsonlSink(str(path)).close()
    assert path.read_text() == '{"sequence":1}\n'


@pytest.mark.parametrize(
    ("place", "complaint"),
    [("folder", "is a folder; name a file in it"), ("none/x.jsonl", "its folder does not exist; create it"),
     ("file/x.jsonl", "its folder is a file; name another path"), ("pipe", "is not a regular file")],
)  # fmt: skip
def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path, place: str, complaint: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StoreError, match=re.escape(f"sink {tmp_path / place}: {complaint}")):
        JsonlSink(str(tmp_path / place))
