"""Reading an ONNX file's shapes and metadata."""

from __future__ import annotations

from pathlib import Path

import onnx
from google.protobuf.message import DecodeError

from camslice.fleet.errors import ModelError
from camslice.models.weights_file import Shape, WeightsFile


def read_onnx(path: Path, size: tuple[int, int] | None = None) -> WeightsFile:
    """See `weights_file.read_weights`."""
    model = load_onnx(path)
    weights = {initializer.name for initializer in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    if len(inputs) != 1:
        raise ModelError(f"model {path}: it has {len(inputs)} inputs; camslice runs models with one, the picture.")
    shape = _shape(inputs[0])
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    outputs = tuple(_shape(value) for value in model.graph.output)
    if size and any(None in output for output in outputs):
        outputs = _outputs_for(model, inputs[0], size)
    return WeightsFile(path, (path,), shape, outputs, metadata)


def load_onnx(path: Path) -> onnx.ModelProto:
    """Parse the file. Raises ModelError if it is no ONNX model."""
    try:
        model = onnx.load(path)
    except (DecodeError, OSError, ValueError) as error:
        raise ModelError(f"model {path}: this is no ONNX model, or a damaged one.") from error
    except onnx.checker.ValidationError as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"model {path}: a file that belongs to it is missing or damaged: {reason}") from error
    if not model.graph.node:
        raise ModelError(f"model {path}: this is no ONNX model (it computes nothing).")
    return model


def _outputs_for(model: onnx.ModelProto, picture: onnx.ValueInfoProto, size: tuple[int, int]) -> tuple[Shape, ...]:
    """Output shapes of one picture of `size`; open as before where ONNX cannot work them out."""
    width, height = size
    for dimension, value in zip(picture.type.tensor_type.shape.dim, (1, 3, height, width), strict=False):
        dimension.Clear()
        dimension.dim_value = value
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    return tuple(_shape(value) for value in inferred.graph.output)


def _shape(value: onnx.ValueInfoProto) -> Shape:
    dimensions = value.type.tensor_type.shape.dim
    return tuple(dim.dim_value if dim.HasField("dim_value") and dim.dim_value > 0 else None for dim in dimensions)
