from __future__ import annotations

from pathlib import Path

import pytest

from camslice.fleet.errors import ModelError
from camslice.models.choose_decoder import choose_decoder, class_count
from camslice.models.weights_file import Shape, WeightsFile


def weights(*outputs: Shape, task: str | None = None) -> WeightsFile:
    path = Path("best.onnx")
    return WeightsFile(path, (path,), (1, 3, 640, 640), outputs, {"task": task} if task else {})


@pytest.mark.parametrize(
    ("output", "decoder", "classes"),
    [
        ((1, 8400, 85), "yolox", 80),
        ((None, 8400, 6), "yolox", 1),
        ((None, None, 85), "yolox", 80),
        ((1, 84, 8400), "yolov8", 80),
        ((1, 5, 8400), "yolov8", 1),
        ((1, 6, 8400), "yolov8", 2),
        ((None, 84, None), "yolov8", 80),
        ((1, 84, 34000), "yolov8", 80),  # with a grid of stride 4 (P2)
        ((1, 84, 8500), "yolov8", 80),  # with a grid of stride 64 (P6)
        ((1, 300, 6), "end_to_end", None),
        ((None, 100, 6), "end_to_end", None),
    ],
)
def test_shapes_tell_the_decoder_and_the_classes(output: Shape, decoder: str, classes: int | None) -> None:
    assert choose_decoder(weights(output), 640, 640, None) == decoder
    assert class_count(decoder, output) == classes


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        ([(1, 1000)], r"\[1, 1000\]"),
        ([(1, 25200, 85)], r"\[1, 25200, 85\]"),  # YOLOv5: decoded, with three anchors per cell
        ([(1, 116, 8400), (1, 32, 160, 160)], r"\[1, 116, 8400\] and \[1, 32, 160, 160\]"),
        ([(None, None, None)], r"\[\?, \?, \?\]"),
    ],
)
def test_unknown_outputs_are_named_with_the_way_out(outputs: list[Shape], words: str) -> None:
    with pytest.raises(ModelError, match=f"outputs {words} fit no decoder.*`decoder:`"):
        choose_decoder(weights(*outputs), 640, 640, None)


def test_the_declared_decoder_wins_over_the_shapes() -> None:
    assert choose_decoder(weights((1, 84, 1234)), 640, 640, "yolov8") == "yolov8"


@pytest.mark.parametrize(
    ("declared", "words"), [("ssd", "no decoder 'ssd'"), ("yolov8", r"cannot read its outputs \[1, 1000\]")]
)
def test_a_declared_decoder_that_cannot_be_is_refused(declared: str, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        choose_decoder(weights((1, 1000)), 640, 640, declared)


def test_a_model_made_for_something_else_is_refused_by_its_task() -> None:
    with pytest.raises(ModelError, match="made to segment"):
        choose_decoder(weights((1, 84, 8400), task="segment"), 640, 640, None)
