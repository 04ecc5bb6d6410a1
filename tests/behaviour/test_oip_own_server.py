"""Our client and our server: the boxes are those of an engine in this process, whatever way the pictures take."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue

import numpy as np
import pytest

from camslice.engine.make import make_engine
from camslice.engine.oip.client.engine import OipEngine
from camslice.engine.oip.listen import parse_address
from camslice.engine.oip.model_source import model_source
from camslice.engine.oip.repository import ModelRepository
from camslice.engine.oip.server import OipServer
from camslice.engine.oip.service import Service
from camslice.engine.oip.tls import Tls, read_tls
from camslice.engine.oip.wire_limits import WireLimits
from camslice.engine.protocol import Batch, Engine, InferenceTimes, Outputs
from camslice.fleet.errors import EngineError
from camslice.fleet.geometry import Region
from camslice.fleet.types import Backend, ModelSpec, Precision, Server, Transport
from camslice.models.decoders.make import make_decoder
from camslice.models.detections import Detections
from camslice.models.model import ModelInfo
from camslice.video.picture import StillPicture
from tests.certificates import Authority
from tests.tiny_detector import SIDE, tiny_detector

MODEL = "people"
TOKEN = "a-long-secret-between-two-processes"


@pytest.fixture(scope="module")
def info(tmp_path_factory: pytest.TempPathFactory) -> ModelInfo:
    return tiny_detector(tmp_path_factory.mktemp("models") / "tiny.onnx")


@contextmanager
def serving(
    info: ModelInfo, address: str, token: str | None = None, tls: Tls | None = None, limits: WireLimits | None = None
) -> Iterator[str]:
    """Where the model is served."""
    repository = ModelRepository()
    spec = ModelSpec(MODEL, info.name, precision=Precision.FP32)
    repository.add(MODEL, lambda: model_source(info, spec, threads=1))
    service = Service(repository)
    service.load(MODEL)
    server = OipServer(service, parse_address(address), token=token, tls=tls, limits=limits)
    server.start()
    try:
        where = str(server.grpc_address)
        yield where if where.startswith("unix") else f"grpc{'s' if tls else ''}://{where}"
    finally:
        server.stop(1)
        service.close()


@pytest.fixture(scope="module")
def url(info: ModelInfo) -> Iterator[str]:
    with serving(info, "127.0.0.1:0") as address:
        yield address


def engine_there(info: ModelInfo, server: Server, **options: object) -> Engine:
    spec = ModelSpec(MODEL, info.name, confidence=0.1, backend=Backend.OIP, server=server, **options)  # type: ignore[arg-type]
    return make_engine(info, spec, threads=1)


def analysed(info: ModelInfo, engine: Engine, picture: StillPicture) -> tuple[Detections, InferenceTimes]:
    decode = make_decoder(info, confidence=0.1, nms_iou=0.5, ready_boxes=engine.info.ready_boxes)
    done = threading.Event()
    came: list[tuple[Detections, InferenceTimes]] = []

    def on_done(batch: Batch, outputs: Outputs, times: InferenceTimes, error: Exception | None) -> None:
        assert error is None, error
        came.append((decode([np.array(output) for output in outputs], 0), times))
        batch.release()
        done.set()

    try:
        batch = engine.acquire()
        assert batch is not None
        letterbox = engine.fit(Region(0, 0, picture.width, picture.height))
        picture.scale_into(batch.slot_for(0, letterbox), letterbox)
        batch.start(1, on_done)
        assert done.wait(30)
    finally:
        engine.close()
    return came[0]


def dark() -> StillPicture:
    """So dark that the detector's confidence says how bright it came out."""
    return StillPicture(np.full((SIDE, SIDE, 3), (0, 2, 3), np.uint8))


