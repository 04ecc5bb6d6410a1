"""Reads a weights file by its ending: the one place that knows the formats."""

from __future__ import annotations

from pathlib import Path

from camslice.fleet.errors import ModelError
from camslice.models.checkpoint_file import read_checkpoint
from camslice.models.openvino_ir import read_ir
from camslice.models.weights_file import WeightsFile, shape_words


def read_weights(path: Path, size: tuple[int, int] | None = None, *, checkpoints: bool = False) -> WeightsFile:
    """Read `path`, an .onnx or OpenVINO .xml file. With `size` (width, height) open output shapes are worked out for it.

    With `checkpoints` it may be a .pt file: the engine that will run it takes one.

    Raises ModelError when there is no such file, or it is no model, or one that does not take a single picture tensor.
    """
    if not path.is_file():
        raise ModelError(f"model {path}: there is no such file.")
    match path.suffix.lower():
        case ".onnx":
            from camslice.models.onnx_file import read_onnx  # onnx takes long to import

            weights = read_onnx(path, size)
        case ".xml":
            weights = read_ir(path)
        case ".pt" if checkpoints:
            weights = read_checkpoint(path)
        case ".pt":
            raise ModelError(
                f"model {path}: only `engine: ultralytics` runs PyTorch weights as they are; "
                f"convert them with `camslice models import {path}`."
            )
        case _:
            raise ModelError(f"model {path}: a model is a file ending in .onnx, or OpenVINO IR ending in .xml.")
    if len(weights.input) != 4 or weights.input[1] not in (3, None):
        raise ModelError(
            f"model {path}: its input is {shape_words(weights.input)}; camslice needs pictures [N, 3, height, width]."
        )
    return weights
