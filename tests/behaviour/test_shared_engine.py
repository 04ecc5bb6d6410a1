"""An engine process and the workers that share it: whoever dies takes nobody with him, and comes back to his work."""

from __future__ import annotations

import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import psutil
import pytest

from camslice.engine.make import make_engine
from camslice.engine.protocol import Engine
from camslice.engine.slotted.address import listen
from camslice.fleet.geometry import Region
from camslice.fleet.types import Backend, ModelSpec, Objective, Pace, Server
from camslice.models.model import ModelInfo
from camslice.stream.child import Child
from camslice.stream.engine_doors import TOKEN
from camslice.stream.messages import Configure, Drain, FromPod, Heartbeat, LoadModel, ModelLoaded, ModelStopped, UnloadModel
from camslice.video.slot import I420Slot
from tests.tiny_detector import SIDE, tiny_detector
from tests.unit.engine.slotted.sharing import Answer, wait_for
from tests.unit.engine.tiny_models import mean_model

ROOT = Path(__file__).parents[2]
PATIENCE_S = 30.0
M = TypeVar("M", bound=FromPod)


@dataclass
class Worker:
    """A worker process and the lines that it prints: `connected`, its own luma for each answer, or `away`."""

    process: subprocess.Popen[str]
    lines: queue.SimpleQueue[str]

    def hears(self, line: str, times: int = 3) -> None:
        """Wait until it says so, that many times in a row."""
        in_a_row = 0
        while in_a_row < times:
            said = self.lines.get(timeout=PATIENCE_S)
            in_a_row = in_a_row + 1 if said == line else 0


class EngineProcess:
    """The process under test, as its supervisor sees it."""

    def __init__(self, listener: socket.socket | None = None, address: str = "") -> None:
        """Slots at `listener`, or the Open Inference Protocol at `address`."""
        listen_on = listener.fileno() if listener else address
        arguments = [f"--door={'slots' if listener else 'oip'}", f"--listen={listen_on}"]
        descriptors = [listener.fileno()] if listener else []
        self.child = Child("camslice.stream.engine_process", arguments, descriptors, 1, {TOKEN: "between-the-two-of-us"})
        self.child.say(Configure(Objective(), Pace.LIVE, 1))

    def load(self, info: ModelInfo, number: int = 0, device: str | None = None) -> None:
        self.child.say(LoadModel(ModelSpec("tiny", "tiny", device=device), info, number))

    def says(self, kind: type[M]) -> M:
        """The next message of this kind."""

        def heard() -> M | None:
            return next((message for message in self.child.heard() if isinstance(message, kind)), None)

        return wait_for(heard)


@pytest.fixture
def start() -> Iterator[Callable[..., Worker]]:
    with ExitStack() as running:
        yield lambda *arguments: running.enter_context(worker(*arguments))


@contextmanager
def worker(address: str, luma: int) -> Iterator[Worker]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.slot_worker", address, str(luma)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(line.strip())

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield Worker(process, lines)
    finally:
        process.kill()
        process.wait()
        reader.join()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.stdout.close()


@pytest.fixture
def listener() -> Iterator[tuple[socket.socket, str]]:
    made, address = listen()
    with made:
        yield made, address


def test_workers_get_their_own_answers_from_one_engine(
    tmp_path: Path, listener: tuple[socket.socket, str], start: Callable[..., Worker]
) -> None:
    info = mean_model(tmp_path / "mean.onnx")
    workers = [start(listener[1], luma) for luma in (40, 80, 120)]
    engine = EngineProcess(listener[0])
    engine.load(info, number=7)
    loaded = engine.says(ModelLoaded)
    assert (loaded.model, loaded.number, loaded.backend, loaded.input_width) == ("tiny", 7, "openvino", 32)
    for worker_, luma in zip(workers, (40, 80, 120), strict=True):
        worker_.hears("connected", 1)
        worker_.hears(str(luma), 10)
    wait_for(lambda: engine.says(Heartbeat).busy_ns.get("tiny"))
    engine.child.say(Drain(1.0))
    engine.child.wait(PATIENCE_S)
    assert engine.child.ended() == 0
    for worker_ in workers:
        worker_.hears("away", 1)
    engine.child.close()


