"""mAP on labelled pictures, by a detector whose answers are known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from camslice.fleet.errors import CamsliceError, ModelError, SourceError
from camslice.fleet.types import ModelSpec
from camslice.measure.accuracy import Accuracy, measure_accuracy, read_dataset, score
from camslice.models.detections import Detections
from tests.labelled_pictures import ELSEWHERE, FOUND, data_set
from tests.tiny_detector import tiny_detector


def measured(folder: Path) -> Accuracy:
    spec = ModelSpec("tiny", "tiny", confidence=0.001, nms_iou=0.7)
    return measure_accuracy(tiny_detector(folder / "tiny.onnx"), spec, read_dataset(folder), lambda: None)


def changed(folder: Path, **parts: Any) -> Path:
    path = folder / "instances.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **parts}))
    return folder


def refusal(folder: Path) -> str:
    with pytest.raises(CamsliceError) as refused:
        read_dataset(folder)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_boxes_found_exactly_are_a_map_of_one(tmp_path: Path) -> None:
    accuracy = measured(data_set(tmp_path, [FOUND] * 3))
    assert (accuracy.images, accuracy.map_50_95, accuracy.map_50) == (3, 1.0, 1.0)
    assert accuracy.per_class == {"thing": 1.0}
    assert accuracy.fps > 0


def test_boxes_not_found_are_a_map_of_zero(tmp_path: Path) -> None:
    accuracy = measured(data_set(tmp_path, [ELSEWHERE] * 3))
    assert (accuracy.map_50_95, accuracy.map_50, accuracy.per_class) == (0.0, 0.0, {"thing": 0.0})


def test_a_box_that_overlaps_by_two_thirds_counts_at_the_low_thresholds_only(tmp_path: Path) -> None:
    x, y, width, height = FOUND
    accuracy = measured(data_set(tmp_path, [(x, y, width * 1.5, height)]))
    assert accuracy.map_50 == 1.0
    assert accuracy.map_50_95 == pytest.approx(0.4)  # 0.50, 0.55, 0.60 and 0.65 of ten


def test_a_detector_that_finds_nothing_at_all_has_a_map_of_zero(tmp_path: Path) -> None:
    dataset = read_dataset(data_set(tmp_path, [FOUND]))
    accuracy = score(dataset, ("thing",), {10: Detections.none()}, 1.0)
    assert (accuracy.images, accuracy.map_50_95, accuracy.map_50) == (1, 0.0, 0.0)


def test_answers_belong_to_the_picture_with_their_id(tmp_path: Path) -> None:
    dataset = read_dataset(data_set(tmp_path, [FOUND, ELSEWHERE]))

    def box(x: float, y: float, width: float, height: float) -> Detections:
        boxes = np.array([[x, y, x + width, y + height]], np.float32)
        return Detections(boxes, np.array([0.9], np.float32), np.zeros(1, np.int32))

    right, wrong = {10: box(*FOUND), 11: box(*ELSEWHERE)}, {10: box(*ELSEWHERE), 11: box(*FOUND)}
    assert score(dataset, ("thing",), right, 1.0).map_50_95 == 1.0
    assert score(dataset, ("thing",), wrong, 1.0).map_50_95 == 0.0


def test_each_picture_advances_the_progress(tmp_path: Path) -> None:
    steps: list[None] = []
    dataset = read_dataset(data_set(tmp_path, [FOUND] * 5))
    measure_accuracy(tiny_detector(tmp_path / "tiny.onnx"), ModelSpec("t", "t"), dataset, lambda: steps.append(None))
    assert len(steps) == 5


def test_a_class_without_a_label_is_left_out(tmp_path: Path) -> None:
    folder = data_set(tmp_path, [FOUND])
    changed(folder, categories=[{"id": 3, "name": "thing"}, {"id": 4, "name": "ghost"}])
    assert measured(folder).per_class == {"thing": 1.0}


def test_a_folder_without_an_index_is_no_data_set(tmp_path: Path) -> None:
    assert "cannot read instances.json: No such file" in refusal(tmp_path)
    assert "images/ and a COCO instances.json" in refusal(tmp_path)


@pytest.mark.parametrize(
    "content", [b"{", b"[]", b"3", b"{}", b"\xff\xfe", b'{"images": 1, "categories": [], "annotations": []}']
)
def test_an_index_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "instances.json").write_bytes(content)
    assert "this is not a COCO index (images, categories, annotations)" in refusal(tmp_path)


@pytest.mark.parametrize("lacking", ["id", "image_id", "category_id", "bbox"])
def test_a_label_without_what_scoring_needs_is_refused(tmp_path: Path, lacking: str) -> None:
    folder = data_set(tmp_path, [FOUND])
    (label,) = json.loads((folder / "instances.json").read_text())["annotations"]
    del label[lacking]
    assert f"KeyError('{lacking}')" in refusal(changed(folder, annotations=[label]))


@pytest.mark.parametrize("box", [[1, 2], "left", None, [1, 2, 3, "4"]])
def test_a_label_whose_box_is_none_is_refused(tmp_path: Path, box: object) -> None:
    folder = data_set(tmp_path, [FOUND])
    (label,) = json.loads((folder / "instances.json").read_text())["annotations"]
    assert "bbox" in refusal(changed(folder, annotations=[{**label, "bbox": box}]))


def test_missing_pictures_are_counted_and_one_is_named(tmp_path: Path) -> None:
    folder = data_set(tmp_path, [FOUND] * 3)
    for number in (1, 2):
        (folder / "images" / f"{number}.png").unlink()
    assert "2 pictures are missing from images/, such as 1.png" in refusal(folder)


def test_pictures_without_a_label_are_nothing_to_measure_with(tmp_path: Path) -> None:
    folder = data_set(tmp_path, [FOUND])
    assert "nothing in it to measure with: 1 pictures, 0 boxes" in refusal(changed(folder, annotations=[]))


def test_labels_of_other_pictures_are_nothing_to_measure_with(tmp_path: Path) -> None:
    folder = data_set(tmp_path, [FOUND])
    (label,) = json.loads((folder / "instances.json").read_text())["annotations"]
    assert "1 pictures, 0 boxes" in refusal(changed(folder, annotations=[{**label, "image_id": 99}]))


def test_a_model_that_knows_none_of_the_classes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model tiny: none of its classes \(thing, \.\.\.\) is labelled in "):
        measured(data_set(tmp_path, [FOUND], category="unicorn"))


def test_a_picture_that_is_none_is_named(tmp_path: Path) -> None:
    folder = data_set(tmp_path, [FOUND] * 2)
    (folder / "images" / "1.png").write_text("not a picture")
    with pytest.raises(SourceError, match=r"1\.png is no picture"):
        measured(folder)
