"""`camslice models quantise`: an INT8 version is kept when it is accurate enough, and is then what runs.

NNCF and OpenVINO are the real ones; the network is one of two small convolutions that finds bright squares.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from camslice.cli.errors import exit_code_of
from camslice.cli.main import command_line
from camslice.engine.make import make_engine
from camslice.fleet.types import ModelSpec, Precision
from camslice.measure import precisions
from camslice.models.resolve import resolve
from tests.blob_detector import blob_detector, squares


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, object]:
        values: dict[str, object] = json.loads(self.out)
        return values


Camslice = Callable[..., Answer]


@pytest.fixture
def camslice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Camslice:
    """Types commands in a folder with an empty cache, `blobs.onnx`, `loud.onnx` and labelled pictures in `squares`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CAMSLICE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CAMSLICE_MODELS", raising=False)
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setattr(precisions, "TURN_S", 0.005)
    blob_detector(tmp_path / "blobs.onnx")
    blob_detector(tmp_path / "loud.onnx", loud=3000)
    squares(tmp_path / "squares", 16)

    def types(*words: str) -> Answer:
        code = exit_code_of(lambda: command_line([*words])(args=[*words], prog_name="camslice"))
        said = capsys.readouterr()
        return Answer(code, said.out, said.err)

    return types


def kept_files(folder: Path) -> set[str]:
    return {path.name for path in (folder / "cache" / "files" / "quantised").glob("*/*")}


def test_a_version_that_loses_nothing_is_kept_with_its_evidence(camslice: Camslice, tmp_path: Path) -> None:
    answer = camslice("models", "quantise", "blobs.onnx", "--data", "squares", "--json")
    assert answer.code == 0, answer.err
    made = answer.json
    assert made["map_before"] == 1.0
    assert made["map_after"] == pytest.approx(1.0, abs=0.01)
    assert set(made["fps"]) >= {"fp32", "int8"}  # type: ignore[call-overload]
    assert made["fps_after"] == made["fps"]["int8"]  # type: ignore[index]
    assert kept_files(tmp_path) == {"model.xml", "model.bin", "evidence.json"}
    path = Path(str(made["path"]))
    evidence = json.loads((path.parent / "evidence.json").read_text())
    assert (evidence["judged_by"], evidence["metric"]) == ("labels", "map_50_95")
    assert evidence["calibration_pictures"] == evidence["judged_pictures"] == 8, "no picture calibrates and judges"
    assert evidence["source_sha256"] == resolve(ModelSpec("m", "blobs.onnx")).sha256


def test_pictures_without_labels_are_judged_by_full_precision(camslice: Camslice) -> None:
    made = camslice("models", "quantise", "blobs.onnx", "--data", "squares/images", "--json").json
    evidence = made["evidence"]
    assert isinstance(evidence, dict)
    assert (evidence["judged_by"], evidence["metric"], made["map_before"]) == ("agreement", "map_50", 1.0)


def test_the_cameras_of_a_fleet_give_the_pictures_and_one_that_is_gone_is_left_out(
    camslice: Camslice, caplog: pytest.LogCaptureFixture
) -> None:
    Path("fleet.yaml").write_text(
        "models: {things: {weights: blobs.onnx}, other: {weights: loud.onnx}}\n"
        "cameras:\n"
        "  - {name: yard, source: squares/images, fps: 5, model: things, count: 3}\n"
        "  - {name: gone, source: none.mp4, fps: 5, model: things}\n"
        "  - {name: elsewhere, source: nowhere.mp4, fps: 5, model: other}\n"
    )
    answer = camslice("models", "quantise", "things", "--fleet", "fleet.yaml", "--pictures", "32", "--json")
    assert answer.code == 0, answer.err
    evidence = answer.json["evidence"]
    assert isinstance(evidence, dict)
    assert evidence["data"] == "1 of the fleet's 2 sources", "cameras of one source are watched once, other models' not at all"
    assert evidence["calibration_pictures"] == 8
    assert "camera gone" in caplog.text


def test_a_version_that_loses_too_much_is_refused_and_nothing_is_kept(camslice: Camslice, tmp_path: Path) -> None:
    answer = camslice("models", "quantise", "loud.onnx", "--data", "squares", "--quick", "--json")
    assert answer.code == 1
    assert answer.json["path"] is None
    assert "mAP 50-95 1.0000 before, 0.0000 after (a drop of 1.0000)" in answer.err
    assert "more than --max-drop 0.01" in answer.err
    assert kept_files(tmp_path) == set()
    assert not list((tmp_path / "cache" / "files").glob(".work-*"))


