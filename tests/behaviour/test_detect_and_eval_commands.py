"""`camslice detect` and `camslice eval` as their users have them: pictures in, boxes and accuracy out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.labelled_pictures import ELSEWHERE, FOUND, data_set, gray_picture
from tests.tiny_detector import tiny_detector


def camslice(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "camslice", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def refused(folder: Path, *arguments: str) -> str:
    """The one sentence with which a command refuses what it was given."""
    done = camslice(folder, *arguments)
    assert (done.returncode, done.stdout) == (2, ""), done
    sentences = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(sentences) == 1, done.stderr
    return sentences[0]


@pytest.fixture
def here(tmp_path: Path) -> Path:
    tiny_detector(tmp_path / "tiny.onnx")
    gray_picture(tmp_path / "bright.png", 200)
    gray_picture(tmp_path / "black.png", 0)
    return tmp_path


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_detect_prints_one_json_object_with_the_boxes_of_each_picture(here: Path, engine: str) -> None:
    done = camslice(here, "detect", "tiny.onnx", "black.png", "bright.png", "--json", "--engine", engine)
    assert done.returncode == 0, done.stderr
    black, bright = json.loads(done.stdout)["pictures"]
    assert black == {"path": "black.png", "detections": []}
    (found,) = bright["detections"]
    assert (bright["path"], found["label"], found["confidence"]) == ("bright.png", "thing", 1.0)
    assert found["box"] == pytest.approx([24, 24, 40, 40], abs=0.1)


def test_detect_draws_the_boxes_into_copies(here: Path) -> None:
    done = camslice(here, "detect", "tiny.onnx", "bright.png", "black.png", "--out", "new/folder")
    assert done.returncode == 0, done.stderr
    assert "bright.png: 1 found" in done.stdout
    assert "thing 1.00 at [24.0, 24.0, 40.0, 40.0]" in done.stdout
    written = {path.name: cv2.imread(str(path)) for path in (here / "new" / "folder").iterdir()}
    assert set(written) == {"bright.jpg", "black.jpg"}
    drawn = np.abs(written["bright.jpg"].astype(int) - 200).max(axis=2) > 40
    assert drawn[22:27, 22:42].any()
    assert not drawn[60:].any()
    assert written["black.jpg"].max() < 10


def test_detect_prints_paths_with_brackets_as_they_are(here: Path) -> None:
    gray_picture(here / "clips[b]" / ":car:[x].png", 200)
    done = camslice(here, "detect", "tiny.onnx", "clips[b]/:car:[x].png")
    assert "clips[b]/:car:[x].png: 1 found" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["missing.png"], "cannot read the picture missing.png: No such file or directory; check the path"),
        (["notes.txt"], "notes.txt is no picture that can be read"),
        (["empty.png"], "empty.png is no picture that can be read"),
        (["."], "cannot read the picture .: Is a directory"),
        (["bright.png", "--engine", "abacus"], "--engine abacus: choose one of openvino, onnxruntime, ultralytics."),
        (["bright.png", "--precision", "fp7"], "--precision fp7: choose one of auto, bf16, fp32, int8."),
        (["bright.png", "--out", "notes.txt"], "--out notes.txt: cannot write bright.jpg"),
        (["bright.png", "other/bright.png", "--out", "out"], "bright.png and other/bright.png would both become bright.jpg"),
        (["bright.png", "other/bright.jpg", "--out", "other"], "this would overwrite other/bright.jpg"),
    ],
)
def test_detect_refuses_wrong_input_in_one_sentence(here: Path, arguments: list[str], sentence: str) -> None:
    (here / "notes.txt").write_text("a text")
    (here / "empty.png").touch()
    gray_picture(here / "other" / "bright.png", 200)
    gray_picture(here / "other" / "bright.jpg", 200)
    before = (here / "other" / "bright.jpg").read_bytes()
    assert sentence in refused(here, "detect", "tiny.onnx", *arguments)
    assert (here / "other" / "bright.jpg").read_bytes() == before


def test_detect_refuses_to_write_over_a_picture_that_it_was_given(here: Path) -> None:
    gray_picture(here / "own.jpg", 200)
    before = (here / "own.jpg").read_bytes()
    assert "this would overwrite" in refused(here, "detect", "tiny.onnx", "own.jpg", "--out", ".")
    assert (here / "own.jpg").read_bytes() == before


def test_detect_refuses_a_model_that_is_not_there(here: Path) -> None:
    assert "nothing.onnx" in refused(here, "detect", "nothing.onnx", "bright.png")


def test_eval_prints_one_json_object(here: Path) -> None:
    data_set(here / "labelled", [FOUND, FOUND])
    done = camslice(here, "eval", "tiny.onnx", "labelled", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report.pop("fps") > 0
    assert report == {"images": 2, "map_50_95": 1.0, "map_50": 1.0, "per_class": {"thing": 1.0}}


def test_eval_prints_a_table_for_people(here: Path) -> None:
    data_set(here / "labelled", [FOUND, ELSEWHERE])
    done = camslice(here, "eval", "tiny.onnx", "labelled")
    assert done.returncode == 0, done.stderr
    assert "tiny on 2 pictures" in done.stdout
    assert "mAP 50-95 0.505, mAP 50 0.505" in done.stdout  # precision 1 at the 51 of 101 points up to a recall of 0.5


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere"], "data set nowhere: cannot read instances.json: No such file or directory"),
        (["bright.png"], "data set bright.png: cannot read instances.json: Not a directory"),
        (["labelled", "--engine", "abacus"], "--engine abacus: choose one of openvino, onnxruntime, ultralytics."),
        (["strange"], "none of its classes (thing, ...) is labelled in strange/instances.json"),
    ],
)
def test_eval_refuses_wrong_input_in_one_sentence(here: Path, arguments: list[str], sentence: str) -> None:
    data_set(here / "labelled", [FOUND])
    data_set(here / "strange", [FOUND], category="unicorn")
    assert sentence in refused(here, "eval", "tiny.onnx", *arguments)


def test_eval_says_what_policies_lose_and_save_on_a_clip(here: Path) -> None:
    clip, model = "scene://people?size=320x240&seconds=5", ("--model", "tiny.onnx")
    done = camslice(here, "eval", "--policy", "all", *model, "--cameras", "2", "--seconds", "3", "--json", clip)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    keys = {"recall", "precision", "inferences_per_frame", "cpu_ms_per_frame", "first_detection_delay_ms"}
    by_name = {each["policy"]: each for each in said["policies"]}
    assert said["frames"] == 30
    assert keys <= said.keys()
    assert all(keys <= each.keys() for each in by_name.values())
    assert by_name["full"]["recall"] in (1.0, None)
    assert by_name["full"]["inferences_per_frame"] == 1.0


def test_eval_of_one_policy_says_its_own_figures_and_not_those_of_full_frames(here: Path) -> None:
    options = ("--model", "tiny.onnx", "--cameras", "1", "--seconds", "2", "--json")
    done = camslice(here, "eval", "--policy", "careful", *options, "scene://people?size=320x240&seconds=5")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["policy"] == "careful"
    assert [each["policy"] for each in said["policies"]] == ["full", "careful"]


def test_eval_draws_what_policies_keep_against_what_they_cost(here: Path) -> None:
    clip = "scene://people?size=320x240&seconds=5"
    options = ("--model", "tiny.onnx", "--cameras", "1", "--seconds", "1", "--plot", "frontier.svg")
    done = camslice(here, "eval", "--policy", "regions", *options, clip)
    assert done.returncode == 0, done.stderr
    assert "inferences per frame" in (here / "frontier.svg").read_text()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["tiny.onnx"], "eval takes a model and a data set, and 1 arguments were given"),
        (["--policy", "cheapest", "a.mp4"], "--policy cheapest: that is neither a file nor a policy"),
        (["--policy", "regions", "--model", "tiny.onnx"], "eval --policy needs clips"),
        (["--policy", "regions", "--model", "tiny.onnx", "none.mp4"], "none.mp4"),
        (["--policy", "all", "--model", "tiny.onnx", "--plot", "a.pdf", "scene://people?size=320x240"], "--plot a.pdf"),
    ],
)
def test_eval_refuses_wrong_policies_in_one_sentence(here: Path, arguments: list[str], sentence: str) -> None:
    short = ("--cameras", "1", "--seconds", "1") if "--policy" in arguments else ()
    assert sentence in refused(here, "eval", *arguments, *short)
