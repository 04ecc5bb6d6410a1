"""A detector small enough for any machine: real weights, a real engine, answers known beforehand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from camslice.models.model import InputSpec, ModelInfo

SIDE = 64
BOX = (16.0, 16.0, 8.0, 8.0)
"""Centre and size, in input pixels, of the one box that it finds in any picture that is not black."""


def tiny_detector(path: Path, *, name: str = "tiny") -> ModelInfo:
    """Write a YOLOv8-style detector [N, 4 + 1, 2] of one class, `thing`, to `path` and describe it."""
    boxes = np.array([[BOX, (48.0, 48.0, 8.0, 8.0)]], np.float32).transpose(0, 2, 1)  # [1, 4, 2]
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], axes=[1, 2, 3], keepdims=1),  # [N, 1, 1, 1]
        helper.make_node("Reshape", ["mean", "column"], ["brightness"]),  # [N, 1, 1]
        helper.make_node("Mul", ["brightness", "weights"], ["raw"]),  # [N, 1, 2]
        helper.make_node("Clip", ["raw", "zero", "one"], ["scores"]),
        helper.make_node("Mul", ["brightness", "nothing"], ["zeroes"]),  # [N, 4, 2]
        helper.make_node("Add", ["zeroes", "boxes"], ["every_box"]),
        helper.make_node("Concat", ["every_box", "scores"], ["output0"], axis=1),
    ]
    constants = [
        numpy_helper.from_array(np.array([0, 1, 1], np.int64), "column"),
        numpy_helper.from_array(np.array([[[100.0, 0.0]]], np.float32), "weights"),
        numpy_helper.from_array(np.float32(0), "zero"),
        numpy_helper.from_array(np.float32(1), "one"),
        numpy_helper.from_array(np.zeros((1, 4, 2), np.float32), "nothing"),
        numpy_helper.from_array(boxes, "boxes"),
    ]
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, SIDE, SIDE])
    output = helper.make_tensor_value_info("output0", TensorProto.FLOAT, ["batch", 5, 2])
    graph = helper.make_graph(nodes, "tiny", [images], [output], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=9)
    helper.set_model_props(model, {"names": "{0: 'thing'}"})
    onnx.save(model, path)
    return ModelInfo(
        name, path, f"{hash(path) & (1 << 64) - 1:064x}", "Apache-2.0", "detect", ("thing",),
        InputSpec(SIDE, SIDE, dynamic_batch=True, dynamic_size=False), "yolov8", "a test",
    )  # fmt: skip
