"""Detection on still pictures: each answer belongs to its picture, in its own pixels."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

from camslice.fleet.errors import SourceError
from camslice.fleet.types import Backend, ModelSpec
from camslice.measure.pictures import PictureDetector
from camslice.video.picture import StillPicture
from tests.tiny_detector import tiny_detector
from tests.unit.engine.stand_in_ultralytics import StandIn


def picture(width: int, height: int, brightness: int) -> StillPicture:
    return StillPicture(np.full((height, width, 3), brightness, np.uint8))


@pytest.fixture(params=[Backend.OPENVINO, Backend.ONNXRUNTIME])
def detector(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PictureDetector]:
    made = PictureDetector(tiny_detector(tmp_path / "tiny.onnx"), ModelSpec("tiny", "tiny", backend=request.param))
    yield made
    made.close()


def test_answers_come_in_the_order_of_the_pictures(detector: PictureDetector) -> None:
    random = np.random.default_rng(1)
    sides = random.integers(32, 400, 40) * 2
    bright = random.random(40) > 0.3
    found = list(
        detector.detect(picture(int(side), int(side), 200 if lit else 0) for side, lit in zip(sides, bright, strict=True))
    )
    assert [len(detections) for detections in found] == [int(lit) for lit in bright]
    for side, detections in zip(sides, found, strict=True):
        for box in detections.boxes:  # 12..20 of 64 input pixels
            assert box.tolist() == pytest.approx([side * 12 / 64, side * 12 / 64, side * 20 / 64, side * 20 / 64], abs=0.01)


def test_boxes_are_in_the_pixels_of_a_picture_that_is_not_square(detector: PictureDetector) -> None:
    (found,) = detector.detect([picture(256, 128, 200)])
    # Scaled by 1/4 into rows 16..47 of the input: the box 12..20 begins above the picture and is cut there.
    assert found.boxes[0].tolist() == pytest.approx([48.0, 0.0, 80.0, 16.0], abs=0.01)


def test_a_detector_can_be_used_again(detector: PictureDetector) -> None:
    for _ in range(2):
        assert [len(found) for found in detector.detect([picture(64, 64, 0), picture(64, 64, 200)])] == [0, 1]


def test_no_pictures_are_no_answers(detector: PictureDetector) -> None:
    assert list(detector.detect([])) == []


def test_a_picture_that_cannot_be_read_ends_it_with_its_own_error(detector: PictureDetector) -> None:
    def pictures() -> Iterator[StillPicture]:
        yield from (picture(64, 64, 200) for _ in range(3))
        raise SourceError("x.png is no picture")

    with pytest.raises(SourceError, match=r"x\.png is no picture"):
        list(detector.detect(pictures()))


def test_a_decoder_that_fails_is_told_and_not_waited_for(detector: PictureDetector, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(outputs: object, index: int) -> None:
        raise ValueError("no such output")

    monkeypatch.setattr(detector, "_decode", broken)
    with pytest.raises(ValueError, match="no such output"):
        list(detector.detect([picture(64, 64, 200)] * 20))


def test_an_engine_that_answers_boxes_needs_no_decoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMSLICE_CACHE", str(tmp_path))
    StandIn(finds=lambda seen: [[1, 2, seen.shape[1], seen.shape[0], 0.5, 0]]).install(monkeypatch)
    spec = ModelSpec("tiny", "tiny", backend=Backend.ULTRALYTICS)
    with patch.dict(os.environ):
        detector = PictureDetector(tiny_detector(tmp_path / "tiny.onnx"), spec)
        found = list(detector.detect([picture(256, 128, 200), picture(64, 96, 200)]))
        detector.close()
    assert [detections.boxes.tolist() for detections in found] == [[[1, 2, 256, 128]], [[1, 2, 64, 96]]]
