"""Opening a YOLOX file that was exported for one picture of one size to any batch and size.

The weights are convolutions and fit any picture; only the declared shapes and the constants of three output Reshape nodes
say otherwise. In a Reshape, 0 means "as it comes in"; merely declaring another batch would leave the constants, and with
them a wrong layout.
"""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import numpy_helper

from camslice.models.cache import files_folder, keep, unwritable_cache, work_folder
from camslice.models.onnx_file import load_onnx


def opened(path: Path, sha256: str) -> Path:
    """The copy of `path` (whose contents are `sha256`) for any batch and size; derived once and kept in the cache."""
    kept = opened_copy(path, sha256)
    if not kept.is_file():
        model = load_onnx(path)
        open_shape(model)
        try:
            with work_folder() as work:
                onnx.save(model, work / kept.name)
                keep(work / kept.name, kept.name)
        except OSError as error:
            raise unwritable_cache(error) from error
    return kept


def opened_copy(path: Path, sha256: str) -> Path:
    """Where the copy lies, once it was derived."""
    return files_folder() / f"{path.stem}-{sha256[:12]}-open.onnx"


def open_shape(model: onnx.ModelProto) -> None:
    """Make the batch, height and width of the model's input open, in place. Reshape targets must lead with the batch, 1."""
    targets = {node.input[1] for node in model.graph.node if node.op_type == "Reshape"}
    for initializer in model.graph.initializer:
        if initializer.name in targets:
            shape = numpy_helper.to_array(initializer).copy()
            if shape[0] == 1:
                shape[0] = 0
                initializer.CopyFrom(numpy_helper.from_array(shape, initializer.name))
    _declare(model.graph.input[0], ("batch", None, "height", "width"))
    for output in model.graph.output:
        _declare(output, ("batch", "anchors", None))
    del model.graph.value_info[:]


def _declare(value: onnx.ValueInfoProto, names: tuple[str | None, ...]) -> None:
    for dimension, name in zip(value.type.tensor_type.shape.dim, names, strict=True):
        if name:
            dimension.Clear()
            dimension.dim_param = name
