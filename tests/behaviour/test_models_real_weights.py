"""The weights that the model list knows, on a photograph: what is decoded is what the photograph shows."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest

from camslice.fleet.geometry import Letterbox, Region
from camslice.fleet.types import ModelSpec
from camslice.models.decoders.make import make_decoder
from camslice.models.detections import Detections
from camslice.models.model import ModelInfo
from camslice.models.resolve import resolve
from tests.needs import shared_file
from tests.unit.models.naive import Box, iou

PEOPLE = [(52, 401, 244, 900), (225, 406, 342, 859), (669, 398, 810, 880)]
"""The three people in full view in bus.jpg, measured on the picture."""
BUS = [(5, 232, 800, 740)]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMSLICE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CAMSLICE_MODELS", raising=False)


@pytest.mark.parametrize(
    ("weights", "name", "decoder"),
    [
        ("yolox_nano_dyn.onnx", "yolox-nano", "yolox"),
        ("yolox_nano.onnx", "yolox-nano", "yolox"),
        ("yolov8n.onnx", "yolov8n", "yolov8"),
    ],
)
class TestKnownWeights:
    def test_they_are_recognised_by_their_contents(self, weights: str, name: str, decoder: str) -> None:
        info = resolve(ModelSpec("m", str(shared_file(f"models/{weights}"))))
        assert (info.name, info.decoder, len(info.labels)) == (name, decoder, 80)
        assert info.input.dynamic_batch
        assert info.input.dynamic_size

    def test_people_and_bus_are_found_where_they_are(self, weights: str, name: str, decoder: str) -> None:
        info = resolve(ModelSpec("m", str(shared_file(f"models/{weights}"))))
        found = detect(info, picture())[0]
        assert_found(found, 0, PEOPLE)
        assert_found(found, 5, BUS)

    def test_a_batch_answers_like_single_pictures(self, weights: str, name: str, decoder: str) -> None:
        info = resolve(ModelSpec("m", str(shared_file(f"models/{weights}"))))
        alone = detect(info, picture())[0]
        blank, together = detect(info, np.zeros_like(picture()), picture())
        assert len(blank) == 0
        np.testing.assert_array_equal(together.class_id, alone.class_id)
        np.testing.assert_allclose(together.boxes, alone.boxes, atol=0.1)

    def test_facts_read_from_the_file_agree_with_the_list(self, weights: str, name: str, decoder: str, tmp_path: Path) -> None:
        listed = resolve(ModelSpec("m", str(shared_file(f"models/{weights}"))))
        unknown = tmp_path / "unknown.onnx"
        unknown.write_bytes(shared_file(f"models/{weights}").read_bytes() + b"\x98\x06\x00")  # a field that nobody knows
        read = resolve(ModelSpec("m", str(unknown)))
        assert read.decoder == listed.decoder
        assert (read.input.channels, read.input.scale, read.input.centred) == (
            listed.input.channels,
            pytest.approx(listed.input.scale),
            listed.input.centred,
        )


def test_one_class_alone_gives_the_same_boxes_as_among_all() -> None:
    info = resolve(ModelSpec("m", str(shared_file("models/yolov8n.onnx"))))
    everything = detect(info, picture())[0]
    people = detect(resolve(ModelSpec("m", str(info.path), classes=("person",))), picture())[0]
    np.testing.assert_allclose(people.boxes, everything.boxes[everything.class_id == 0])


def picture() -> npt.NDArray[np.uint8]:
    loaded = cv2.imread(str(shared_file("video/bus.jpg")))
    assert loaded is not None
    return loaded.astype(np.uint8)


def detect(info: ModelInfo, *pictures: npt.NDArray[np.uint8]) -> list[Detections]:
    """Detections in pixels of the pictures, by ONNX Runtime."""
    height, width = pictures[0].shape[:2]
    box = Letterbox.fit(Region(0, 0, width, height), info.input.width, info.input.height, centred=info.input.centred)
    canvas = np.full((len(pictures), box.input_height, box.input_width, 3), info.input.pad, np.uint8)
    for index, one in enumerate(pictures):
        canvas[index, box.top : box.top + box.height, box.left : box.left + box.width] = cv2.resize(
            one, (box.width, box.height)
        )
    ordered = canvas[..., ::-1] if info.input.channels == "rgb" else canvas
    tensor = (ordered.transpose(0, 3, 1, 2) * info.input.scale).astype(np.float32)
    outputs = onnxruntime.InferenceSession(str(info.path)).run(None, {"images": tensor})
    decode = make_decoder(info, confidence=0.5, nms_iou=0.5)
    found = [decode(outputs, index) for index in range(len(pictures))]
    return [Detections(box.to_source(one.boxes), one.confidence, one.class_id) for one in found]


def assert_found(found: Detections, class_id: int, boxes: list[Box]) -> None:
    of_class = [tuple(box) for box in found.boxes[found.class_id == class_id].tolist()]
    assert len(of_class) == len(boxes)
    for box in boxes:
        assert max(iou(box, one) for one in of_class) > 0.7, (box, of_class)
