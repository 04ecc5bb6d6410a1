"""ONNX models small enough to reason about: what goes in comes out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from camslice.models.model import InputSpec, ModelInfo

SIDE = 32


def mean_model(path: Path, *, channels: str = "rgb", scale: float = 1.0, dynamic: bool = True) -> ModelInfo:
    """Answers [N, 3]: the mean of each input channel."""
    nodes = [helper.make_node("ReduceMean", ["images"], ["means"], axes=[2, 3], keepdims=0)]
    return _save(path, nodes, [], channels, scale, dynamic)


def failing_model(path: Path) -> ModelInfo:
    """Answers twos for a bright picture and fails on the device for a black one: the shapes of its sum do not fit."""
    bright = 3 * SIDE * SIDE
    nodes = [
        helper.make_node("Greater", ["images", "grey"], ["mask"]),
        helper.make_node("Cast", ["mask"], ["number"], to=TensorProto.FLOAT),
        helper.make_node("NonZero", ["number"], ["places"]),
        helper.make_node("Mul", ["places", "zero"], ["zeroes"]),
        helper.make_node("Add", ["zeroes", "twos"], ["whole"]),
        helper.make_node("Cast", ["whole"], ["means"], to=TensorProto.FLOAT),
    ]
    constants = [
        numpy_helper.from_array(np.float32(50), "grey"),
        numpy_helper.from_array(np.int64(0), "zero"),
        numpy_helper.from_array(np.full((4, bright), 2, np.int64), "twos"),
    ]
    return _save(path, nodes, constants, "rgb", 1.0, dynamic=False)


def _save(
    path: Path,
    nodes: list[onnx.NodeProto],
    constants: list[onnx.TensorProto],
    channels: str,
    scale: float,
    dynamic: bool,
) -> ModelInfo:
    batch = "batch" if dynamic else 1
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, [batch, 3, SIDE, SIDE])
    means = helper.make_tensor_value_info("means", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "tiny", [images], [means], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=9), path)
    spec = InputSpec(SIDE, SIDE, dynamic, dynamic_size=False, channels=channels, scale=scale)
    return ModelInfo("tiny", path, "0" * 64, "Apache-2.0", "detect", ("thing",), spec, "yolov8", "a test")