def test_a_killed_worker_disturbs_nobody(
    tmp_path: Path, listener: tuple[socket.socket, str], start: Callable[..., Worker]
) -> None:
    info = mean_model(tmp_path / "mean.onnx")
    engine = EngineProcess(listener[0])
    engine.load(info)
    engine.says(ModelLoaded)
    stays = start(listener[1], 50)
    stays.hears("50")
    process = psutil.Process(engine.child.pid)
    before = process.num_fds()
    for luma in (100, 110, 120):
        goes = start(listener[1], luma)
        goes.hears(str(luma))
        os.kill(goes.process.pid, signal.SIGKILL)
        goes.process.wait()
        stays.hears("50", 20)
    wait_for(lambda: process.num_fds() <= before)
    engine.child.close()


def test_a_killed_engine_is_found_again_at_the_same_address(
    tmp_path: Path, listener: tuple[socket.socket, str], start: Callable[..., Worker]
) -> None:
    info = mean_model(tmp_path / "mean.onnx")
    workers = {luma: start(listener[1], luma) for luma in (60, 90)}
    for _ in range(2):
        engine = EngineProcess(listener[0])
        engine.load(info)
        for luma, worker_ in workers.items():
            worker_.hears(str(luma), 5)
        os.kill(engine.child.pid, signal.SIGKILL)
        for worker_ in workers.values():
            worker_.hears("away", 1)
        engine.child.close()
    engine = EngineProcess(listener[0])
    engine.load(info)
    newcomer = start(listener[1], 30)
    for luma, worker_ in {**workers, 30: newcomer}.items():
        worker_.hears(str(luma), 5)
    engine.child.close()


def test_what_cannot_be_loaded_is_said_and_what_was_there_goes_on(
    tmp_path: Path, listener: tuple[socket.socket, str], start: Callable[..., Worker]
) -> None:
    info = mean_model(tmp_path / "mean.onnx")
    engine = EngineProcess(listener[0])
    engine.load(info, device="abacus")
    stopped = engine.says(ModelStopped)
    assert stopped.model == "tiny"
    assert "abacus" in stopped.reason
    assert "goes on" not in stopped.reason
    engine.load(info, 1)
    engine.says(ModelLoaded)
    worker_ = start(listener[1], 70)
    worker_.hears("70")
    engine.load(info, 2, device="abacus")
    assert "goes on" in engine.says(ModelStopped).reason
    worker_.hears("70")
    engine.load(info, 3)
    assert engine.says(ModelLoaded).number == 3
    worker_.hears("70")
    engine.child.say(UnloadModel("tiny"))
    worker_.hears("away", 1)
    engine.child.close()


def test_an_engine_process_leaves_with_its_supervisor_and_heeds_no_signal_of_the_terminal(
    listener: tuple[socket.socket, str],
) -> None:
    engine = EngineProcess(listener[0])
    engine.says(Heartbeat)
    process = psutil.Process(engine.child.pid)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    engine.says(Heartbeat)
    engine.child._pipe.close()
    assert process.wait(PATIENCE_S) == 0


def test_the_same_process_answers_by_the_open_inference_protocol(tmp_path: Path) -> None:
    info = tiny_detector(tmp_path / "tiny.onnx")
    address = f"unix-abstract:camslice-test-{os.getpid()}"
    process = EngineProcess(address=address)
    for number in (0, 1):
        process.load(info, number)
        loaded = process.says(ModelLoaded)
        assert (loaded.number, loaded.backend, loaded.input_width) == (number, "openvino", SIDE)
    process.load(info, 2, device="abacus")
    reason = process.says(ModelStopped).reason
    assert "abacus" in reason
    assert "goes on" in reason
    server = Server(address, model="tiny", token="between-the-two-of-us")
    engine = make_engine(info, ModelSpec("tiny", "tiny", backend=Backend.OIP, server=server), threads=1)
    answer = one_grey_picture(engine)
    assert answer.error is None
    (boxes,) = answer.values
    np.testing.assert_allclose(boxes[0][0][:4], [12, 12, 20, 20], atol=0.1)
    engine.close()
    wait_for(lambda: process.says(Heartbeat).busy_ns.get("tiny"))
    process.child.say(UnloadModel("tiny"))
    process.child.say(Drain(1.0))
    process.child.wait(PATIENCE_S)
    assert process.child.ended() == 0
    process.child.close()


def one_grey_picture(engine: Engine) -> Answer:
    batch = wait_for(engine.acquire)
    slot = batch.slot_for(0, engine.fit(Region(0, 0, SIDE, SIDE)))
    assert isinstance(slot, I420Slot)
    slot.y[:], slot.u[:], slot.v[:] = 200, 128, 128
    slot.colour[:] = [[1, 0, 0, 0]] * 3
    answer = Answer()
    batch.start(1, answer.take)
    return answer.wait()
