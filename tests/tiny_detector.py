"""A detector small enough for any machine: real weights, a real engine, answers known beforehand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from camslice.models.model import InputSpec, ModelInfo

SIDE = 64
ANCHORS = (SIDE // 8) ** 2 + (SIDE // 16) ** 2 + (SIDE // 32) ** 2
BOX = (16.0, 16.0, 8.0, 8.0)
"""Centre and size, in input pixels, of the one box that it finds in any picture that is not black."""


def tiny_detector(path: Path, *, name: str = "tiny") -> ModelInfo:
    """Write a YOLOv8-style detector [N, 4 + 1, 84] of one class, `thing`, to `path` and describe it."""
    boxes = np.tile(np.array(BOX, np.float32)[None, :, None], (1, 1, ANCHORS))  # [1, 4, A]
    only_the_first = np.zeros((1, 1, ANCHORS), np.float32)
    only_the_first[0, 0, 0] = 100.0
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], axes=[1, 2, 3], keepdims=1),  # [N, 1, 1, 1]
        helper.make_node("Reshape", ["mean", "column"], ["brightness"]),  # [N, 1, 1]
        helper.make_node("Mul", ["brightness", "weights"], ["raw"]),  # [N, 1, A]
        helper.make_node("Clip", ["raw", "zero", "one"], ["scores"]),
        helper.make_node("Mul", ["brightness", "nothing"], ["zeroes"]),  # [N, 4, A]
        helper.make_node("Add", ["zeroes", "boxes"], ["every_box"]),
        helper.make_node("Concat", ["every_box", "scores"], ["output0"], axis=1),
    ]
    constants = [
        numpy_helper.from_array(np.array([0, 1, 1], np.int64), "column"),
        numpy_helper.from_array(only_the_first, "weights"),
        numpy_helper.from_array(np.float32(0), "zero"),
        numpy_helper.from_array(np.float32(1), "one"),
        numpy_helper.from_array(np.zeros((1, 4, ANCHORS), np.float32), "nothing"),
        numpy_helper.from_array(boxes, "boxes"),
    ]
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, SIDE, SIDE])
    output = helper.make_tensor_value_info("output0", TensorProto.FLOAT, ["batch", 5, ANCHORS])
    graph = helper.make_graph(nodes, "tiny", [images], [output], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=9)
    helper.set_model_props(model, {"names": "{0: 'thing'}"})
    onnx.save(model, path)
    return ModelInfo(
        name, path, f"{hash(path) & (1 << 64) - 1:064x}", "Apache-2.0", "detect", ("thing",),
        InputSpec(SIDE, SIDE, dynamic_batch=True, dynamic_size=False), "yolov8", "a test",
    )  # fmt: skip
