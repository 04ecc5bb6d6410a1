"""A detector of bright squares with real convolutions, which NNCF really quantises, and pictures on which it is right."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE = 64
CELL = 8
"""It finds squares of this many pixels of its input, on a grid of them."""
_CELLS = SIDE // CELL
_ANCHORS = _CELLS**2 + (SIDE // 16) ** 2 + (SIDE // 32) ** 2


def blob_detector(path: Path, *, loud: float = 1.0) -> Path:
    """Write a YOLOv8-style detector [N, 4 + 1, 84] of one class, `thing`, for pictures of 64 x 64.

    Its first convolution also makes a channel that nobody needs, `loud` times as strong: one scale for both channels then
    leaves few INT8 steps, or none, for the one that matters.
    """
    first = np.zeros((2, 3, 2, 2), np.float32)
    first[0], first[1] = 1 / 12, loud / 12
    second = np.zeros((2, 2, 4, 4), np.float32)
    second[:, 0] = 1 / 16
    nodes = [
        helper.make_node("Conv", ["images", "first"], ["halved"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Relu", ["halved"], ["soft"]),
        helper.make_node("Conv", ["soft", "second"], ["cells"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("ReduceMean", ["cells"], ["bright"], axes=[1], keepdims=1),
        helper.make_node("Reshape", ["bright", "flat"], ["row"]),
        helper.make_node("Sub", ["row", "half"], ["above"]),
        helper.make_node("Mul", ["above", "two"], ["doubled"]),
        helper.make_node("Clip", ["doubled", "zero", "one"], ["scores"]),
        helper.make_node("Pad", ["scores", "behind"], ["all_scores"]),
        helper.make_node("Mul", ["all_scores", "nothing"], ["zeroes"]),
        helper.make_node("Add", ["zeroes", "boxes"], ["every_box"]),
        helper.make_node("Concat", ["every_box", "all_scores"], ["output0"], axis=1),
    ]
    constants = {
        "first": first,
        "second": second,
        "flat": np.array([0, 1, -1], np.int64),
        "half": np.float32(0.45),
        "two": np.float32(2),
        "zero": np.float32(0),
        "one": np.float32(1),
        "behind": np.array([0, 0, 0, 0, 0, _ANCHORS - _CELLS**2], np.int64),
        "nothing": np.zeros((1, 4, _ANCHORS), np.float32),
        "boxes": _boxes(),
    }
    graph = helper.make_graph(
        nodes,
        "blobs",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, ["batch", 5, _ANCHORS])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=9)
    helper.set_model_props(model, {"names": "{0: 'thing'}"})
    onnx.save(model, path)
    return path


def squares(folder: Path, pictures: int) -> Path:
    """A COCO data set of pictures with bright squares where the detector looks, and darker ones that are none."""
    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(3)
    images, annotations = [], []
    for number in range(pictures):
        picture = np.full((2 * SIDE, 2 * SIDE, 3), 30, np.uint8)
        for cell in rng.choice(_CELLS**2, 6, replace=False).tolist():
            bright = rng.random() < 0.6
            x, y = cell % _CELLS * 2 * CELL, cell // _CELLS * 2 * CELL
            picture[y : y + 2 * CELL, x : x + 2 * CELL] = rng.integers(190, 256) if bright else rng.integers(60, 90)
            if bright:
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": number,
                        "category_id": 3,
                        "bbox": [x, y, 2 * CELL, 2 * CELL],
                        "area": 4 * CELL * CELL,
                        "iscrowd": 0,
                    }
                )
        assert cv2.imwrite(str(folder / "images" / f"{number:03}.png"), picture)
        images.append({"id": number, "file_name": f"{number:03}.png", "width": 2 * SIDE, "height": 2 * SIDE})
    index = {"images": images, "categories": [{"id": 3, "name": "thing"}], "annotations": annotations}
    (folder / "instances.json").write_text(json.dumps(index))
    return folder


def _boxes() -> npt.NDArray[np.float32]:
    """Centre and size of each cell, in input pixels; the anchors behind them are never scored."""
    boxes = np.zeros((1, 4, _ANCHORS), np.float32)
    for cell in range(_CELLS**2):
        boxes[0, :, cell] = (cell % _CELLS + 0.5) * CELL, (cell // _CELLS + 0.5) * CELL, CELL, CELL
    return boxes
