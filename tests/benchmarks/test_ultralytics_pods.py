"""The comparison with Ultralytics treats all systems alike."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest
from benchmarks.ultralytics_pods import Setting, Turn, compare, row

from benchmarks import ultralytics_pods, ultralytics_worker
from tests.clips import write_clip

SETTING = Setting("python", Path("a.onnx"), Path("a"), Path("a.mp4"), 1.0, (640, 480))
FP32 = {"backend": "ultralytics", "device": "cpu", "precision": "fp32"}


def test_every_other_round_goes_backwards_and_each_row_says_what_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []
    written: dict[str, Mapping[str, object]] = {}

    def one_turn(system: str, pods: int, setting: Setting) -> Turn:
        taken.append(f"{system} {pods}")
        return Turn(1.0, 2.0, 3.0, FP32, 4)

    def write_result(name: str, result: Mapping[str, object]) -> Path:
        written[name] = result
        return Path(name)

    monkeypatch.setattr(ultralytics_pods, "one_turn", one_turn)
    monkeypatch.setattr(ultralytics_pods, "write_result", write_result)
    compare(SETTING, (1, 4), 2, ("pooled", "theirs"), {})
    assert taken[:4] == ["pooled 1", "theirs 1", "pooled 4", "theirs 4"]
    assert taken[4:] == taken[3::-1]
    rows = written["vs-ultralytics-pods"]["rows"]
    assert isinstance(rows, list)
    assert [(each["precision"], each["threads"], each["engine"]) for each in rows] == [("fp32", 4, FP32)] * 4


def test_an_infinite_percentile_makes_the_row_say_none() -> None:
    made = row("theirs", 1, [Turn(1.0, 2.0, 3.0, FP32), Turn(1.0, None, 3.0, FP32), Turn(problem="it ended")])
    assert made["p95_ms"] is None
    assert made["fps"] == {"min": 1.0, "median": 1.0, "max": 1.0}
    assert made["problems"] == ["it ended"]


def test_a_frame_that_ends_after_the_deadline_is_not_counted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each prediction takes 0.4 s of a window of one second: two end in time, the third does not."""
    now = [100.0]
    asked: list[dict[str, object]] = []

    def sleep(seconds: float) -> None:
        now[0] += seconds

    def predict(frame: object, **options: object) -> list[object]:
        asked.append(options)
        now[0] += 0.4
        return []

    monkeypatch.setattr(ultralytics_worker, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=sleep))
    clip = write_clip(tmp_path / "a.mp4")
    latencies = ultralytics_worker.closed_loop(SimpleNamespace(predict=predict), {"classes": None}, str(clip), 100.5, 1.0)
    assert latencies == pytest.approx([400.0, 400.0])
    assert asked == [{"classes": None}] * 3
