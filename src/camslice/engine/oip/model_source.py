"""What is needed to serve a model: its weights, what it answers, and how to load it onto a device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from camslice.engine.make import make_engine
from camslice.engine.oip.descriptions import TensorMetadata
from camslice.engine.openvino_core import openvino_core
from camslice.engine.protocol import Engine
from camslice.engine.slots import Layout
from camslice.fleet.errors import EngineError
from camslice.fleet.types import Backend, ModelSpec
from camslice.models.model import ModelInfo

USUAL_MAX_BATCH = 8


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A model to be served. `make(layout, largest batch)` loads an engine and raises EngineError.

    `outputs` are the network's own; `layouts` says which engines are loaded with the model: one takes `picture` and `jpeg`
    (rgb), one `i420`, one `tensor`. The others are loaded when the first request for them comes, which then waits.
    """

    info: ModelInfo
    spec: ModelSpec
    outputs: tuple[TensorMetadata, ...]
    make: Callable[[Layout, int], Engine]
    layouts: tuple[Layout, ...] = (Layout.RGB,)

    @property
    def max_batch(self) -> int:
        """The largest batch to be tried."""
        return self.spec.max_batch or (USUAL_MAX_BATCH if self.info.input.dynamic_batch else 1)


Loader = Callable[[], ModelSource]
"""Finds a model's weights, which may take long. Raises CamsliceError."""


def model_source(info: ModelInfo, spec: ModelSpec, *, threads: int, layouts: tuple[Layout, ...] = (Layout.RGB,)) -> ModelSource:
    """A model served by this machine, every engine of it on at most `threads` cores. Raises EngineError."""

    def make(layout: Layout, max_batch: int) -> Engine:
        return make_engine(info, replace(spec, max_batch=max_batch), threads=threads, layout=layout)

    has_network = spec.backend in (Backend.OPENVINO, Backend.ONNXRUNTIME)  # the others answer boxes only
    return ModelSource(info, spec, raw_outputs(info) if has_network else (), make, layouts)


def raw_outputs(info: ModelInfo) -> tuple[TensorMetadata, ...]:
    """Names and shapes of a network's outputs at its input size, as the weights say. Raises EngineError."""
    import openvino as ov

    batch = -1 if info.input.dynamic_batch else 1
    try:
        network = openvino_core().read_model(info.path)
        network.reshape({network.inputs[0]: ov.PartialShape([batch, 3, info.input.height, info.input.width])})
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise EngineError(f"model {info.name} ({info.path}): its outputs cannot be read: {reason}") from error
    return tuple(
        TensorMetadata(output.any_name, "FP32", (-1, *(_size(size) for size in list(output.get_partial_shape())[1:])))
        for output in network.outputs
    )


def _size(dimension: object) -> int:
    """-1 for a dimension that is open."""
    import openvino as ov

    return int(dimension.get_length()) if isinstance(dimension, ov.Dimension) and dimension.is_static else -1
