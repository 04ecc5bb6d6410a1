"""Nothing that camslice stands on calls home. The processes here have no network, and an attempt to reach one is seen."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.sealed import run_sealed

_EVERYTHING = """
import importlib, pkgutil
import camslice
for module in pkgutil.walk_packages(camslice.__path__, "camslice."):
    if module.name != "camslice.models.ultralytics_weights":  # needs an extra
        importlib.import_module(module.name)
"""

_A_MODEL_ON_BOTH_LIBRARIES = """
import camslice
import numpy as np, onnx, onnxruntime, openvino
from onnx import TensorProto, helper
shape = ["n", 4]
graph = helper.make_graph(
    [helper.make_node("Relu", ["x"], ["y"])],
    "tiny",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
)
model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString()
x = np.array([[-1, 0, 1, 2]], np.float32)
compiled = openvino.Core().compile_model(openvino.Core().read_model(model), "CPU")
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
assert compiled(x)[0].tolist() == session.run(None, {"x": x})[0].tolist() == [[0, 0, 1, 2]]
"""

_A_MODEL_IN_INT8 = f"""
import sys
sys.path.insert(0, {str(Path(__file__).resolve().parents[2])!r})
import camslice
from pathlib import Path
from tempfile import TemporaryDirectory
from tests.blob_detector import blob_detector, squares
from camslice.cli.main import command_line
from camslice.measure import precisions
precisions.TURN_S = 0.001
with TemporaryDirectory() as folder:
    model, pictures = blob_detector(Path(folder, "blobs.onnx")), squares(Path(folder, "squares"), 8)
    words = ["models", "quantise", str(model), "--data", str(pictures)]
    command_line(words)(args=words, prog_name="camslice", standalone_mode=False)
assert "nncf" in sys.modules and "torch" not in sys.modules
"""


@pytest.mark.parametrize(
    "code",
    [_EVERYTHING, _A_MODEL_ON_BOTH_LIBRARIES, _A_MODEL_IN_INT8],
    ids=["every module", "a model on both libraries", "a model made INT8"],
)
def test_nothing_calls_home(code: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    process, attempts = run_sealed(code, home)
    assert process.returncode == 0, process.stderr
    assert not attempts
    left = [path for path in home.rglob("*") if {"intel", "Microsoft"} & set(path.parts)]
    assert not left, f"an identifier for reports was written: {left}"


def test_the_seal_notices_python_code_even_in_a_forked_child(tmp_path: Path) -> None:
    code = """
import multiprocessing, urllib.request
def report():
    urllib.request.urlopen("http://192.0.2.1/")
child = multiprocessing.get_context("fork").Process(target=report)
child.start(); child.join()
"""
    process, attempts = run_sealed(code, tmp_path / "home")
    assert process.returncode == 0, process.stderr
    assert any("192.0.2.1" in attempt for attempt in attempts)


def test_the_seal_kills_native_code_that_opens_a_socket(tmp_path: Path) -> None:
    process, _ = run_sealed("import ctypes; ctypes.CDLL(None).socket(2, 1, 0)", tmp_path / "home")
    assert process.returncode == -signal.SIGSYS


def test_importing_camslice_is_enough(tmp_path: Path) -> None:
    home = tmp_path / "home"
    process, attempts = run_sealed("import camslice, openvino, onnxruntime", home)
    assert process.returncode == 0, process.stderr
    assert not attempts
    assert not list(home.iterdir())
