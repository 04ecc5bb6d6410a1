"""Detectors of a few kilobytes with the outputs of the real families."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

STRIDES = (8, 16, 32)


def write_detector(
    path: Path,
    *,
    rows: int,
    side: int | None = 32,
    batch: int | None = None,
    anchors_first: bool = False,
    metadata: Mapping[str, str] | None = None,
    seed: int = 0,
) -> Path:
    """One convolution per stride, flattened: [N, `rows`, cells], or [N, cells, `rows`] with `anchors_first` (YOLOX).

    Answers are never negative, and the first four rows, the boxes, ten times as large as the others.

    `side` and `batch` None leave the size or the batch open. With a fixed batch the flattening states it, as YOLOX's does.
    """
    rng = np.random.default_rng(seed)
    flat = np.array([batch or 0, rows, -1], np.int64)
    nodes, constants, heads = [], [], []
    for stride in STRIDES:
        kernel = rng.normal(0, 0.5 / stride, (rows, 3, stride, stride)).astype(np.float32)
        kernel[:4] *= 10
        constants += [numpy_helper.from_array(kernel, f"w{stride}"), numpy_helper.from_array(flat, f"flat{stride}")]
        nodes.append(
            helper.make_node("Conv", ["images", f"w{stride}"], [f"c{stride}"], kernel_shape=[stride] * 2, strides=[stride] * 2)
        )
        nodes.append(helper.make_node("Reshape", [f"c{stride}", f"flat{stride}"], [f"r{stride}"]))
        heads.append(f"r{stride}")
    nodes.append(helper.make_node("Concat", heads, ["joined"], axis=2))
    nodes.append(helper.make_node("Abs", ["joined"], ["positive"]))
    nodes.append(helper.make_node("Transpose", ["positive"], ["output"], perm=[0, 2, 1] if anchors_first else [0, 1, 2]))
    cells = "anchors" if side is None else sum((side // stride) ** 2 for stride in STRIDES)
    shape = [batch or "batch", cells, rows] if anchors_first else [batch or "batch", rows, cells]
    return _save(path, nodes, constants, [batch or "batch", 3, side or "height", side or "width"], {"output": shape}, metadata)


def write_constant(
    path: Path, outputs: Mapping[str, list[int]], *, side: int = 32, metadata: Mapping[str, str] | None = None
) -> Path:
    """A model that answers the same zeros whatever it sees, in tensors of the shapes given."""
    constants = [numpy_helper.from_array(np.zeros(shape, np.float32), f"{name}_0") for name, shape in outputs.items()]
    nodes = [helper.make_node("ReduceMean", ["images"], ["mean"], keepdims=0)]
    nodes += [helper.make_node("Mul", [f"{name}_0", "mean"], [name]) for name in outputs]
    return _save(path, nodes, constants, [1, 3, side, side], outputs, metadata)


def _save(
    path: Path,
    nodes: list[onnx.NodeProto],
    constants: list[onnx.TensorProto],
    images: list[int | str],
    outputs: Mapping[str, list[int | str]] | Mapping[str, list[int]],
    metadata: Mapping[str, str] | None,
) -> Path:
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, images)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        constants,
    )
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)])
    helper.set_model_props(model, dict(metadata or {}))
    onnx.save(model, path)
    return path
