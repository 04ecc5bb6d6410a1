from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from camslice.fleet.errors import ModelError
from camslice.models.decoders.make import make_decoder
from camslice.models.detections import Detections
from camslice.models.model import InputSpec, ModelInfo
from tests.unit.models.naive import Found, suppressed, wanted_only, yolov8, yolox

SIDE = 64
CELLS = 64 + 16 + 4
LABELS = ("person", "car", "dog", "cat")
CONFIDENCE, NMS_IOU = 0.3, 0.5
SEEDS = st.integers(0, 2**32 - 1)
CLASSES = st.sampled_from([None, ("person",), ("dog",), ("car", "cat")])


def model(decoder: str, wanted: tuple[int, ...] | None = None) -> ModelInfo:
    spec = InputSpec(SIDE, SIDE, dynamic_batch=True, dynamic_size=False)
    return ModelInfo("m", Path("m.onnx"), "0" * 64, "MIT", "detect", LABELS, spec, decoder, "a test", wanted)


def yolox_rows(seed: int) -> npt.NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    place = np.hstack([rng.uniform(0, 1, (CELLS, 2)), rng.uniform(-1, 1.5, (CELLS, 2))])
    return np.hstack([place, rng.uniform(0, 1, (CELLS, 1 + len(LABELS)))]).astype(np.float32)


def yolov8_rows(seed: int) -> npt.NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    place = np.vstack([rng.uniform(0, SIDE, (2, CELLS)), rng.uniform(2, 40, (2, CELLS))])
    return np.vstack([place, rng.uniform(0, 1, (len(LABELS), CELLS)) ** 2]).astype(np.float32)


def assert_same(detections: Detections, expected: Sequence[Found]) -> None:
    """Equal but for the order of scores that differ by less than single precision tells apart."""
    assert (np.diff(detections.confidence) <= 0).all()
    ours = np.column_stack([detections.class_id, detections.boxes, detections.confidence])
    theirs = np.array([[one.class_id, *one.box, one.score] for one in expected]).reshape(-1, 6)
    assert len(ours) == len(theirs)
    ours, theirs = (rows[np.lexsort(np.rint(rows[:, :3] * 100).T)] for rows in (ours, theirs))
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-3)
    assert (detections.boxes.dtype, detections.confidence.dtype, detections.class_id.dtype) == (
        np.float32,
        np.float32,
        np.int32,
    )


def expected_of(found: list[Found], classes: tuple[str, ...] | None) -> list[Found]:
    kept = wanted_only(found, lambda index: classes is None or LABELS[index] in classes)
    return suppressed(kept, NMS_IOU)[:300]


@given(SEEDS, CLASSES, st.booleans())
def test_yolox_outputs_mean_what_its_grid_says(seed: int, classes: tuple[str, ...] | None, multi_label: bool) -> None:
    rows = yolox_rows(seed)
    decode = make_decoder(
        model("yolox"), confidence=CONFIDENCE, nms_iou=NMS_IOU, classes=classes, multi_label=multi_label, max_detections=300
    )
    assert_same(decode([rows[None]], 0), expected_of(yolox(rows, SIDE, CONFIDENCE, multi_label), classes))


@given(SEEDS, CLASSES, st.booleans())
def test_yolov8_outputs_mean_what_each_anchor_likes_best(seed: int, classes: tuple[str, ...] | None, multi_label: bool) -> None:
    rows = yolov8_rows(seed)
    decode = make_decoder(
        model("yolov8"), confidence=CONFIDENCE, nms_iou=NMS_IOU, classes=classes, multi_label=multi_label, max_detections=300
    )
    assert_same(decode([rows[None]], 0), expected_of(yolov8(rows, CONFIDENCE, multi_label), classes))


def test_an_anchor_that_is_more_something_else_is_not_the_wanted_class() -> None:
    rows = np.zeros((4 + len(LABELS), CELLS), np.float32)
    rows[:4, 0] = (30, 30, 10, 10)
    rows[4:, 0] = (0.5, 0.6, 0, 0)
    decode = make_decoder(model("yolov8"), confidence=CONFIDENCE, nms_iou=NMS_IOU, classes=("person",))
    assert len(decode([rows[None]], 0)) == 0


