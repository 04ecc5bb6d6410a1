"""Which decoder an unknown model needs, from the shapes of its outputs."""

from __future__ import annotations

from camslice.fleet.errors import ModelError
from camslice.models.decoders.make import DECODERS
from camslice.models.weights_file import Shape, WeightsFile, shape_words

_MOST_FINAL_BOXES = 1000
"""Detectors that suppress overlaps themselves answer 100 to 300 boxes, far fewer than an input has grid cells."""

_STRIDES = ((8, 16, 32), (4, 8, 16, 32), (8, 16, 32, 64))
"""Strides of the grids that detectors look at, the usual ones first (the others are YOLOv8's P2 and P6 variants)."""


def choose_decoder(weights: WeightsFile, width: int, height: int, declared: str | None) -> str:
    """The decoder's name for an input of `width` x `height`: the `declared` one, else the only one that fits the outputs.

    Raises ModelError that names the outputs when none fits, or when the declared one cannot read them.
    """
    outputs = " and ".join(map(shape_words, weights.outputs))
    if declared is not None:
        if declared not in DECODERS:
            raise ModelError(f"model {weights.path}: there is no decoder {declared!r}; there are {', '.join(DECODERS)}.")
        if not weights.outputs or len(weights.outputs[0]) != 3:
            raise ModelError(f"model {weights.path}: decoder {declared} cannot read its outputs {outputs}.")
        return declared
    task = weights.metadata.get("task", "detect")
    if task != "detect":
        raise ModelError(f"model {weights.path}: it is made to {task}; camslice runs models that detect.")
    fitting = _fitting(weights.outputs[0], width, height) if len(weights.outputs) == 1 else None
    if fitting is None:
        raise ModelError(
            f"model {weights.path}: its outputs {outputs} fit no decoder known here; "
            f"if one of {', '.join(DECODERS)} reads them, say so with `decoder:`."
        )
    return fitting


def class_count(decoder: str, output: Shape) -> int | None:
    """How many classes an output of that decoder tells apart, None where its shape does not say."""
    match decoder:
        case "yolox":
            return None if output[2] is None else output[2] - 5
        case "yolov8":
            return None if output[1] is None else output[1] - 4
    return None


def _fitting(output: Shape, width: int, height: int) -> str | None:
    if len(output) != 3:
        return None
    _, rows, columns = output
    cells = [sum((width // stride) * (height // stride) for stride in strides) for strides in _STRIDES]
    if columns == 6 and rows is not None and rows <= _MOST_FINAL_BOXES and rows != cells[0]:
        return "end_to_end"
    if columns is not None and columns >= 6 and rows in (cells[0], None):
        return "yolox"
    if rows is not None and rows >= 5 and columns in (*cells, None):
        return "yolov8"
    return None
