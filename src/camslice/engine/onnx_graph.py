"""Pre-processing as part of an ONNX graph: the counterpart of `openvino_graph` for ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from camslice.engine.slots import Layout
from camslice.models.model import InputSpec

_PREFIX = "camslice_"
_OLDEST_OPSET = 13


def with_u8_input(path: Path, layout: Layout, spec: InputSpec, width: int, height: int) -> bytes:
    """The model at `path` with inputs y, u, v, colour (or rgb, or tensor) as `SlotArrays` has them, serialised."""
    model = onnx.load(path)
    opset = next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), _OLDEST_OPSET)
    if opset < _OLDEST_OPSET:
        model = onnx.version_converter.convert_version(model, _OLDEST_OPSET)
    original = model.graph.input[0]
    graph = _Prefix(original.type.tensor_type.elem_type, spec.scale, bgr=spec.channels == "bgr")
    inputs = {Layout.I420: graph.from_i420, Layout.RGB: graph.from_rgb, Layout.TENSOR: graph.bare}[layout](width, height)
    graph.finish(original.name)
    del model.graph.input[0]
    for i, each in enumerate(inputs):
        model.graph.input.insert(i, each)
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*graph.nodes, *nodes])
    model.graph.initializer.extend(graph.constants)
    return bytes(model.SerializeToString())


class _Prefix:
    """Nodes in front of a model, in the order in which they compute."""

    def __init__(self, float_type: int, scale: float, *, bgr: bool) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._type = float_type
        self._scale = scale
        self._bgr = bgr
        self._picture = ""

    def from_i420(self, width: int, height: int) -> list[onnx.ValueInfoProto]:
        y, u, v = (self._float(name) for name in ("y", "u", "v"))
        weight = [self._column(k) for k in range(4)]
        chroma = self._add("Add", self._add("Mul", u, weight[1]), self._add("Mul", v, weight[2]))
        chroma = self._add("Add", chroma, weight[3])
        scales = self._constant(np.array([1, 1, 2, 2], np.float32))
        enlarged = self._add(
            "Resize", chroma, "", scales, mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"
        )
        total = self._add("Add", self._add("Mul", y, weight[0]), enlarged)
        low, high = (self._constant(np.float32(limit)) for limit in (0.0, 255.0 * self._scale))
        self._picture = self._add("Clip", total, low, high)
        half = [height // 2, width // 2]
        shapes = {"y": [height, width], "u": half, "v": half}
        planes = [_input(name, TensorProto.UINT8, [1, *shape]) for name, shape in shapes.items()]
        return [*planes, _input("colour", TensorProto.FLOAT, [3, 4])]

    def from_rgb(self, width: int, height: int) -> list[onnx.ValueInfoProto]:
        planes = self._add("Transpose", self._float("rgb"), perm=[0, 3, 1, 2])
        self._picture = self._add("Mul", planes, self._constant(np.float32(self._scale)))
        return [_input("rgb", TensorProto.UINT8, [height, width, 3])]

    def bare(self, width: int, height: int) -> list[onnx.ValueInfoProto]:
        self._picture = "tensor"
        self._bgr = False  # whoever made the tensor has seen to it
        return [_input("tensor", TensorProto.FLOAT, [3, height, width])]

    def finish(self, name: str) -> None:
        """Name the result as the model's own input."""
        if self._bgr:
            order = self._constant(np.array([2, 1, 0], np.int64))
            self._picture = self._add("Gather", self._picture, order, axis=1)
        self.nodes.append(helper.make_node("Cast", [self._picture], [name], to=self._type))

    def _float(self, name: str) -> str:
        return self._add("Cast", name, to=TensorProto.FLOAT)

    def _column(self, k: int) -> str:
        bounds = [self._constant(np.array([value], np.int64)) for value in (k, k + 1, 2)]
        column = self._add("Slice", "colour", *bounds)
        scaled = self._add("Mul", column, self._constant(np.float32(self._scale)))
        return self._add("Reshape", scaled, self._constant(np.array([0, 3, 1, 1], np.int64)))

    def _add(self, kind: str, *inputs: str, **attributes: str | int | list[int]) -> str:
        output = f"{_PREFIX}{len(self.nodes)}"
        node = helper.make_node(kind, list(inputs), [output])
        node.attribute.extend(helper.make_attribute(name, value) for name, value in attributes.items())
        self.nodes.append(node)
        return output

    def _constant(self, value: np.ndarray | np.generic) -> str:
        name = f"{_PREFIX}constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name


def _input(name: str, kind: int, shape: list[int]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, ["batch", *shape])
