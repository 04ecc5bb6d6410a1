"""The files that the pages speak of as the reader's own: a clip, a picture, weights. All made here, all tiny."""

from __future__ import annotations

import shutil
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

COCO_PERSON = 0
CLASSES = 80
SIDE = 96
STRIDES = (8, 16, 32)


def set_the_stage(folder: Path) -> None:
    """Put everything that a page's commands and fleet files name into `folder`."""
    (folder / "clips").mkdir()
    shutil.copytree(Path(__file__).resolve().parents[1] / "examples", folder / "examples")
    write_clip(folder / "clips" / "yard.mp4")
    write_picture(folder / "bus.jpg")
    for name in ("tiny.onnx", "best.onnx"):
        write_network(folder / name)


def write_clip(path: Path, frames: int = 20, width: int = 192, height: int = 108, fps: int = 10) -> None:
    """Two seconds of a square that moves."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=fps)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for i in range(frames):
            picture = np.full((height, width, 3), 90, np.uint8)
            picture[40:60, 4 * i : 4 * i + 20] = 220
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


def write_picture(path: Path) -> None:
    """A grey picture with a light square."""
    picture = np.full((120, 160, 3), 90, np.uint8)
    picture[30:90, 50:80] = 220
    with av.open(str(path), "w", format="image2", options={"update": "1"}) as container:
        stream = container.add_stream("mjpeg", rate=1)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuvj420p"
        for packet in [*stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")), *stream.encode()]:
            container.mux(packet)


def write_network(path: Path) -> None:
    """A network with the shapes of a YOLOv8 trained on COCO, [N, 3, 96, 96] to [N, 84, 189], that has learnt nothing."""
    rng = np.random.default_rng(0)
    nodes, constants, heads = [], [numpy_helper.from_array(np.array([0, 4 + CLASSES, -1], np.int64), "flat")], []
    for stride in STRIDES:
        weights = rng.normal(0, 0.01, (4 + CLASSES, 3, stride, stride)).astype(np.float32)
        constants += [numpy_helper.from_array(weights, f"w{stride}"), numpy_helper.from_array(_bias(), f"b{stride}")]
        nodes += [
            helper.make_node(
                "Conv", ["images", f"w{stride}", f"b{stride}"], [f"c{stride}"], kernel_shape=[stride] * 2, strides=[stride] * 2
            ),
            helper.make_node("Reshape", [f"c{stride}", "flat"], [f"r{stride}"]),
        ]
        heads.append(f"r{stride}")
    nodes.append(helper.make_node("Concat", heads, ["output0"], axis=2))
    anchors = sum((SIDE // stride) ** 2 for stride in STRIDES)
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, ["batch", 4 + CLASSES, anchors])],
        constants,
    )
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    names = {i: "person" if i == COCO_PERSON else f"class {i}" for i in range(CLASSES)}
    helper.set_model_props(model, {"names": str(names), "task": "detect", "stride": "32"})
    onnx.save(model, path)


def _bias() -> npt.NDArray[np.float32]:
    """Boxes of 20 pixels in the middle, and hardly any confidence in anything."""
    return np.array([SIDE / 2, SIDE / 2, 20, 20, *[0.01] * CLASSES], np.float32)
