"""OpenVINO: the default engine on a CPU. One stream per usable core, requests in a queue, arithmetic as `precision` decides.

Threads are never pinned: by default every process pins its threads to the same first cores, and eight one-thread pods of
YOLOX-nano then share one core (107 frames/s in all instead of 220, measured on two cores).
"""

from __future__ import annotations

import logging
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from camslice.engine.batch_pool import BatchPool
from camslice.engine.fitting import fitted
from camslice.engine.openvino_core import openvino_core
from camslice.engine.precision import decide
from camslice.engine.protocol import EngineInfo, InferenceTimes, OnDone, Outputs
from camslice.engine.slots import Layout, SlotArrays
from camslice.engine.telemetry import switch_off_telemetry
from camslice.engine.turns import Turns
from camslice.fleet.errors import EngineError
from camslice.fleet.geometry import Letterbox, Region
from camslice.fleet.types import Precision
from camslice.models.model import ModelInfo
from camslice.video.slot import Slot

if TYPE_CHECKING:
    import openvino as ov

log = logging.getLogger(__name__)

QUEUE_FACTOR = 2
"""Batches per device stream: one computes while the next is being filled."""
CLOSE_PATIENCE_S = 5.0
OVERDUE_NS = 1_000_000_000
"""OpenVINO calls nobody back when the device fails a request, so one that takes this long is asked how it is."""


class OpenVinoEngine:
    """One compiled model. Owns its infer requests, their slots and OpenVINO's threads until `close`.

    Callbacks come one after another from a thread that OpenVINO keeps for them, while its streams compute on: a request that
    waited begins when the callback of the one before it is called.
    """

    def __init__(
        self,
        info: ModelInfo,
        width: int,
        height: int,
        *,
        layout: Layout = Layout.I420,
        device: str = "CPU",
        precision: Precision = Precision.AUTO,
        threads: int = 1,
        max_batch: int = 1,
        cache: Path | None = None,
    ) -> None:
        switch_off_telemetry()
        self._centred, self._even = info.input.centred, layout is Layout.I420
        compiled, computed, why = compiled_model(info, width, height, layout, device, precision, threads, max_batch, cache)
        streams = max(1, int(compiled.get_property("NUM_STREAMS")))
        batches = streams * QUEUE_FACTOR
        self._info = EngineInfo(
            "openvino", device, computed, width, height, max_batch, batches, threads, info.sha256, precision_why=why
        )
        self._pool = BatchPool[_Request]()
        turns = Turns(streams)
        self._requests = tuple(
            _Request(
                compiled.create_infer_request(),
                SlotArrays(layout, max_batch, width, height, info.input.pad),
                turns,
                self._pool.take_back,
            )
            for _ in range(batches)
        )
        for request in self._requests:
            request.warm_up(info)
            self._pool.add(request)

    @property
    def info(self) -> EngineInfo:
        """What is running."""
        return self._info

    def fit(self, region: Region) -> Letterbox:
        """Scaled to the input's size; to whole chroma samples where slots hold planes."""
        info = self._info
        return fitted(region, info.input_width, info.input_height, centred=self._centred, even=self._even)

    def acquire(self) -> _Request | None:
        """Lend a free request, or None. Looks on the way whether the device has failed one."""
        overdue_ns = time.monotonic_ns() - OVERDUE_NS
        for request in self._requests:
            request.look_after(overdue_ns)
        return self._pool.lend()

    def on_free(self, wake: Callable[[], None]) -> None:
        """Have `wake` called whenever a request comes back."""
        self._pool.on_free(wake)

    def close(self) -> None:
        """Wait for running requests, then free the device."""
        for request in self._requests:
            request.wait()
            request.look_after(time.monotonic_ns())
        if self._pool.wait_until_all_are_back(CLOSE_PATIENCE_S):
            self._pool.empty()
            self._requests = ()


