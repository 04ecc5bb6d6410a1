"""ONNX Runtime: the engine for machines with a GPU (CUDA, TensorRT), and a second opinion on a CPU.

Its Python interface blocks while it computes, so each batch that may compute at once has a thread that does nothing else.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from camslice.engine.batch_pool import BatchPool
from camslice.engine.fitting import fitted
from camslice.engine.protocol import Batch, EngineInfo, InferenceTimes, OnDone, Outputs
from camslice.engine.slots import Layout, SlotArrays
from camslice.engine.telemetry import switch_off_telemetry
from camslice.fleet.errors import EngineError
from camslice.fleet.geometry import Letterbox, Region
from camslice.fleet.types import Precision
from camslice.models.model import ModelInfo
from camslice.video.slot import Slot

if TYPE_CHECKING:
    import onnxruntime

log = logging.getLogger(__name__)

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
QUEUE_FACTOR = 2
CLOSE_PATIENCE_S = 5.0
_GPU_QUEUES = 1


class OnnxRuntimeEngine:
    """One session. Owns its batches and its threads until `close`."""

    def __init__(
        self,
        info: ModelInfo,
        width: int,
        height: int,
        *,
        layout: Layout = Layout.I420,
        device: str = "cpu",
        precision: Precision = Precision.AUTO,
        threads: int = 1,
        max_batch: int = 1,
    ) -> None:
        switch_off_telemetry()
        self._centred, self._even = info.input.centred, layout is Layout.I420
        self._session = _session(info, width, height, layout, device, precision)
        queues = threads if device == "cpu" else _GPU_QUEUES
        self._info = EngineInfo(
            "onnxruntime", device, "fp32", width, height, max_batch, queues * QUEUE_FACTOR, threads, info.sha256
        )
        self._started: queue.SimpleQueue[_Batch | None] = queue.SimpleQueue()
        self._pool = BatchPool[_Batch]()
        for _ in range(queues * QUEUE_FACTOR):
            arrays = SlotArrays(layout, max_batch, width, height, info.input.pad)
            self._pool.add(_Batch(arrays, self._started.put, self._pool.take_back))
        _warm_up(self._session, arrays, info)
        self._threads = [threading.Thread(target=self._compute, name=f"onnx-{i}", daemon=True) for i in range(queues)]
        for thread in self._threads:
            thread.start()

    @property
    def info(self) -> EngineInfo:
        """What is running."""
        return self._info

    def fit(self, region: Region) -> Letterbox:
        """Scaled to the input's size; to whole chroma samples where slots hold planes."""
        info = self._info
        return fitted(region, info.input_width, info.input_height, centred=self._centred, even=self._even)

    def acquire(self) -> _Batch | None:
        """Lend a free batch, or None."""
        return self._pool.lend()

    def on_free(self, wake: Callable[[], None]) -> None:
        """Have `wake` called whenever a batch comes back."""
        self._pool.on_free(wake)

    def close(self) -> None:
        """Finish what was started, then end the threads."""
        self._pool.wait_until_all_are_back(CLOSE_PATIENCE_S)
        for _ in self._threads:
            self._started.put(None)
        for thread in self._threads:
            thread.join()
        self._pool.empty()

    def _compute(self) -> None:
        while (batch := self._started.get()) is not None:
            try:
                batch.compute(self._session)
            except Exception:
                log.exception("a result could not be taken")


class _Batch:
    """Slots, and what is to be done with the answer."""

    def __init__(self, arrays: SlotArrays, put: Callable[[_Batch], None], give_back: Callable[[_Batch], None]) -> None:
        self._arrays = arrays
        self._put = put
        self._give_back = give_back
        self._count = 0
        self._on_done: OnDone = _nobody_waits

    def slot_for(self, index: int, letterbox: Letterbox) -> Slot:
        """A slot of this batch, padded for `letterbox`."""
        return self._arrays.slot_for(index, letterbox)

    def start(self, count: int, on_done: OnDone, deadline_ns: int | None = None) -> None:
        """Queue the batch."""
        self._count, self._on_done = count, on_done
        self._put(self)

    def release(self) -> None:
        """Back to the engine."""
        self._give_back(self)

    def compute(self, session: onnxruntime.InferenceSession) -> None:
        """Run on the calling thread."""
        began_ns = time.monotonic_ns()
        outputs: Outputs = []
        error: Exception | None = None
        try:
            feed = {name: array[: self._count] for name, array in self._arrays.arrays.items()}
            outputs = [np.asarray(output, np.float32) for output in session.run(None, feed)]
        except Exception as failure:  # noqa: BLE001 (ONNX Runtime has no common base for its errors)
            error = EngineError(f"the device failed: {_reason(failure)}")
        self._on_done(self, outputs, InferenceTimes(began_ns, time.monotonic_ns()), error)


def _warm_up(session: onnxruntime.InferenceSession, arrays: SlotArrays, info: ModelInfo) -> None:
    """Compute a grey picture: the first time takes longer than every other. Raises EngineError."""
    try:
        session.run(None, {name: array[:1] for name, array in arrays.arrays.items()})
    except Exception as error:
        raise EngineError(f"model {info.name} ({info.path}): it fails on a grey picture: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return str(error).strip().splitlines()[-1]


def _nobody_waits(batch: Batch, outputs: Outputs, times: InferenceTimes, error: Exception | None) -> None:
    """Stands in until the first start."""


def _session(
    info: ModelInfo, width: int, height: int, layout: Layout, device: str, precision: Precision
) -> onnxruntime.InferenceSession:
    import onnxruntime

    from camslice.engine.onnx_graph import with_u8_input

    provider = PROVIDERS.get(device)
    available = onnxruntime.get_available_providers()
    if provider not in available:
        here = [name for name, known in PROVIDERS.items() if known in available]
        raise EngineError(
            f"model {info.name}: ONNX Runtime cannot use device {device!r} here, only {', '.join(here)}; "
            "for a GPU, uninstall onnxruntime and install camslice[gpu]."
        )
    if precision is Precision.BF16:
        raise EngineError(f"model {info.name}: ONNX Runtime computes this model in FP32; use `precision: auto` or fp32.")
    if info.path.suffix != ".onnx":
        raise EngineError(f"model {info.name} ({info.path}): ONNX Runtime reads .onnx files; use `engine: openvino`.")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        graph = with_u8_input(info.path, layout, info.input, width, height)
        return onnxruntime.InferenceSession(graph, options, providers=[provider])
    except Exception as error:
        raise EngineError(f"model {info.name} ({info.path}): ONNX Runtime cannot load it: {_reason(error)}") from error
