"""Real weights in INT8: calibrated on a fleet's own camera, and what they find is what full precision finds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from camslice.cli.errors import exit_code_of
from camslice.cli.main import command_line
from camslice.fleet.types import ModelSpec, Precision
from camslice.measure import precisions
from camslice.measure.pictures import PictureDetector
from camslice.models.resolve import resolve
from camslice.video.picture import load_picture
from tests.needs import shared_file
from tests.unit.models.naive import iou

FLEET = """\
models: {{people: {{weights: {weights}, classes: [person]}}}}
cameras: [{{name: yard, source: {clip}, fps: 5, model: people}}]
"""


def test_yolox_nano_calibrated_on_a_camera_finds_the_same_people(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    weights, clip, picture = (shared_file(name) for name in ("models/yolox_nano_dyn.onnx", "video/vtest.avi", "video/bus.jpg"))
    monkeypatch.setenv("CAMSLICE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(precisions, "TURN_S", 0.01)
    (tmp_path / "fleet.yaml").write_text(FLEET.format(weights=weights, clip=clip))
    words = ["models", "quantise", "people", "--fleet", str(tmp_path / "fleet.yaml"), "--pictures", "12", "--quick"]
    words += ["--max-drop", "0.1", "--json"]
    assert exit_code_of(lambda: command_line(words)(args=words, prog_name="camslice")) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["evidence"]["judged_by"] == "agreement"
    assert made["map_after"] >= 0.9

    spec = ModelSpec("people", str(weights), classes=("person",))
    full, int8 = (detected(replace(spec, precision=precision), picture) for precision in (Precision.FP32, Precision.INT8))
    sure = [box for box, confidence in full if confidence >= 0.6]
    assert len(sure) >= 3
    for box in sure:
        assert max(iou(box, other) for other, _ in int8) >= 0.8


def detected(spec: ModelSpec, picture: Path) -> list[tuple[tuple[float, ...], float]]:
    detector = PictureDetector(resolve(spec), spec)
    try:
        (found,) = detector.detect([load_picture(picture)])
    finally:
        detector.close()
    return [(tuple(box), confidence) for box, confidence in zip(found.boxes.tolist(), found.confidence.tolist(), strict=True)]