def test_end_to_end_outputs_are_filtered_and_sorted() -> None:
    rows = np.array(
        [[0, 0, 9, 9, 0.4, 0], [5, 5, 9, 9, 0.9, 1], [1, 1, 2, 2, 0.2, 0], [3, 3, 8, 8, 0.6, 2], [0, 0, 9, 9, 0.35, 0]],
        np.float32,
    )
    decode = make_decoder(model("end_to_end"), confidence=CONFIDENCE, nms_iou=NMS_IOU, classes=("person", "dog"))
    found = decode([rows[None]], 0)
    assert found.class_id.tolist() == [2, 0, 0]
    assert found.boxes.tolist() == [[3, 3, 8, 8], [0, 0, 9, 9], [0, 0, 9, 9]]
    np.testing.assert_allclose(found.confidence, [0.6, 0.4, 0.35])


@pytest.mark.parametrize(
    ("decoder", "rows"), [("yolox", yolox_rows(1)), ("yolov8", yolov8_rows(1)), ("end_to_end", np.ones((9, 6), np.float32))]
)
class TestEveryDecoder:
    def test_reads_the_picture_asked_for_of_a_batch(self, decoder: str, rows: npt.NDArray[np.float32]) -> None:
        decode = make_decoder(model(decoder), confidence=CONFIDENCE, nms_iou=NMS_IOU)
        batch = np.stack([np.zeros_like(rows), rows])
        assert len(decode([batch], 0)) == 0
        assert len(decode([batch], 1)) > 0

    def test_keeps_nothing_of_the_engines_memory(self, decoder: str, rows: npt.NDArray[np.float32]) -> None:
        outputs = rows[None].copy()
        found = make_decoder(model(decoder), confidence=CONFIDENCE, nms_iou=NMS_IOU)([outputs], 0)
        before = found.boxes.copy(), found.confidence.copy()
        outputs[:] = 7
        np.testing.assert_array_equal(found.boxes, before[0])
        np.testing.assert_array_equal(found.confidence, before[1])

    def test_reads_half_precision(self, decoder: str, rows: npt.NDArray[np.float32]) -> None:
        decode = make_decoder(model(decoder), confidence=CONFIDENCE, nms_iou=1.0)
        rounded = rows.astype(np.float16)
        half, full = decode([rounded[None]], 0), decode([rounded.astype(np.float32)[None]], 0)
        np.testing.assert_array_equal(half.class_id, full.class_id)
        np.testing.assert_allclose(half.boxes, full.boxes, atol=1e-3)
        assert half.boxes.dtype == np.float32

    def test_reports_no_more_than_asked(self, decoder: str, rows: npt.NDArray[np.float32]) -> None:
        decode = make_decoder(model(decoder), confidence=CONFIDENCE, nms_iou=NMS_IOU, max_detections=2)
        assert len(decode([rows[None]], 0)) == 2

    def test_falls_back_on_what_the_model_is_wanted_for(self, decoder: str, rows: npt.NDArray[np.float32]) -> None:
        decode = make_decoder(model(decoder, wanted=(1,)), confidence=0.0, nms_iou=1.0)
        assert set(decode([rows[None]], 0).class_id.tolist()) == {1}


def test_a_yolox_answer_of_another_size_is_refused() -> None:
    decode = make_decoder(model("yolox"), confidence=CONFIDENCE, nms_iou=NMS_IOU)
    with pytest.raises(ModelError, match="answered 85 cells, its input size has 84"):
        decode([np.zeros((1, CELLS + 1, 9), np.float32)], 0)


def test_an_unknown_decoder_is_refused_with_those_there_are() -> None:
    with pytest.raises(ModelError, match="no decoder 'ssd'; there are yolox, yolov8, end_to_end"):
        make_decoder(model("ssd"), confidence=CONFIDENCE, nms_iou=NMS_IOU)


def test_an_unknown_class_is_refused_with_the_nearest() -> None:
    with pytest.raises(ModelError, match="knows no class 'persan'; did you mean 'person'"):
        make_decoder(model("yolox"), confidence=CONFIDENCE, nms_iou=NMS_IOU, classes=("persan",))
