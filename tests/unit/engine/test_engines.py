"""Both engines behind one interface: colours, scales, batches, failures."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from camslice.engine.make import make_engine
from camslice.engine.onnxruntime_engine import OnnxRuntimeEngine
from camslice.engine.openvino_engine import OpenVinoEngine
from camslice.engine.protocol import Batch, Engine, InferenceTimes, Outputs
from camslice.engine.slots import Layout
from camslice.fleet.errors import EngineError
from camslice.fleet.geometry import Letterbox, Region
from camslice.fleet.types import Backend, ModelSpec, Precision
from camslice.models.model import ModelInfo
from camslice.video.picture import StillPicture
from camslice.video.slot import I420Slot, RgbSlot, TensorSlot
from tests.unit.engine.tiny_models import SIDE, failing_model, mean_model

FULL_RANGE_601 = np.array(
    [[1, 0, 1.402, -1.402 * 128], [1, -0.344136, -0.714136, (0.344136 + 0.714136) * 128], [1, 1.772, 0, -1.772 * 128]],
    np.float32,
)
WHOLE = Letterbox.fit(Region(0, 0, SIDE, SIDE), SIDE, SIDE, centred=False)
Make = Callable[..., Engine]
IN_PROCESS = [Backend.OPENVINO, Backend.ONNXRUNTIME]
"""Those that load weights and choose devices themselves, from the wheels that every installation has."""


def _openvino(info: ModelInfo, **options: object) -> Engine:
    return OpenVinoEngine(info, SIDE, SIDE, precision=Precision.FP32, **options)  # type: ignore[arg-type]  # per test


def _onnxruntime(info: ModelInfo, **options: object) -> Engine:
    return OnnxRuntimeEngine(info, SIDE, SIDE, **options)  # type: ignore[arg-type]  # per test


@pytest.fixture(params=[_openvino, _onnxruntime], ids=["openvino", "onnxruntime"])
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    made: list[Engine] = []

    def one(info: ModelInfo, **options: object) -> Engine:
        made.append(request.param(info, **options))
        return made[-1]

    yield one
    for engine in made:
        engine.close()


def answer(batch: Batch, count: int) -> tuple[list[np.ndarray], InferenceTimes, Exception | None]:
    """Run the batch, copy what came out, give it back."""
    done = threading.Event()
    got: list[tuple[list[np.ndarray], InferenceTimes, Exception | None]] = []

    def on_done(batch: Batch, outputs: Outputs, times: InferenceTimes, error: Exception | None) -> None:
        got.append(([np.array(output) for output in outputs], times, error))
        batch.release()
        done.set()

    batch.start(count, on_done)
    assert done.wait(20)
    return got[0]


def fill(batch: Batch, index: int, y: int, u: int, v: int) -> None:
    slot = batch.slot_for(index, WHOLE)
    assert isinstance(slot, I420Slot)
    slot.y[:], slot.u[:], slot.v[:] = y, u, v
    slot.colour[:] = FULL_RANGE_601


def acquired(engine: Engine) -> Batch:
    batch = engine.acquire()
    assert batch is not None
    return batch


@pytest.mark.parametrize(("channels", "order"), [("rgb", [0, 1, 2]), ("bgr", [2, 1, 0])])
def test_planes_become_the_colours_the_model_expects(make: Make, tmp_path: Path, channels: str, order: list[int]) -> None:
    engine = make(mean_model(tmp_path / "mean.onnx", channels=channels, scale=1 / 255))
    batch = acquired(engine)
    fill(batch, 0, 76, 85, 255)  # full-range BT.601 red
    (means,), times, error = answer(batch, 1)
    assert error is None
    assert times.ended_ns > times.began_ns
    expected = np.clip(FULL_RANGE_601 @ np.array([76, 85, 255, 1], np.float32), 0, 255)[order] / 255
    np.testing.assert_allclose(means[0], expected, atol=2e-3)


def test_pictures_of_one_batch_keep_their_own_colours(make: Make, tmp_path: Path) -> None:
    engine = make(mean_model(tmp_path / "mean.onnx"), max_batch=3)
    batch = acquired(engine)
    for index, luma in enumerate((0, 100, 200)):
        fill(batch, index, luma, 128, 128)
    (means,), _, _ = answer(batch, 3)
    np.testing.assert_allclose(means, [[0] * 3, [100] * 3, [200] * 3], atol=0.1)
    batch = acquired(engine)
    fill(batch, 0, 50, 128, 128)
    (means,), _, _ = answer(batch, 1)
    np.testing.assert_allclose(means, [[50] * 3], atol=0.1)


def test_rgb_pictures_go_in_as_they_are(make: Make, tmp_path: Path) -> None:
    engine = make(mean_model(tmp_path / "mean.onnx", channels="bgr"), layout=Layout.RGB)
    batch = acquired(engine)
    slot = batch.slot_for(0, WHOLE)
    assert isinstance(slot, RgbSlot)
    slot.rgb[:] = (10, 20, 30)
    (means,), _, _ = answer(batch, 1)
    np.testing.assert_allclose(means, [[30, 20, 10]], atol=0.1)


def test_a_tensor_goes_in_untouched(make: Make, tmp_path: Path) -> None:
    engine = make(mean_model(tmp_path / "mean.onnx", channels="bgr", scale=1 / 255), layout=Layout.TENSOR, max_batch=2)
    batch = acquired(engine)
    for index, value in enumerate((-2.5, 3000.0)):
        slot = batch.slot_for(index, WHOLE)
        assert isinstance(slot, TensorSlot)
        slot.tensor[:] = np.array([value, 0, 1], np.float32)[:, None, None]
    (means,), _, _ = answer(batch, 2)
    np.testing.assert_allclose(means, [[-2.5, 0, 1], [3000, 0, 1]], rtol=1e-5)


def test_no_picture_is_scaled_into_a_tensor(make: Make, tmp_path: Path) -> None:
    engine = make(mean_model(tmp_path / "mean.onnx"), layout=Layout.TENSOR)
    batch = acquired(engine)
    with pytest.raises(TypeError, match="tensor"):
        StillPicture(np.zeros((SIDE, SIDE, 3), np.uint8)).scale_into(batch.slot_for(0, WHOLE), WHOLE)
    batch.release()


def test_chroma_is_enlarged_in_place(make: Make, tmp_path: Path) -> None:
    """A slot whose left half is blue has half the mean of a blue slot above grey."""
    engine = make(mean_model(tmp_path / "mean.onnx"))
    batch = acquired(engine)
    fill(batch, 0, 100, 128, 128)
    slot = batch.slot_for(0, WHOLE)
    assert isinstance(slot, I420Slot)
    slot.u[:, : SIDE // 4] = 168
    (means,), _, _ = answer(batch, 1)
    np.testing.assert_allclose(means[0], [100, 100 - 0.344136 * 20, 100 + 1.772 * 20], atol=0.2)


def test_padding_is_drawn_anew_when_the_picture_lies_elsewhere(make: Make, tmp_path: Path) -> None:
    engine = make(mean_model(tmp_path / "mean.onnx"))
    batch = acquired(engine)
    fill(batch, 0, 255, 128, 128)
    wide = Letterbox.fit(Region(0, 0, 64, 32), SIDE, SIDE, centred=True)
    slot = batch.slot_for(0, wide)
    assert isinstance(slot, I420Slot)
    assert (slot.y == 114).all()
    assert (slot.u == 128).all()
    slot.y[:] = 7
    assert (batch.slot_for(0, wide).y == 7).all()  # type: ignore[union-attr]  # an I420Slot, as above
    batch.release()


def test_every_batch_is_lent_once_and_a_release_wakes_whoever_waits(make: Make, tmp_path: Path) -> None:
    engine = make(mean_model(tmp_path / "mean.onnx"), threads=1)
    batches = [acquired(engine) for _ in range(engine.info.batches)]
    assert engine.info.batches >= 2
    assert engine.acquire() is None
    woken = threading.Event()
    engine.on_free(woken.set)
    batches[0].release()
    assert woken.is_set()
    assert engine.acquire() is batches[0]
    for batch in batches:
        batch.release()


def test_a_failure_of_the_device_is_delivered_and_the_batch_comes_back(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("camslice.engine.openvino_engine.OVERDUE_NS", 0)
    engine = make(failing_model(tmp_path / "failing.onnx"), threads=1)
    failed = threading.Event()
    errors: list[Exception | None] = []

    def on_done(batch: Batch, outputs: Outputs, times: InferenceTimes, error: Exception | None) -> None:
        errors.append(error)
        batch.release()
        failed.set()

    batch = acquired(engine)
    fill(batch, 0, 0, 128, 128)
    batch.start(1, on_done)
    for _ in range(2000):
        other = engine.acquire()
        if other is not None:
            other.release()
        if failed.wait(0.005):
            break
    assert isinstance(errors[0], EngineError)
    assert "the device failed" in str(errors[0])
    batch = acquired(engine)
    fill(batch, 0, 255, 128, 128)
    (twos,), _, error = answer(batch, 1)
    assert error is None
    assert (twos == 2).all()


def test_a_request_that_cannot_be_started_is_heard_of_once_and_can_be_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import openvino

    monkeypatch.setattr("camslice.engine.openvino_engine.OVERDUE_NS", 0)
    engine = _openvino(mean_model(tmp_path / "mean.onnx"), threads=1)
    batch = acquired(engine)
    heard: list[Exception | None] = []
    with monkeypatch.context() as broken:
        broken.setattr(openvino.InferRequest, "start_async", _refuse)
        with pytest.raises(RuntimeError, match="not now"):
            batch.start(1, lambda _batch, _outputs, _times, error: heard.append(error))
    fill(batch, 0, 50, 128, 128)
    (means,), _, error = answer(batch, 1)
    assert error is None
    np.testing.assert_allclose(means, [[50] * 3], atol=0.1)
    engine.close()
    assert heard == []


def _refuse(*_: object) -> None:
    raise RuntimeError("not now")


@pytest.mark.parametrize("make_one", [_openvino, _onnxruntime], ids=["openvino", "onnxruntime"])
def test_a_closed_engine_leaves_nothing_behind(make_one: Make, tmp_path: Path) -> None:
    """Models are loaded anew for as long as a process lives, and the collector does not see what a device holds."""
    info = mean_model(tmp_path / "m.onnx")
    held = []
    gc.disable()
    try:
        for _ in range(3):
            engine = make_one(info, max_batch=2, threads=2)
            batch = acquired(engine)
            fill(batch, 0, 128, 128, 128)
            answer(batch, 1)
            closed = weakref.ref(batch)
            del batch
            engine.close()
            del engine
            assert closed() is None
            process = psutil.Process()
            held.append((process.num_threads(), process.num_fds()))
    finally:
        gc.enable()
    assert held[-1] == held[0]


@pytest.mark.parametrize("backend", IN_PROCESS)
def test_a_device_this_machine_lacks_is_refused_by_name(backend: Backend, tmp_path: Path) -> None:
    info = mean_model(tmp_path / "mean.onnx")
    with pytest.raises(EngineError, match="abacus"):
        make_engine(info, ModelSpec("tiny", "tiny", backend=backend, device="abacus"), threads=1)


def test_a_fixed_batch_is_refused_when_more_is_wanted(tmp_path: Path) -> None:
    info = mean_model(tmp_path / "mean.onnx", dynamic=False)
    with pytest.raises(EngineError, match="max_batch is 4"):
        make_engine(info, ModelSpec("tiny", "tiny", max_batch=4), threads=1)


@pytest.mark.parametrize("backend", IN_PROCESS)
def test_weights_that_are_no_model_are_one_sentence(backend: Backend, tmp_path: Path) -> None:
    info = mean_model(tmp_path / "mean.onnx")
    info.path.write_text("these are not weights")
    with pytest.raises(EngineError, match="cannot load it") as caught:
        make_engine(info, ModelSpec("tiny", "tiny", backend=backend), threads=1)
    assert "\n" not in str(caught.value)