@pytest.mark.parametrize("transport", list(Transport))
def test_the_boxes_are_those_of_an_engine_in_this_process(info: ModelInfo, url: str, transport: Transport) -> None:
    here = make_engine(info, ModelSpec(MODEL, info.name, precision=Precision.FP32), threads=1)
    expected, _ = analysed(info, here, dark())
    found, times = analysed(info, engine_there(info, Server(url, MODEL, transport=transport)), dark())
    assert len(expected.confidence) == 1
    np.testing.assert_allclose(found.boxes, expected.boxes, atol=0.01)
    # Rounded to whole levels of colour the confidence is off by up to a tenth, and JPEG rounds more coarsely.
    np.testing.assert_allclose(found.confidence, expected.confidence, atol=0.4 if transport is Transport.JPEG else 0.1)
    assert found.class_id.tolist() == expected.class_id.tolist()
    assert times.inference_ns > 0
    assert times.network_ns > 0


def test_on_one_host_nothing_has_to_be_said_for_shared_memory(info: ModelInfo, url: str) -> None:
    engine = engine_there(info, Server(url, MODEL))
    assert "(shared memory)" in engine.info.device
    assert engine.info.ready_boxes
    engine.close()


def test_a_socket_without_a_file_leads_there_too(info: ModelInfo) -> None:
    with serving(info, f"unix-abstract:camslice-test-{secrets.token_hex(8)}", TOKEN) as address:
        engine = engine_there(info, Server(address, MODEL, token=TOKEN))
        found, _ = analysed(info, engine, dark())
        assert len(found.confidence) == 1
        with pytest.raises(EngineError, match="lets us not in"):
            engine_there(info, Server(address, MODEL, token="another"))


def test_a_server_that_asks_for_a_certificate_is_shown_one(info: ModelInfo, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    (certificate, key), (ours, our_key) = authority.certificate("server"), authority.certificate("client")
    with serving(info, "127.0.0.1:0", tls=read_tls(certificate, key, authority.ca)) as address:
        shown = Server(address, MODEL, ca=str(authority.ca), certificate=str(ours), key=str(our_key))
        found, _ = analysed(info, engine_there(info, shown), dark())
        assert len(found.confidence) == 1
        with pytest.raises(EngineError, match="no server to be had"):
            OipEngine(info, ModelSpec(MODEL, info.name, server=Server(address, MODEL)), patience_s=0.0)
        with pytest.raises(EngineError, match=r"certificate .*none.pem: cannot be read \(No such file or directory\)"):
            engine_there(info, replace(shown, ca=str(tmp_path / "none.pem")))


def test_more_requests_than_a_server_takes_of_one_stream_wait_for_their_turn(info: ModelInfo) -> None:
    limits = WireLimits(stream_requests_at_once=1, stream_unwritten_bytes=1)
    with serving(info, "127.0.0.1:0", limits=limits) as address:
        engine = engine_there(info, Server(address, MODEL))
        answered: SimpleQueue[Exception | None] = SimpleQueue()
        under_way = 0

        def on_done(batch: Batch, outputs: Outputs, times: InferenceTimes, error: Exception | None) -> None:
            batch.release()
            answered.put(error)

        for _ in range(200):
            while (batch := engine.acquire()) is not None:
                letterbox = engine.fit(Region(0, 0, SIDE, SIDE))
                dark().scale_into(batch.slot_for(0, letterbox), letterbox)
                batch.start(1, on_done)
                under_way += 1
            assert answered.get(timeout=30) is None
            under_way -= 1
        while under_way:
            assert answered.get(timeout=30) is None
            under_way -= 1
        assert "single calls" not in engine.info.device
        engine.close()


def test_a_model_whose_classes_are_other_ones_there_is_refused(info: ModelInfo, url: str) -> None:
    with pytest.raises(EngineError, match=r"its classes are thing there, and here person"):
        engine_there(replace(info, labels=("person",)), Server(url, MODEL))


def test_the_token_is_in_no_log(info: ModelInfo, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with serving(info, "127.0.0.1:0", TOKEN) as address:
        engine_there(info, Server(address, MODEL, token=TOKEN)).close()
    assert TOKEN not in caplog.text
