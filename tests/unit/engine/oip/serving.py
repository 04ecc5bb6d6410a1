"""A service with the tiny detector, and clients of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from camslice.engine.oip.limits import Limits
from camslice.engine.oip.messages import InferRequest, InferResponse, OipError, Parameter, RequestedOutput, Tensor
from camslice.engine.oip.model_source import ModelSource, model_source
from camslice.engine.oip.repository import ModelRepository
from camslice.engine.oip.service import Service
from camslice.fleet.types import ModelSpec, Precision
from camslice.models.model import ModelInfo
from tests.tiny_detector import tiny_detector


def tiny_source(path: Path, *, max_batch: int | None = 2, info: ModelInfo | None = None) -> ModelSource:
    spec = ModelSpec("tiny", "tiny", precision=Precision.FP32, max_batch=max_batch)
    return model_source(info or tiny_detector(path), spec, threads=1)


def tiny_service(folder: Path, limits: Limits | None = None) -> Service:
    """A service that has loaded the model `tiny`."""
    repository = ModelRepository()
    repository.add("tiny", lambda: tiny_source(folder / "tiny.onnx"))
    service = Service(repository, limits)
    service.load("tiny")
    return service


class Client:
    """Asks a service and waits for the answer; sees to it that there is exactly one."""

    def __init__(self, service: Service, model: str = "tiny") -> None:
        self._service = service
        self._model = model

    def start(self, *inputs: Tensor, **options: object) -> Callable[[], InferResponse | OipError]:
        """Send a request; what is returned waits for its answer."""
        answers: list[InferResponse | OipError] = []
        done = threading.Event()

        def take(answer: InferResponse | OipError) -> None:
            answers.append(answer)
            done.set()

        self._service.infer(InferRequest(self._model, inputs, **options), take)  # type: ignore[arg-type]  # per test

        def wait() -> InferResponse | OipError:
            assert done.wait(60), "no answer came"
            assert len(answers) == 1
            return answers[0]

        return wait

    def ask(self, *inputs: Tensor, outputs: tuple[RequestedOutput, ...] = (), **parameters: Parameter) -> InferResponse:
        answer = self.start(*inputs, outputs=outputs, parameters=parameters)()
        if isinstance(answer, OipError):
            raise answer
        return answer

    def boxes(self, *inputs: Tensor, **parameters: Parameter) -> npt.NDArray[np.float32]:
        answer = self.ask(*inputs, **parameters)
        assert [output.name for output in answer.outputs] == ["boxes"]
        return array_of(answer.outputs[0])


def array_of(tensor: Tensor) -> npt.NDArray[np.float32]:
    assert tensor.datatype == "FP32"
    return np.frombuffer(tensor.data, np.float32).reshape(tensor.shape)


def picture(*pictures: npt.NDArray[np.uint8]) -> Tensor:
    stacked = np.stack(pictures)
    return Tensor("picture", "UINT8", stacked.shape, stacked.tobytes())


def grey(width: int, height: int, value: int = 200) -> npt.NDArray[np.uint8]:
    return np.full((height, width, 3), value, np.uint8)