class _Request:
    """One infer request with its slots."""

    def __init__(
        self, request: ov.InferRequest, arrays: SlotArrays, turns: Turns, give_back: Callable[[_Request], None]
    ) -> None:
        import openvino as ov

        self._request = request
        self._arrays = arrays
        self._turns = turns
        self._give_back = give_back
        self._on_done: list[OnDone] = []  # at most one; a list, because `pop` is atomic
        self.started_ns = 0
        self._began_ns = 0
        self._count = 0
        self._bound = -1
        self._tensors = {
            count: {name: ov.Tensor(array[:count], shared_memory=True) for name, array in arrays.arrays.items()}
            for count in range(1, len(next(iter(arrays.arrays.values()))) + 1)
        }

    def warm_up(self, info: ModelInfo) -> None:
        """Compute a grey picture: the first time takes many times as long as every other. Raises EngineError."""
        self._bind(1)
        try:
            self._request.infer()
        except RuntimeError as error:
            raise EngineError(f"model {info.name} ({info.path}): it fails on a grey picture: {_reason(error)}") from error
        self._request.set_callback(_done, weakref.ref(self))

    def slot_for(self, index: int, letterbox: Letterbox) -> Slot:
        """A slot of this request, padded for `letterbox`."""
        return self._arrays.slot_for(index, letterbox)

    def start(self, count: int, on_done: OnDone, deadline_ns: int | None = None) -> None:
        """Queue the request on the device."""
        if count != self._bound:
            self._bind(count)
        self._on_done.append(on_done)
        self.started_ns = time.monotonic_ns()
        self._turns.enter(self)
        try:
            self._request.start_async()
        except RuntimeError:
            self._on_done.clear()  # the caller hears of it now, and must not hear of it again
            self._turns.leave(self, time.monotonic_ns())
            raise

    def _bind(self, count: int) -> None:
        """Have the request read the first `count` slots, where they lie."""
        for name, tensor in self._tensors[count].items():
            self._request.set_tensor(name, tensor)
        self._bound = count

    def began(self, at_ns: int) -> None:
        """The device takes this request up."""
        self._began_ns = at_ns

    def release(self) -> None:
        """Back to the engine."""
        self._give_back(self)

    def wait(self) -> None:
        """Block until the request is not running."""
        try:
            self._request.wait()
        except RuntimeError:
            log.debug("a request ended with an error")  # `look_after` delivers it

    def look_after(self, started_before_ns: int) -> None:
        """Deliver the device's failure of a request started before then, if that is what became of it."""
        if not self._on_done or self.started_ns > started_before_ns:
            return
        try:
            ended = self._request.wait_for(0)
            reason = "no answer came"
        except RuntimeError as error:
            ended = True
            reason = _reason(error)
        if ended:
            self._deliver([], EngineError(f"the device failed: {reason}"))

    def read(self) -> None:
        """Deliver what the device has computed."""
        self._deliver([np.asarray(tensor.data, np.float32) for tensor in self._request.output_tensors], None)

    def _deliver(self, outputs: Outputs, error: Exception | None) -> None:
        ended_ns = time.monotonic_ns()
        try:
            on_done = self._on_done.pop()
        except IndexError:
            return
        self._turns.leave(self, ended_ns)
        began_ns = self._began_ns
        try:
            on_done(self, outputs, InferenceTimes(began_ns, ended_ns), error)
        except Exception:
            log.exception("a result could not be taken")


def _done(request: weakref.ref[_Request]) -> None:
    """The callback of every request. It only knows of it: what a device holds, the collector does not see, and a request
    that held itself through its own callback would stay for ever, and its model and its threads with it.
    """
    computed = request()
    if computed is not None:
        computed.read()


class Compiled(NamedTuple):
    """A model on a device, the precision that it computes in, and why in that one."""

    model: ov.CompiledModel
    precision: str
    why: str


def compiled_model(
    info: ModelInfo,
    width: int,
    height: int,
    layout: Layout,
    device: str,
    precision: Precision,
    threads: int,
    max_batch: int,
    cache: Path | None,
) -> Compiled:
    """The model behind its u8 input, compiled in the precision that `precision` comes down to. Raises EngineError."""
    import openvino as ov

    from camslice.engine.openvino_graph import with_u8_input

    core = openvino_core()
    kinds = {available.split(".")[0] for available in core.available_devices} | {"AUTO", "MULTI"}
    if device.split(".", maxsplit=1)[0].split(":", maxsplit=1)[0] not in kinds:
        raise EngineError(
            f"model {info.name}: OpenVINO has no device {device!r} here; it has {', '.join(core.available_devices)}. "
            "Set `device:` to one of them."
        )
    has_bf16 = "BF16" in core.get_property(device, "OPTIMIZATION_CAPABILITIES")
    decision = decide(info, precision, device, has_bf16=has_bf16)
    settings: dict[str, str | int | bool] = {"INFERENCE_PRECISION_HINT": "bf16" if decision.bf16 else "f32"}
    if device == "CPU":
        settings |= {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": str(threads), "ENABLE_CPU_PINNING": False}
    if cache is not None:
        settings["CACHE_DIR"] = str(cache)
    try:
        model = core.read_model(decision.weights or info.path)
        int8 = any(node.get_type_name() == "FakeQuantize" for node in model.get_ops())
        batch = ov.Dimension(1) if max_batch == 1 else ov.Dimension(1, max_batch)
        model.reshape({model.inputs[0]: ov.PartialShape([batch, 3, height, width])})
        compiled = core.compile_model(with_u8_input(model, layout, info.input, width, height), device, settings)
    except RuntimeError as error:
        raise EngineError(f"model {info.name} ({info.path}): OpenVINO cannot load it on {device}: {_reason(error)}") from error
    computed = "int8" if int8 else "bf16" if decision.bf16 else "fp32"
    log.info("model %s computes in %s on %s: %s", info.name, computed.upper(), device, decision.why)
    return Compiled(compiled, computed, decision.why)


def _reason(error: Exception) -> str:
    """The last line of an OpenVINO message: the others say where in its code."""
    return str(error).strip().splitlines()[-1]
