from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest

from camslice.fleet.errors import ModelError
from camslice.fleet.types import ModelSpec
from camslice.models import importing
from camslice.models.catalogue import load_catalogue
from camslice.models.detections import Detections
from camslice.models.fetch import find
from camslice.models.importing import import_weights
from camslice.models.model import ModelInfo
from camslice.models.original import CONFIDENCE, NMS_IOU
from camslice.models.resolve import resolve
from tests.unit.models.naive import suppressed, yolov8
from tests.unit.models.tiny_detectors import write_detector


@dataclass
class OtherProgram:
    """Runs the same network and reads it naively; `off_px` shifts its boxes, `blind` finds nothing."""

    onnx: Path
    pictures: Path
    off_px: float = 0.0
    blind: bool = False

    def export(self, into: Path, size: int | None) -> Path:
        print("exporting with a great many words")
        return Path(shutil.copyfile(self.onnx, into / "weights.onnx"))

    def detect(self, picture: npt.NDArray[np.uint8], info: ModelInfo) -> Detections:
        if self.blind:
            return Detections.none()
        tensor = (picture[..., ::-1].transpose(2, 0, 1)[None] / 255).astype(np.float32)
        rows = onnxruntime.InferenceSession(str(self.onnx)).run(None, {"images": tensor})[0][0]
        found = suppressed(yolov8(rows, CONFIDENCE, multi_label=False), NMS_IOU)
        boxes = np.array([one.box for one in found], np.float32).reshape(-1, 4).clip(0, 32) + np.float32(self.off_px)
        scores, classes = [one.score for one in found], [one.class_id for one in found]
        return Detections(boxes, np.array(scores, np.float32), np.array(classes, np.int32))

    def samples(self) -> Path:
        return self.pictures


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OtherProgram:
    onnx = write_detector(tmp_path / "net.onnx", rows=6, metadata={"names": "{0: 'cat', 1: 'dog'}", "license": "MIT"}, seed=3)
    pictures = tmp_path / "samples"
    pictures.mkdir()
    rng = np.random.default_rng(0)
    for index in range(3):
        cv2.imwrite(str(pictures / f"{index}.png"), rng.integers(0, 255, (32, 32, 3), np.uint8))
    other = OtherProgram(onnx, pictures)
    monkeypatch.setattr(importing, "_in_ultralytics", lambda weights, work: other)
    return other


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    (tmp_path / "best.pt").write_bytes(b"anything")
    return tmp_path / "best.pt"


def test_weights_whose_boxes_agree_are_known_by_name_afterwards(program: OtherProgram, weights: Path, cache: Path) -> None:
    done = import_weights(weights, name="mine")
    assert (done.name, done.path, done.labels) == ("mine", cache / "mine.onnx", ("cat", "dog"))
    assert done.max_box_error_px < 0.1
    info = resolve(ModelSpec("pets", "mine"))
    assert (info.path, info.labels, info.decoder, info.licence) == (done.path, ("cat", "dog"), "yolov8", "MIT")
    assert info.input.dynamic_batch
    assert find(load_catalogue().entry("mine")) is not None


def test_what_the_other_program_prints_stays_off_standard_output(
    program: OtherProgram, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import_weights(weights)
    said = capsys.readouterr()
    assert said.out == ""
    assert "a great many words" in said.err


def test_the_files_own_name_is_the_default_and_importing_again_replaces_it(program: OtherProgram, weights: Path) -> None:
    assert import_weights(weights).name == "best"
    assert import_weights(weights).name == "best"
    assert [one.name for one in load_catalogue().entries].count("best") == 1


def test_weights_whose_boxes_disagree_are_refused_and_leave_nothing(program: OtherProgram, weights: Path, cache: Path) -> None:
    program.off_px = 2.5
    with pytest.raises(ModelError, match=r"best.pt: not imported, its boxes are 2\.5 px from Ultralytics' own"):
        import_weights(weights)
    assert list(cache.iterdir()) == []


def test_pictures_that_show_nothing_prove_nothing(program: OtherProgram, weights: Path) -> None:
    program.blind = True
    with pytest.raises(ModelError, match=r"finds nothing on the 3 sample pictures; name a folder .* --sample"):
        import_weights(weights)


def test_the_users_own_pictures_are_compared_if_named(program: OtherProgram, weights: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="there are no pictures in it"):
        import_weights(weights, samples=tmp_path / "empty")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("yolox-nano", "uses the name yolox-nano already"),
        ("yolox_nano", "uses the name yolox_nano already"),
        ("coco", "uses the name coco already"),
        ("../up", "will not do"),
        ("-x", "will not do"),
    ],
)
def test_a_name_that_is_taken_or_odd_is_refused(program: OtherProgram, weights: Path, name: str, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        import_weights(weights, name=name)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no.pt: there is no such file"):
        import_weights(tmp_path / "no.pt")


def test_without_ultralytics_the_extra_is_named(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ultralytics", None)
    with pytest.raises(ModelError, match=r"pip install 'camslice\[ultralytics\]'"):
        import_weights(weights)
