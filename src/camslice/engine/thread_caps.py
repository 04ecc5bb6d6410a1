"""Thread caps for inference sessions that somebody else's code makes.

ONNX Runtime and OpenVINO start a thread per core of the host unless they are told otherwise, when a session is made, and read
no environment variable. A library in between that tells them nothing would start 54 times all cores in 54 pods.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from unittest.mock import patch

if TYPE_CHECKING:
    import onnxruntime


@contextmanager
def capped_onnxruntime(threads: int) -> Iterator[None]:
    """Sessions made meanwhile, in any thread, compute with `threads` threads, unless they ask for a number themselves."""
    import onnxruntime

    class Capped(onnxruntime.InferenceSession):  # type: ignore[misc]  # the package has no types
        def __init__(
            self, model: str | bytes, options: onnxruntime.SessionOptions | None = None, *given: object, **named: object
        ) -> None:
            options = options or onnxruntime.SessionOptions()
            options.intra_op_num_threads = options.intra_op_num_threads or threads
            super().__init__(model, options, *given, **named)

    with patch.object(onnxruntime, "InferenceSession", Capped):
        yield


@contextmanager
def capped_openvino(threads: int, precision: str | None = None) -> Iterator[None]:
    """Models compiled meanwhile for a CPU, in any thread, use `threads` unpinned threads unless they ask for others themselves.

    `precision` is OpenVINO's name (`f32`) of what they are to compute in; None leaves it to OpenVINO.
    """
    import openvino as ov

    wanted: dict[str, int | bool | str] = {"INFERENCE_NUM_THREADS": threads, "ENABLE_CPU_PINNING": False}
    if precision is not None:
        wanted["INFERENCE_PRECISION_HINT"] = precision

    class Capped(ov.Core):  # type: ignore[misc]  # the package has no types
        def __init__(self, *given: str) -> None:
            super().__init__(*given)
            self.set_property("CPU", wanted)

    with patch.object(ov, "Core", Capped):
        yield
