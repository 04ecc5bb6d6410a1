from __future__ import annotations

from pathlib import Path

import onnx
import openvino
import pytest
from onnx import TensorProto, helper

from camslice.fleet.errors import ModelError
from camslice.models.read_weights import read_weights
from tests.unit.models.tiny_detectors import write_detector

IR = """<?xml version="1.0"?>
<net name="tiny" version="11">
  <layers>
    <layer id="0" name="images" type="Parameter" version="opset1">
      <data shape="?,3,32,32" element_type="f32"/>
      <output><port id="0" precision="FP32"><dim>-1</dim><dim>3</dim><dim>32</dim><dim>32</dim></port></output>
    </layer>
    <layer id="1" name="output" type="Result" version="opset1">
      <input><port id="0" precision="FP32"><dim>-1</dim><dim>6</dim><dim>21</dim></port></input>
    </layer>
  </layers>
  <rt_info><model_info><labels value="cat dog"/><model_type value="YOLO"/></model_info></rt_info>
</net>
"""


def test_an_onnx_file_tells_shapes_and_metadata(tmp_path: Path) -> None:
    path = write_detector(tmp_path / "tiny.onnx", rows=6, metadata={"task": "detect"})
    weights = read_weights(path)
    assert (weights.input, weights.outputs) == ((None, 3, 32, 32), ((None, 6, 21),))
    assert weights.metadata == {"task": "detect"}


def test_open_output_shapes_are_worked_out_for_a_size(tmp_path: Path) -> None:
    path = write_detector(tmp_path / "tiny.onnx", rows=6, side=None)
    assert read_weights(path).outputs == ((None, 6, None),)
    assert read_weights(path, (64, 32)).outputs == ((1, 6, 42),)


def test_openvino_ir_tells_shapes_and_metadata(tmp_path: Path) -> None:
    path = tmp_path / "tiny.xml"
    path.write_text(IR)
    (tmp_path / "tiny.bin").write_bytes(b"weights")
    (tmp_path / "metadata.yaml").write_text("task: detect\nnames: {0: cat, 1: dog}\nimgsz: [32, 32]\n")
    weights = read_weights(path)
    assert (weights.input, weights.outputs) == ((None, 3, 32, 32), ((None, 6, 21),))
    assert weights.files == (path, tmp_path / "tiny.bin")
    assert weights.metadata["labels"] == "cat dog"
    assert weights.metadata["names"] == "{0: 'cat', 1: 'dog'}"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("nowhere.onnx", None, "there is no such file"),
        ("text.onnx", "These are words, no weights.\n", "no ONNX model"),
        ("empty.onnx", "", "no ONNX model"),
        ("model.pt", "x", "camslice models import"),
        ("notes.txt", "x", "ending in .onnx"),
        ("text.xml", "words", "no OpenVINO IR"),
        ("page.xml", "<html/>", r"its root is <html>"),
        ("lonely.xml", IR, "weights lonely.bin do not lie beside it"),
    ],
)
def test_what_is_no_model_is_told_in_a_sentence(tmp_path: Path, name: str, content: str | None, words: str) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(ModelError, match=words):
        read_weights(tmp_path / name)


def test_a_model_that_takes_no_picture_is_refused(tmp_path: Path) -> None:
    _save_identity(tmp_path / "flat.onnx", [[1, 128]])
    with pytest.raises(ModelError, match=r"its input is \[1, 128\]"):
        read_weights(tmp_path / "flat.onnx")


def test_a_model_with_two_inputs_is_refused(tmp_path: Path) -> None:
    _save_identity(tmp_path / "two.onnx", [[1, 3, 32, 32], [1, 2]])
    with pytest.raises(ModelError, match="it has 2 inputs"):
        read_weights(tmp_path / "two.onnx")


def _save_identity(path: Path, shapes: list[list[int]]) -> None:
    inputs = [helper.make_tensor_value_info(f"x{i}", TensorProto.FLOAT, shape) for i, shape in enumerate(shapes)]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, shapes[0])
    graph = helper.make_graph([helper.make_node("Identity", ["x0"], ["y"])], "identity", inputs, [output])
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)]), path)


def test_ir_written_by_openvino_is_read_like_the_onnx_it_came_from(tmp_path: Path) -> None:
    path = write_detector(tmp_path / "tiny.onnx", rows=6, side=None)
    openvino.save_model(openvino.Core().read_model(path), tmp_path / "ir.xml", compress_to_fp16=False)
    onnx_file, ir_file = read_weights(path), read_weights(tmp_path / "ir.xml")
    assert (ir_file.input, ir_file.outputs) == (onnx_file.input, onnx_file.outputs)
