from __future__ import annotations

from pathlib import Path

import onnxruntime
import openvino
import pytest

from camslice.engine.thread_caps import capped_onnxruntime, capped_openvino
from tests.unit.engine.tiny_models import mean_model


@pytest.fixture
def model(tmp_path: Path) -> str:
    return str(mean_model(tmp_path / "mean.onnx").path)


def session_threads(model: str, options: onnxruntime.SessionOptions | None = None) -> int:
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return int(session.get_session_options().intra_op_num_threads)


def test_a_session_that_asks_for_no_number_of_threads_gets_the_cap(model: str) -> None:
    with capped_onnxruntime(1):
        assert session_threads(model) == 1
        assert session_threads(model, onnxruntime.SessionOptions()) == 1


def test_a_session_that_asks_for_a_number_gets_it(model: str) -> None:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    with capped_onnxruntime(1):
        assert session_threads(model, options) == 2


def test_afterwards_onnx_runtime_is_as_it_was(model: str) -> None:
    original = onnxruntime.InferenceSession
    with pytest.raises(RuntimeError, match="while loading"), capped_onnxruntime(1):
        raise RuntimeError("while loading")
    assert onnxruntime.InferenceSession is original
    assert session_threads(model) == 0


def compiled(model: str, **settings: object) -> openvino.CompiledModel:
    return openvino.Core().compile_model(model, "CPU", {"PERFORMANCE_HINT": "LATENCY", **settings})


def test_a_compiled_model_gets_the_cap_unpinned_and_the_precision(model: str) -> None:
    with capped_openvino(1, "f32"):
        one = compiled(model)
    assert one.get_property("INFERENCE_NUM_THREADS") == 1
    assert one.get_property("ENABLE_CPU_PINNING") is False
    assert one.get_property("INFERENCE_PRECISION_HINT").get_type_name() == "f32"


def test_a_model_compiled_for_a_number_of_threads_gets_it(model: str) -> None:
    with capped_openvino(1):
        two = compiled(model, INFERENCE_NUM_THREADS=2)
    assert two.get_property("INFERENCE_NUM_THREADS") == 2


def test_afterwards_openvino_is_as_it_was() -> None:
    original = openvino.Core
    with capped_openvino(1):
        assert issubclass(openvino.Core, original)
    assert openvino.Core is original
