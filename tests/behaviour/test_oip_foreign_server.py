"""Our client drives a server of the Open Inference Protocol that is not ours, and the two agree on the boxes."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from camslice.engine.make import make_engine
from camslice.engine.protocol import Batch, Engine, InferenceTimes, Outputs
from camslice.engine.slots import Layout
from camslice.fleet.geometry import Region
from camslice.fleet.types import Backend, ModelSpec, Precision, Server, Transport
from camslice.models.decoders.make import make_decoder
from camslice.models.detections import Detections
from camslice.models.model import ModelInfo
from camslice.models.resolve import resolve
from camslice.video.picture import StillPicture
from tests.docs_stage import write_network
from tests.own_environment import INSTALL_PATIENCE_S, own_environment
from tests.tiny_detector import tiny_detector

ROOT = Path(__file__).resolve().parents[2]
START_PATIENCE_S = 60.0

pytestmark = pytest.mark.timeout(INSTALL_PATIENCE_S + 2 * START_PATIENCE_S)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ModelInfo]:
    """A detector with one box, and a network whose every number depends on every pixel."""
    folder = tmp_path_factory.mktemp("models")
    write_network(folder / "network.onnx")
    return {
        "tiny": tiny_detector(folder / "tiny.onnx"),
        "network": resolve(ModelSpec("network", str(folder / "network.onnx"))),
    }


@pytest.fixture(scope="module")
def url(models: dict[str, ModelInfo], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """KServe's own server with both models."""
    python = own_environment("kserve", ROOT / "requirements" / "contract-kserve.txt")
    log = tmp_path_factory.mktemp("kserve") / "log"
    grpc_port, http_port = free_port(), free_port()
    served = [f"{name}={info.path}" for name, info in models.items()]
    with log.open("w") as written:
        server = subprocess.Popen(
            [python, ROOT / "tests" / "kserve_server.py", str(grpc_port), str(http_port), *served],
            stdout=written,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until_it_listens(grpc_port, server, log)
        yield f"grpc://127.0.0.1:{grpc_port}"
    finally:
        server.kill()
        server.wait()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_until_it_listens(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    waited = threading.Event()
    for _ in range(int(START_PATIENCE_S / 0.1)):
        assert server.poll() is None, log.read_text()
        with socket.socket() as caller:
            if caller.connect_ex(("127.0.0.1", port)) == 0:
                return
        waited.wait(0.1)
    pytest.fail(f"KServe does not listen:\n{log.read_text()}")


def here(info: ModelInfo) -> Engine:
    return make_engine(info, ModelSpec(info.name, info.name, precision=Precision.FP32), threads=1, layout=Layout.RGB)


def there(info: ModelInfo, url: str, max_batch: int | None = None, transport: Transport = Transport.AUTO) -> Engine:
    server = Server(url, transport=transport)
    spec = ModelSpec(info.name, info.name, backend=Backend.OIP, server=server, max_batch=max_batch)
    return make_engine(info, spec, threads=1)


def answers(engine: Engine, pictures: list[StillPicture]) -> tuple[list[np.ndarray], InferenceTimes]:
    """The raw outputs for a batch of pictures, and what became of the time."""
    try:
        batch = engine.acquire()
        assert batch is not None
        for index, picture in enumerate(pictures):
            letterbox = engine.fit(Region(0, 0, picture.width, picture.height))
            picture.scale_into(batch.slot_for(index, letterbox), letterbox)
        done = threading.Event()
        came: list[tuple[list[np.ndarray], InferenceTimes]] = []

        def on_done(batch: Batch, outputs: Outputs, times: InferenceTimes, error: Exception | None) -> None:
            assert error is None, error
            came.append(([np.array(output) for output in outputs], times))
            batch.release()
            done.set()

        batch.start(len(pictures), on_done)
        assert done.wait(30)
        return came[0]
    finally:
        engine.close()


def boxes(info: ModelInfo, engine: Engine, picture: StillPicture) -> Detections:
    decode = make_decoder(info, confidence=0.1, nms_iou=0.5, ready_boxes=engine.info.ready_boxes)
    return decode(answers(engine, [picture])[0], 0)


def street(brightest: int, seed: int = 0, width: int = 120) -> StillPicture:
    rng = np.random.default_rng(seed)
    return StillPicture(rng.integers(0, brightest, (90, width, 3), np.uint8, endpoint=True))


def test_both_find_the_same_boxes(models: dict[str, ModelInfo], url: str) -> None:
    """The picture is so dark that the detector's confidence is far from certain, and says how bright it came out."""
    info, dark = models["tiny"], street(3, width=90)  # a square: no padding, which is brighter
    ours, theirs = boxes(info, here(info), dark), boxes(info, there(info, url), dark)
    assert len(ours.confidence) == 1
    assert 0.2 < ours.confidence[0] < 0.99
    np.testing.assert_allclose(theirs.boxes, ours.boxes, atol=0.01)
    np.testing.assert_allclose(theirs.confidence, ours.confidence, atol=1e-3)
    assert theirs.class_id.tolist() == ours.class_id.tolist()


@pytest.mark.parametrize("channels", ["rgb", "bgr"])
def test_both_compute_the_same_numbers_for_every_picture_of_a_batch(
    models: dict[str, ModelInfo], url: str, channels: str
) -> None:
    info = replace(models["network"], input=replace(models["network"].input, channels=channels))
    (theirs,), _ = answers(there(info, url, max_batch=2), [street(255), street(255, seed=1)])
    for index, picture in enumerate([street(255), street(255, seed=1)]):
        (ours,), _ = answers(here(info), [picture])
        np.testing.assert_allclose(theirs[index], ours[0], rtol=1e-3, atol=1e-3)


def test_a_server_that_does_not_say_what_it_spent_has_it_all_on_the_network(models: dict[str, ModelInfo], url: str) -> None:
    engine = there(models["tiny"], url)
    assert engine.info.backend == "oip (foreign)"
    _, times = answers(engine, [street(255)])
    assert times.inference_ns == times.queue_ns == 0
    assert times.network_ns > 0