def test_accuracy_control_takes_the_layer_back_that_costs_the_accuracy(camslice: Camslice) -> None:
    made = camslice("models", "quantise", "loud.onnx", "--data", "squares", "--json").json
    assert made["tried"] == {"symmetric": 0.0, "mixed": 0.0, "accuracy control": 1.0}
    assert made["map_after"] == 1.0


def test_precision_int8_runs_it_at_any_batch(camslice: Camslice) -> None:
    camslice("models", "quantise", "blobs.onnx", "--data", "squares")
    spec = ModelSpec("m", "blobs.onnx", precision=Precision.INT8, max_batch=3)
    engine = make_engine(resolve(spec), spec, threads=1)
    try:
        assert (engine.info.precision, engine.info.max_batch) == ("int8", 3)
    finally:
        engine.close()
    full, int8 = (
        camslice("detect", "blobs.onnx", "squares/images/000.png", "--precision", precision, "--json").json["pictures"]
        for precision in ("fp32", "int8")
    )
    places = [[found["box"] for found in pictures[0]["detections"]] for pictures in (full, int8)]  # type: ignore[index]
    assert sorted(places[0]) == sorted(places[1]) != []


def test_precision_int8_without_a_version_names_the_command_that_makes_one(camslice: Camslice) -> None:
    answer = camslice("detect", "blobs.onnx", "squares/images/000.png", "--precision", "int8")
    assert answer.code == 2
    assert "there is no INT8 version of blobs.onnx at 64x64 on this machine" in answer.err
    assert "`camslice models quantise blobs.onnx --data FOLDER --size 64x64`" in answer.err
    of_another_engine = camslice(
        "detect", "blobs.onnx", "squares/images/000.png", "--precision", "int8", "--engine", "onnxruntime"
    )
    assert of_another_engine.code == 2
    assert "only the engine openvino computes in int8" in of_another_engine.err


def test_it_is_made_once_listed_and_made_again_when_it_was_damaged(camslice: Camslice) -> None:
    path = Path(str(camslice("models", "quantise", "blobs.onnx", "--data", "squares", "--json").json["path"]))
    again = camslice("models", "quantise", "blobs.onnx", "--data", "squares", "--json").json
    assert (again["made"], again["path"]) == (False, str(path))
    (row,) = camslice("models", "info", "blobs.onnx", "--json").json["models"]  # type: ignore[misc]
    assert [version["path"] for version in row["int8"]] == [str(path)]
    assert "64x64: loses" in camslice("models", "info", "blobs.onnx").out
    weights = path.with_suffix(".bin")
    weights.write_bytes(b"\0" * weights.stat().st_size)
    damaged = camslice("detect", "blobs.onnx", "squares/images/000.png", "--precision", "int8")
    assert damaged.code == 2
    assert "quantise the model again with --force" in damaged.err
    assert camslice("models", "quantise", "blobs.onnx", "--data", "squares", "--force").code == 0
    assert camslice("detect", "blobs.onnx", "squares/images/000.png", "--precision", "int8").code == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "give either --data FOLDER or --fleet FLEET"),
        (["--data", "squares", "--fleet", "fleet.yaml"], "give either --data FOLDER or --fleet FLEET"),
        (["--data", "nowhere"], "nowhere cannot be read: No such file or directory"),
        (["--data", "cache-of-nothing"], "holds no pictures"),
        (["--data", "few"], "3 pictures are too few"),
        (["--data", "squares", "--size", "abc"], "--size abc: write one number of pixels"),
        (["--data", "squares", "--size", "96"], "its input is fixed at 64x64"),
        (["--fleet", "fleet.yaml"], "fleet.yaml: it has no model blobs.onnx; it has things"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(camslice: Camslice, words: list[str], sentence: str) -> None:
    Path("cache-of-nothing").mkdir()
    squares(Path("few"), 3)
    Path("fleet.yaml").write_text(
        'models: {things: {weights: loud.onnx}}\ncameras: [{name: a, source: "scene://empty", fps: 5, model: things}]\n'
    )
    answer = camslice("models", "quantise", "blobs.onnx", *words)
    assert (answer.code, answer.out) == (2, ""), answer.err
    assert sentence in answer.err
    assert "Traceback" not in answer.err
