"""The engine `oip` against a server that does as it is told: pictures, times, refusals, and the way back."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest

from camslice.engine.make import make_engine
from camslice.engine.oip.client import session
from camslice.engine.oip.client.connection import Connection
from camslice.engine.oip.client.engine import OipEngine
from camslice.engine.protocol import Batch, InferenceTimes, Outputs
from camslice.engine.slots import Layout
from camslice.fleet.errors import EngineAwayError, EngineError, TooLateError
from camslice.fleet.geometry import Letterbox, Region
from camslice.fleet.types import Backend, ModelSpec, Server, Transport
from camslice.models.model import InputSpec, ModelInfo
from camslice.video.slot import I420Slot, RgbSlot
from tests.unit.engine.oip.client.fake_server import FOREIGN, FOREIGN_OUTPUTS, OURS, SHARED, SIDE, FakeServer

WHOLE = Letterbox.fit(Region(0, 0, SIDE, SIDE), SIDE, SIDE, centred=False)
INFO = ModelInfo(
    "tiny", Path("tiny.onnx"), "0" * 64, "Apache-2.0", "detect", ("thing", "other"),
    InputSpec(SIDE, SIDE, dynamic_batch=True, dynamic_size=False), "yolov8", "a test",
)  # fmt: skip
PATIENCE_S = 20.0
ROOT = Path(__file__).resolve().parents[5]


class Answer:
    """What came back, and how to wait for it."""

    def __init__(self) -> None:
        self.outputs: list[np.ndarray] = []
        self.times = InferenceTimes(0, 0)
        self.error: Exception | None = None
        self._done = threading.Event()

    def __call__(self, batch: Batch, outputs: Outputs, times: InferenceTimes, error: Exception | None) -> None:
        self.outputs, self.times, self.error = [np.array(output) for output in outputs], times, error
        batch.release()
        self._done.set()

    def wait(self) -> Answer:
        assert self._done.wait(PATIENCE_S)
        return self


@pytest.fixture
def servers() -> Iterator[list[FakeServer]]:
    started: list[FakeServer] = []
    yield started
    for server in started:
        server.stop()


@pytest.fixture(params=[True, False], ids=["by a stream", "by single calls"])
def server(servers: list[FakeServer], request: pytest.FixtureRequest) -> FakeServer:
    servers.append(FakeServer(stream=request.param).start())
    return servers[-1]


@pytest.fixture(params=[True, False], ids=["by a stream", "by single calls"])
def foreign(servers: list[FakeServer], request: pytest.FixtureRequest) -> FakeServer:
    servers.append(FakeServer(FOREIGN, FOREIGN_OUTPUTS, stream=request.param).start())
    return servers[-1]


@pytest.fixture
def engines() -> Iterator[list[OipEngine]]:
    made: list[OipEngine] = []
    yield made
    for engine in made:
        engine.close()


def at(server: FakeServer, engines: list[OipEngine], transport: Transport = Transport.AUTO, **options: object) -> OipEngine:
    token, layout = options.pop("token", None), options.pop("layout", Layout.I420)
    declared = Server(server.url, "tiny", token=token, transport=transport)  # type: ignore[arg-type]  # per test
    spec = ModelSpec("people", "tiny", backend=Backend.OIP, server=declared, **options)  # type: ignore[arg-type]  # per test
    engine = make_engine(INFO, spec, threads=1, layout=layout)  # type: ignore[arg-type]  # per test
    assert isinstance(engine, OipEngine)
    engines.append(engine)
    return engine


def acquired(engine: OipEngine) -> Batch:
    """A free batch, for which this waits when the server is just being looked for."""
    free = threading.Event()
    engine.on_free(free.set)
    until_s = time.monotonic() + PATIENCE_S
    while (batch := engine.acquire()) is None:
        assert time.monotonic() < until_s
        free.wait(0.1)
    return batch


def fill(batch: Batch, index: int, value: int) -> None:
    slot = batch.slot_for(index, WHOLE)
    if isinstance(slot, I420Slot):
        slot.y[:], slot.u[:], slot.v[:] = value, 128, 128
    else:
        assert isinstance(slot, RgbSlot)
        slot.rgb[:] = value


def asked(engine: OipEngine, values: list[int], deadline_ns: int | None = None) -> Answer:
    batch = acquired(engine)
    for index, value in enumerate(values):
        fill(batch, index, value)
    answer = Answer()
    batch.start(len(values), answer, deadline_ns)
    return answer.wait()


def sent_in_vain(batch: Batch) -> Exception | None:
    """The error that a request meets when its server is gone: it is said at once where that is known already."""
    answer = Answer()
    try:
        batch.start(1, answer, None)
    except EngineAwayError as error:
        batch.release()
        return error
    return answer.wait().error


# --- the ways of pictures


@pytest.mark.parametrize(
    ("transport", "layout", "sent"),
    [
        (Transport.SHARED_MEMORY, Layout.I420, "i420"),
        (Transport.SHARED_MEMORY, Layout.RGB, "picture"),
        (Transport.INLINE, Layout.I420, "i420"),
        (Transport.INLINE, Layout.RGB, "picture"),
        (Transport.JPEG, Layout.I420, "jpeg"),
        (Transport.JPEG, Layout.RGB, "jpeg"),
    ],
)
def test_pictures_arrive_whatever_the_way(
    server: FakeServer, engines: list[OipEngine], transport: Transport, layout: Layout, sent: str
) -> None:
    engine = at(server, engines, transport, layout=layout, max_batch=3)
    answer = asked(engine, [10, 100, 250])
    assert answer.error is None
    np.testing.assert_allclose(answer.outputs[0][:, 0, 4] * 255, [10, 100, 250], atol=1.5)
    request = server.requests[-1]
    assert request.inputs[0].name == sent
    assert ("shared_memory_region" in request.inputs[0].parameters) == (transport is Transport.SHARED_MEMORY)
    asked(engine, [70])
    assert tuple(server.requests[-1].inputs[0].shape)[:1] == (1,)


def test_the_bare_tensor_goes_for_comparison(server: FakeServer, engines: list[OipEngine]) -> None:
    answer = asked(at(server, engines, Transport.TENSOR), [51])
    assert answer.outputs[0][0, 0, 4] * 255 == pytest.approx(51 / 255, abs=1e-3)
    assert server.requests[-1].inputs[0].name == "tensor"


def test_on_one_host_pictures_lie_in_shared_memory_that_has_no_name(server: FakeServer, engines: list[OipEngine]) -> None:
    engine = at(server, engines)
    ((name, mode),) = server.named_at_register
    assert name.startswith("camslice-")
    assert mode == 0o600
    assert not (SHARED / name).exists()
    assert "shared memory" in engine.info.device
    engine.close()
    assert server.regions == {}


def test_without_shared_memory_the_faster_of_two_ways_is_taken(servers: list[FakeServer], engines: list[OipEngine]) -> None:
    servers.append(FakeServer(shared_memory=False).start())
    engine = at(servers[0], engines)
    names = [request.inputs[0].name for request in servers[0].requests]
    assert names.count("i420") >= 6
    assert names.count("jpeg") >= 6
    assert any(f"({way})" in engine.info.device for way in ("inline", "jpeg"))
    assert not list(SHARED.glob(f"camslice-{os.getpid()}-*"))


def test_a_way_that_is_asked_for_and_cannot_be_had_is_one_sentence(servers: list[FakeServer], engines: list[OipEngine]) -> None:
    servers.append(FakeServer(FOREIGN, FOREIGN_OUTPUTS, shared_memory=False).start())
    with pytest.raises(EngineError, match="no input for `transport: jpeg`; set `transport: auto`"):
        at(servers[0], engines, Transport.JPEG)
    with pytest.raises(EngineError, match="no shared memory here"):
        at(servers[0], engines, Transport.SHARED_MEMORY)
    assert not list(SHARED.glob(f"camslice-{os.getpid()}-*"))


def test_a_client_that_is_killed_leaves_no_file(server: FakeServer) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, server.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        assert server.regions
    finally:
        child.kill()
        child.communicate()
    assert not list(SHARED.glob(f"camslice-{child.pid}-*"))


CHILD = """
import sys
from camslice.engine.oip.client.engine import OipEngine
from camslice.fleet.types import Backend, ModelSpec, Server
from tests.unit.engine.oip.client.test_engine_at_a_server import INFO
engine = OipEngine(INFO, ModelSpec("people", "tiny", backend=Backend.OIP, server=Server(sys.argv[1])))
print("ready", flush=True)
sys.stdin.read()
"""


# --- what is asked and what is answered


def test_our_own_server_is_asked_for_boxes_as_declared(server: FakeServer, engines: list[OipEngine]) -> None:
    engine = at(server, engines, confidence=0.4, nms_iou=0.6, classes=("thing", "other"))
    assert (engine.info.backend, engine.info.ready_boxes) == ("oip", True)
    assert "fake 1 at grpc://127.0.0.1" in engine.info.device
    asked(engine, [10])
    request = server.requests[-1]
    assert [output.name for output in request.outputs] == ["boxes"]
    assert request.parameters["confidence"].double_param == 0.4
    assert request.parameters["nms_iou"].double_param == 0.6
    assert request.parameters["classes"].string_param == "thing,other"


def test_a_foreign_server_gets_the_networks_own_input_and_answers_in_the_models_order(
    foreign: FakeServer, engines: list[OipEngine]
) -> None:
    engine = at(foreign, engines, Transport.INLINE)
    assert (engine.info.backend, engine.info.ready_boxes) == ("oip (foreign)", False)
    assert "(tensor" in engine.info.device
    answer = asked(engine, [102])
    second, first = answer.outputs
    np.testing.assert_allclose(second, [[0.4]], atol=1e-3)
    np.testing.assert_allclose(first, [[0.4, 1]], atol=1e-3)
    assert first.dtype == np.float32
    assert list(foreign.requests[-1].parameters) == []


def test_a_foreign_server_on_this_host_gets_its_tensor_in_shared_memory(foreign: FakeServer, engines: list[OipEngine]) -> None:
    answer = asked(at(foreign, engines), [102])
    np.testing.assert_allclose(answer.outputs[0], [[0.4]], atol=1e-3)
    assert "shared_memory_region" in foreign.requests[-1].inputs[0].parameters


def test_the_servers_times_are_taken_out_of_the_networks(server: FakeServer, engines: list[OipEngine]) -> None:
    server.spent = {"queue_ns": 1000, "preprocess_ns": 2000, "inference_ns": 3000, "postprocess_ns": 4000}
    times = asked(at(server, engines), [10]).times
    assert (times.queue_ns, times.postprocess_ns, times.inference_ns) == (1000, 4000, 3000)
    assert times.preprocess_ns >= 2000
    assert times.network_ns > 0
    apart_ns = times.network_ns + times.queue_ns + times.preprocess_ns + times.inference_ns + times.postprocess_ns
    assert apart_ns == times.ended_ns - times.began_ns


def test_what_a_server_does_not_say_stays_in_the_networks_part(foreign: FakeServer, engines: list[OipEngine]) -> None:
    times = asked(at(foreign, engines), [10]).times
    assert times.inference_ns == 0
    assert times.queue_ns == 0
    assert times.network_ns == times.ended_ns - times.began_ns - times.preprocess_ns


def test_the_time_left_goes_with_the_request(server: FakeServer, engines: list[OipEngine]) -> None:
    engine = at(server, engines)
    assert "timeout" not in server.requests[-1].parameters
    assert asked(engine, [10], time.monotonic_ns() + 10_000_000_000).error is None
    assert 0 < server.requests[-1].parameters["timeout"].int64_param <= 10_000_000


# --- refusals


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.DEADLINE_EXCEEDED, TooLateError),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, TooLateError),
        (grpc.StatusCode.UNAVAILABLE, EngineAwayError),
        (grpc.StatusCode.NOT_FOUND, EngineAwayError),
        (grpc.StatusCode.INVALID_ARGUMENT, EngineError),
        (grpc.StatusCode.INTERNAL, EngineError),
    ],
)
def test_a_refusal_means_what_its_status_says(
    server: FakeServer, engines: list[OipEngine], code: grpc.StatusCode, kind: type[Exception]
) -> None:
    engine = at(server, engines)
    server.refuse = (code, "not this one")
    error = asked(engine, [10], time.monotonic_ns() + 10_000_000_000).error
    assert type(error) is kind
    assert "not this one" in str(error)
    server.refuse = None
    assert asked(engine, [10]).error is None


def test_a_request_larger_than_the_server_takes_is_a_mistake_and_not_late(server: FakeServer, engines: list[OipEngine]) -> None:
    engine = at(server, engines)
    server.refuse = (grpc.StatusCode.RESOURCE_EXHAUSTED, "Received message larger than max (4711 vs. 1000)")
    error = asked(engine, [10], time.monotonic_ns() + 10_000_000_000).error
    assert type(error) is EngineError
    assert all(piece in str(error) for piece in ("4711 vs. 1000", "`max_batch`", "`transport:`"))


def test_a_complaint_about_our_shared_memory_means_that_the_server_was_restarted(
    server: FakeServer, engines: list[OipEngine]
) -> None:
    engine = at(server, engines)
    (region,) = server.regions
    server.refuse = (grpc.StatusCode.INVALID_ARGUMENT, f"Unable to find shared memory region: '{region}'")
    assert isinstance(asked(engine, [10]).error, EngineAwayError)


def test_what_can_no_longer_be_in_time_is_not_sent(server: FakeServer, engines: list[OipEngine]) -> None:
    batch = acquired(at(server, engines))
    before = len(server.requests)
    with pytest.raises(TooLateError):
        batch.start(1, Answer(), time.monotonic_ns() - 1)
    assert len(server.requests) == before
    batch.release()


def test_no_answer_by_the_deadline_is_too_late(server: FakeServer, engines: list[OipEngine]) -> None:
    engine = at(server, engines)
    server.hold = threading.Event()
    answer = asked(engine, [10], time.monotonic_ns() + 50_000_000)
    assert isinstance(answer.error, TooLateError)
    server.hold.set()
    assert asked(engine, [10]).error is None


def test_a_server_that_is_late_time_after_time_is_asked_whether_it_is_there(
    server: FakeServer, engines: list[OipEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "LATE_IN_A_ROW", 2)
    engine = at(server, engines)
    server.refuse = (grpc.StatusCode.DEADLINE_EXCEEDED, "the queue is long")
    server.ready = False
    for _ in range(2):
        asked(engine, [10], time.monotonic_ns() + 10_000_000_000)
    assert engine.acquire() is None
    server.refuse, server.ready = None, True
    assert asked(engine, [10]).error is None


# --- the way back


def test_a_server_that_goes_away_and_returns_is_found_again(server: FakeServer, engines: list[OipEngine]) -> None:
    engine = at(server, engines)
    (region,) = server.regions
    batch = acquired(engine)
    server.hold = threading.Event()
    lost = Answer()
    batch.start(1, lost, None)
    for _ in range(len(server.requests)):
        assert server.arrived.acquire(timeout=PATIENCE_S)
    server.stop()
    assert isinstance(lost.wait().error, EngineAwayError)
    assert engine.acquire() is None
    back = threading.Event()
    engine.on_free(back.set)
    server.hold = None
    server.start()
    assert back.wait(PATIENCE_S)
    answer = asked(engine, [200])
    assert answer.error is None
    assert answer.outputs[0][0, 0, 4] * 255 == pytest.approx(200, abs=0.5)
    assert region not in server.regions
    assert len(server.regions) == 1
    assert not list(SHARED.glob(f"camslice-{os.getpid()}-*"))


def test_a_batch_on_loan_when_the_server_goes_can_still_be_given_back(server: FakeServer, engines: list[OipEngine]) -> None:
    engine = at(server, engines)
    on_loan, other = acquired(engine), acquired(engine)
    fill(on_loan, 0, 10)
    server.stop()
    assert isinstance(sent_in_vain(other), EngineAwayError)
    server.start()
    assert asked(engine, [30]).error is None
    with pytest.raises(EngineAwayError):
        on_loan.start(1, Answer(), None)
    on_loan.release()


def test_the_way_that_pictures_go_is_told_of_the_session_in_use(server: FakeServer, engines: list[OipEngine]) -> None:
    engine = at(server, engines)
    assert "(shared memory" in engine.info.device
    assert ("single calls" in engine.info.device) is not server.stream
    batch = acquired(engine)
    server.stop()
    server.shared_memory, server.stream = False, not server.stream
    sent_in_vain(batch)
    server.start()
    assert asked(engine, [30]).error is None
    assert "(shared memory" not in engine.info.device
    assert ("single calls" in engine.info.device) is not server.stream


def test_closing_hangs_up_on_a_server_that_does_not_answer(
    server: FakeServer, engines: list[OipEngine], caplog: pytest.LogCaptureFixture
) -> None:
    engine = at(server, engines)
    batch = acquired(engine)
    server.stop()
    server.silent = threading.Event()
    sent_in_vain(batch)
    for _ in server.requests:
        assert server.arrived.acquire(timeout=PATIENCE_S)
    server.start()
    assert server.arrived.acquire(timeout=PATIENCE_S), "it is asked who it is"
    engine.close()
    server.silent.set()
    assert "no answer came in time" not in caplog.text


def test_a_question_at_the_start_has_the_patience_that_is_left(server: FakeServer) -> None:
    server.silent = threading.Event()
    connection = Connection(Server(server.url), until_s=time.monotonic())
    failed: list[EngineError] = []

    def ask() -> None:
        try:
            connection.ask("ServerMetadata", patience_s=60.0)
        except EngineError as error:
            failed.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    asking.join(15)
    server.silent.set()
    assert len(failed) == 1
    connection.close()


def test_a_server_that_comes_back_otherwise_is_not_used(server: FakeServer, engines: list[OipEngine]) -> None:
    engine = at(server, engines)
    batch = acquired(engine)
    server.stop()
    server.inputs, server.outputs = FOREIGN, FOREIGN_OUTPUTS
    sent_in_vain(batch)
    server.start()
    for _ in range(len(server.requests) + 2):  # the grey picture of a new session, which is given up, and of one more
        assert server.arrived.acquire(timeout=PATIENCE_S)
    assert engine.acquire() is None


# --- at the start


def test_a_server_that_is_not_there_is_one_sentence() -> None:
    spec = ModelSpec("people", "tiny", backend=Backend.OIP, server=Server("grpc://127.0.0.1:1"))
    with pytest.raises(EngineError) as caught:
        OipEngine(INFO, spec, patience_s=0.0)
    assert str(caught.value).startswith("model people: no server to be had at grpc://127.0.0.1:1: ")
    assert str(caught.value).endswith("correct `server` in the fleet.")
    assert "Connection refused" in str(caught.value)


def test_a_server_that_comes_late_is_waited_for(servers: list[FakeServer], engines: list[OipEngine]) -> None:
    late = FakeServer().start()
    servers.append(late)
    late.ready = False
    ready = threading.Timer(0.3, lambda: setattr(late, "ready", True))
    ready.start()
    assert asked(at(late, engines), [10]).error is None
    ready.join()


def test_a_model_that_is_not_there_is_named_with_those_that_are(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = ModelSpec("people", "huge", backend=Backend.OIP, server=Server(server.url, "huge"))
    with pytest.raises(EngineError, match=r"model huge is not ready there \(only tiny\)"):
        OipEngine(INFO, spec, patience_s=0.0)


def test_a_token_lets_us_in(server: FakeServer, engines: list[OipEngine]) -> None:
    server.token = "hunter2"
    assert asked(at(server, engines, token="hunter2"), [10]).error is None
    with pytest.raises(EngineError, match=r"lets us not in \(who are you\?\); set `server\.token`") as caught:
        at(server, engines, token="hunter3")
    assert "hunter" not in str(caught.value)


@pytest.mark.parametrize(
    ("inputs", "pieces"),
    [
        ((("images", "FP32", (-1, 3, 64, 64)),), ["images FP32 [-1, 3, 64, 64]", "pictures of 32x32", "set `input_size`"]),
        ((("text", "BYTES", (-1,)),), ["text BYTES [-1]", "or name another model"]),
        ((("a", "FP32", (-1, 3, 32, 32)), ("b", "FP32", (-1, 4))), ["one input, for pictures, was expected"]),
        (((OURS[0][0], "UINT8", (-1, 96, 64)), *OURS[1:]), ["pictures of 32x32"]),
    ],
)
def test_a_model_that_is_another_there_is_refused(
    servers: list[FakeServer], engines: list[OipEngine], inputs: tuple[tuple[str, str, tuple[int, ...]], ...], pieces: list[str]
) -> None:
    ours = len(inputs) == len(OURS)
    servers.append(FakeServer(inputs).start() if ours else FakeServer(inputs, FOREIGN_OUTPUTS).start())
    with pytest.raises(EngineError) as caught:
        at(servers[0], engines)
    assert all(piece in str(caught.value) for piece in pieces), caught.value


def test_the_largest_batch_is_tried_at_the_start(servers: list[FakeServer], engines: list[OipEngine]) -> None:
    servers.append(FakeServer())
    servers[0].most_bytes = 3000
    servers[0].start()
    with pytest.raises(EngineError, match=r"larger than the server takes \(.* vs\. 3000\)\); set a smaller `max_batch`"):
        at(servers[0], engines, Transport.INLINE, max_batch=4)
    assert asked(at(servers[0], engines, Transport.INLINE), [10]).error is None


def test_a_batch_larger_than_the_model_takes_is_refused(servers: list[FakeServer], engines: list[OipEngine]) -> None:
    servers.append(FakeServer((("images", "FP32", (1, 3, SIDE, SIDE)),), FOREIGN_OUTPUTS).start())
    with pytest.raises(EngineError, match="max_batch is 4"):
        at(servers[0], engines, max_batch=4)


def test_without_a_server_there_is_no_engine() -> None:
    with pytest.raises(EngineError, match="engine oip needs a server"):
        OipEngine(INFO, ModelSpec("people", "tiny", backend=Backend.OIP))
