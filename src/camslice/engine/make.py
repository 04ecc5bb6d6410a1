"""Which engine runs a model: the one place that knows the backends."""

from __future__ import annotations

from camslice.engine.protocol import Engine
from camslice.engine.slots import Layout
from camslice.fleet.errors import EngineError
from camslice.fleet.types import Backend, ModelSpec
from camslice.models.cache import cache_folder
from camslice.models.model import ModelInfo


def make_engine(
    info: ModelInfo,
    spec: ModelSpec,
    *,
    threads: int,
    layout: Layout | None = None,
    slots: str | None = None,
    keep_compiled: bool = True,
) -> Engine:
    """Load a model where and how `spec` says, on at most `threads` cores, or find it at its server; or use the one that the
    engine process at the address `slots` has loaded under this name, whose slots are I420.

    What OpenVINO compiles is kept for the next start, unless `keep_compiled` says that there will be none.
    Without `layout` slots hold what serves video best: planes, but RGB for Ultralytics, which takes nothing else.
    Without `max_batch` a CPU analyses frame by frame (batches gain nothing there and cost latency), a GPU up to 8 at once.
    Raises EngineError when the device, the precision or the model will not do.
    """
    if slots is not None:
        from camslice.engine.slotted.client import SlotEngine

        return SlotEngine(slots, spec.name, info)
    if spec.backend is Backend.ULTRALYTICS:
        from camslice.engine.ultralytics_engine import UltralyticsEngine

        return UltralyticsEngine(
            info,
            layout=layout or Layout.RGB,
            device=(spec.device or "cpu").lower(),
            precision=spec.precision,
            threads=threads,
            max_batch=_max_batch(info, spec, 1),
            confidence=spec.confidence,
            nms_iou=spec.nms_iou,
        )
    layout = layout or Layout.I420
    width, height = info.input.width, info.input.height
    if spec.backend is Backend.ONNXRUNTIME:
        from camslice.engine.onnxruntime_engine import OnnxRuntimeEngine

        device = (spec.device or "cpu").lower()
        max_batch = _max_batch(info, spec, 1 if device == "cpu" else 8)
        return OnnxRuntimeEngine(
            info, width, height, layout=layout, device=device, precision=spec.precision, threads=threads, max_batch=max_batch
        )
    if spec.backend is Backend.OIP:
        from camslice.engine.oip.client.engine import OipEngine

        return OipEngine(info, spec, layout=layout, threads=threads)
    from camslice.engine.openvino_engine import OpenVinoEngine

    device = spec.device or "CPU"
    return OpenVinoEngine(
        info,
        width,
        height,
        layout=layout,
        device=device,
        precision=spec.precision,
        threads=threads,
        max_batch=_max_batch(info, spec, 1 if device == "CPU" else 8),
        cache=cache_folder() / "openvino" if keep_compiled else None,
    )


def _max_batch(info: ModelInfo, spec: ModelSpec, usual: int) -> int:
    wanted = spec.max_batch or usual
    if wanted > 1 and not info.input.dynamic_batch:
        if spec.max_batch is None:
            return 1
        raise EngineError(
            f"model {info.name}: max_batch is {wanted}, but its batch size is fixed at 1; "
            "export it with a dynamic batch or leave max_batch out."
        )
    return wanted
