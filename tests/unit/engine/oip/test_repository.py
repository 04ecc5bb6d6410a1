"""Loading, unloading and loading again, with engines under a test's control."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from camslice.engine.oip.descriptions import ModelState, TensorMetadata
from camslice.engine.oip.limits import Limits
from camslice.engine.oip.messages import InferResponse, OipError, RequestedOutput, Status, Tensor
from camslice.engine.oip.model_source import ModelSource, model_source, raw_outputs
from camslice.engine.oip.repository import ModelRepository
from camslice.engine.oip.service import Service
from camslice.engine.protocol import Engine
from camslice.engine.slots import Layout
from camslice.fleet.errors import EngineError, ModelError
from camslice.fleet.types import Backend, ModelSpec
from camslice.models.model import InputSpec, ModelInfo
from tests.tiny_detector import ANCHORS, tiny_detector
from tests.unit.engine.oip.fakes import FakeBatch, FakeClock, FakeEngine
from tests.unit.engine.oip.serving import Client, grey, picture
from tests.unit.engine.tiny_models import failing_model

INFO = ModelInfo("m", Path("m.onnx"), "0", "", "detect", ("thing",), InputSpec(32, 32, True, False), "end_to_end", "a test")


class Engines:
    """Makes engines that compute when told to, once they have been measured."""

    def __init__(self) -> None:
        self.made: list[FakeEngine] = []
        self.layouts: list[Layout] = []
        self.error: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()

    def loader(self) -> ModelSource:
        return ModelSource(INFO, ModelSpec("m", "m", max_batch=1), (TensorMetadata("out", "FP32", (-1, 1)),), self.make)

    def make(self, layout: Layout, max_batch: int) -> Engine:
        assert self.gate.wait(20)
        if self.error is not None:
            raise self.error
        engine = Measured(layout)
        self.made.append(engine)
        self.layouts.append(layout)
        return engine


class Measured(FakeEngine):
    """Answers the batches that are measured at loading at once, later ones when the test says so."""

    def __init__(self, layout: Layout) -> None:
        super().__init__(FakeClock(), max_batch=1)
        self.being_measured = True
        measured = self

        class Instant(FakeBatch):
            def start(self, count: int, on_done: object, deadline_ns: int | None = None) -> None:
                super().start(count, on_done, deadline_ns)  # type: ignore[arg-type]  # as the protocol has it
                if measured.being_measured:
                    measured.finish()

        self.free.clear()
        self.free.extend(Instant(self, 1, layout) for _ in range(2))

    def on_free(self, wake: Callable[[], None]) -> None:
        super().on_free(wake)
        self.being_measured = False

    def close(self) -> None:
        assert not self.running, "an engine was closed while it computed"
        super().close()


@pytest.fixture
def engines() -> Engines:
    return Engines()


@pytest.fixture
def service(engines: Engines) -> Iterator[Service]:
    repository = ModelRepository()
    repository.add("m", engines.loader)
    service = Service(repository, Limits(patience_s=20))
    yield service
    for engine in engines.made:
        while engine.running:
            engine.finish()
    service.close()
    assert all(engine.closed for engine in engines.made)


def state(service: Service) -> tuple[ModelState, str]:
    (entry,) = service.repository_index()
    return entry.state, entry.reason


def ask(service: Service) -> Callable[[], InferResponse | OipError]:
    return Client(service, "m").start(picture(grey(32, 32)), outputs=(RequestedOutput("out"),))


def refusal(call: Callable[[], object]) -> OipError:
    with pytest.raises(OipError) as caught:
        call()
    return caught.value


def in_thread(call: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=call)
    thread.start()
    return thread


def wait_until(happened: Callable[[], bool]) -> None:
    until_s = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < until_s
        threading.Event().wait(0.002)


def test_a_model_is_unavailable_until_it_is_loaded(service: Service) -> None:
    assert state(service) == (ModelState.UNAVAILABLE, "not loaded yet")
    assert (service.live(), service.ready(), service.model_ready("m")) == (True, False, False)
    answer = ask(service)()
    assert isinstance(answer, OipError)
    assert answer.status is Status.UNAVAILABLE
    service.load("m")
    assert state(service) == (ModelState.READY, "")
    assert (service.ready(), service.model_ready("m"), service.model_ready("m", "1")) == (True, True, True)


def test_a_model_says_that_it_is_being_loaded(service: Service, engines: Engines) -> None:
    engines.gate.clear()
    loading = in_thread(lambda: service.load("m"))
    wait_until(lambda: state(service)[0] is ModelState.LOADING)
    assert not service.ready()
    assert service.repository_index(ready_only=True) == []
    engines.gate.set()
    loading.join(20)
    assert service.ready()


@pytest.mark.parametrize("error", [EngineError("no such device"), ModelError("no such file")])
def test_a_model_that_cannot_be_loaded_says_why(service: Service, engines: Engines, error: Exception) -> None:
    engines.error = error
    assert str(error) in str(refusal(lambda: service.load("m")))
    assert state(service) == (ModelState.UNAVAILABLE, str(error))
    engines.error = None
    service.load("m")
    assert service.ready()


def test_a_fault_of_ours_is_not_told_to_clients(service: Service, engines: Engines) -> None:
    engines.error = ZeroDivisionError("a fault")
    assert "fault" not in str(refusal(lambda: service.load("m")))
    assert "fault" not in state(service)[1]


def test_what_does_not_exist_is_not_found(service: Service) -> None:
    calls: list[Callable[[], object]] = [
        lambda: service.load("n"),
        lambda: service.unload("n"),
        lambda: service.model_metadata("n"),
        lambda: service.model_config("m", "2"),
        lambda: service.statistics("n"),
    ]
    assert {refusal(call).status for call in calls} == {Status.NOT_FOUND}
    assert not service.model_ready("n")
    answer = Client(service, "n").start()()
    assert isinstance(answer, OipError)
    assert answer.status is Status.NOT_FOUND


def test_unloading_waits_for_what_was_taken_on_and_refuses_the_rest(service: Service, engines: Engines) -> None:
    service.load("m")
    answers = [ask(service) for _ in range(4)]
    unloading = in_thread(lambda: service.unload("m"))
    wait_until(lambda: state(service)[0] is ModelState.UNLOADING)
    late = ask(service)()
    assert isinstance(late, OipError)
    assert late.status is Status.UNAVAILABLE
    (engine,) = engines.made
    assert not engine.closed
    while engine.running:
        engine.finish()
    unloading.join(20)
    assert not unloading.is_alive()
    assert all(isinstance(answer(), InferResponse) for answer in answers)
    assert engine.closed
    assert state(service) == (ModelState.UNAVAILABLE, "unloaded")
    assert service.ready()  # nobody wants it any more


def test_loading_again_gives_a_new_engine_without_a_gap(service: Service, engines: Engines) -> None:
    service.load("m")
    before = ask(service)
    loading = in_thread(lambda: service.load("m"))
    wait_until(lambda: len(engines.made) == 2 and not engines.made[1].being_measured)
    old, new = engines.made
    wait_until(lambda: (ask(service), bool(new.running))[1])
    assert state(service) == (ModelState.READY, "")
    while old.running:
        old.finish()
    loading.join(20)
    assert isinstance(before(), InferResponse)
    assert old.closed
    assert not new.closed


def test_a_model_that_cannot_be_loaded_again_goes_on_as_it_was(service: Service, engines: Engines) -> None:
    service.load("m")
    engines.error = EngineError("no memory left")
    refusal(lambda: service.load("m"))
    assert service.ready()
    assert not engines.made[0].closed


def test_an_engine_for_another_kind_of_input_is_loaded_when_it_is_first_asked_for(service: Service, engines: Engines) -> None:
    service.load("m")
    assert engines.layouts == [Layout.RGB]
    engines.gate.clear()
    sent = Tensor("tensor", "FP32", (1, 3, 32, 32), bytes(4 * 3 * 32 * 32))
    answers = [Client(service, "m").start(sent, outputs=(RequestedOutput("out"),)) for _ in range(2)]
    engines.gate.set()
    wait_until(lambda: len(engines.made) == 2 and bool(engines.made[1].running))
    assert engines.layouts == [Layout.RGB, Layout.TENSOR]
    while engines.made[1].running:
        engines.made[1].finish()
    assert all(isinstance(answer(), InferResponse) for answer in answers)


def test_requests_are_told_when_an_engine_for_their_input_cannot_be_loaded(service: Service, engines: Engines) -> None:
    service.load("m")
    engines.error = EngineError("no memory left")
    sent = Tensor("tensor", "FP32", (1, 3, 32, 32), bytes(4 * 3 * 32 * 32))
    answer = Client(service, "m").start(sent)()
    assert isinstance(answer, OipError)
    assert answer.status is Status.UNAVAILABLE
    assert "no memory left" in str(answer)


def test_a_removed_model_is_not_found(service: Service, engines: Engines) -> None:
    service.load("m")
    service.remove("m")
    assert engines.made[0].closed
    assert service.repository_index() == []
    assert refusal(lambda: service.load("m")).status is Status.NOT_FOUND


def test_a_model_is_added_once() -> None:
    repository = ModelRepository()
    repository.add("m", Engines().loader)
    with pytest.raises(OipError) as caught:
        repository.add("m", Engines().loader)
    assert caught.value.status is Status.ALREADY_EXISTS


def test_a_closed_service_is_not_live_and_may_be_closed_again(service: Service) -> None:
    service.load("m")
    service.close()
    assert not service.live()
    assert refusal(lambda: service.load("m")).status is Status.UNAVAILABLE
    service.close()


def test_a_device_that_fails_silently_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenVINO calls nobody back then, and no other request comes that would look."""
    monkeypatch.setattr("camslice.engine.openvino_engine.OVERDUE_NS", 0)
    info = failing_model(tmp_path / "failing.onnx")
    repository = ModelRepository()
    repository.add("m", lambda: model_source(info, ModelSpec("m", "m"), threads=1))
    service = Service(repository)
    service.load("m")
    answer = Client(service, "m").start(picture(grey(32, 32, 0)), outputs=(RequestedOutput("means"),))()
    service.close()
    assert isinstance(answer, OipError)
    assert answer.status is Status.INTERNAL
    assert "log" in str(answer)


def test_the_networks_outputs_are_read_from_its_weights(tmp_path: Path) -> None:
    info = tiny_detector(tmp_path / "tiny.onnx")
    assert raw_outputs(info) == (TensorMetadata("output0", "FP32", (-1, 5, ANCHORS)),)
    info.path.write_text("these are not weights")
    with pytest.raises(EngineError, match="outputs cannot be read"):
        raw_outputs(info)


def test_a_backend_that_answers_boxes_has_no_raw_outputs() -> None:
    assert model_source(INFO, ModelSpec("m", "m", backend=Backend.ULTRALYTICS), threads=1).outputs == ()
