"""A slot server with whoever comes to it, and what they are told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from camslice.engine.protocol import Batch, Engine, InferenceTimes, Outputs
from camslice.engine.slotted.address import listen
from camslice.engine.slotted.client import SlotEngine
from camslice.engine.slotted.server import SlotServer
from camslice.models.model import InputSpec, ModelInfo
from camslice.video.slot import I420Slot
from tests.unit.engine.slotted.held_engine import WHOLE
from tests.unit.engine.tiny_models import SIDE

PATIENCE_S = 20.0
T = TypeVar("T")


def model(sha256: str = "0" * 64) -> ModelInfo:
    spec = InputSpec(SIDE, SIDE, dynamic_batch=True, dynamic_size=False)
    return ModelInfo("tiny", Path("nowhere.onnx"), sha256, "Apache-2.0", "detect", ("thing",), spec, "yolov8", "a test")


@dataclass
class Sharing:
    """The server, its address, and the clients made so far."""

    server: SlotServer
    address: str
    clients: list[SlotEngine] = field(default_factory=list)

    def client(self, info: ModelInfo | None = None, batches: int | None = None, patience_s: float = PATIENCE_S) -> SlotEngine:
        self.clients.append(SlotEngine(self.address, "tiny", info or model(), batches, patience_s=patience_s))
        return self.clients[-1]


@contextmanager
def sharing(engine: Engine | None = None) -> Iterator[Sharing]:
    listener, address = listen()
    server = SlotServer(listener)
    shared = Sharing(server, address)
    try:
        if engine is not None:
            server.serve("tiny", engine)
        yield shared
    finally:
        for client in shared.clients:
            client.close()
        server.close()
        listener.close()


@dataclass
class Answer:
    """What came of one batch, copied, once `wait` returns."""

    came: threading.Event = field(default_factory=threading.Event)
    values: list[list[float]] = field(default_factory=list)
    times: InferenceTimes | None = None
    error: Exception | None = None
    calls: int = 0

    def take(self, batch: Batch, outputs: Outputs, times: InferenceTimes, error: Exception | None) -> None:
        self.values = [output.tolist() for output in outputs]
        self.times, self.error = times, error
        self.calls += 1
        batch.release()
        self.came.set()

    def wait(self) -> Answer:
        assert self.came.wait(PATIENCE_S), "no answer came"
        return self


def ask(engine: Engine, *lumas: int, deadline_ns: int | None = None) -> Answer:
    """Start a batch of evenly grey pictures; waits until one is free."""
    return start(wait_for(engine.acquire), *lumas, deadline_ns=deadline_ns)


def start(batch: Batch, *lumas: int, deadline_ns: int | None = None) -> Answer:
    """Fill a batch and start it."""
    answer = Answer()
    for index, luma in enumerate(lumas):
        slot = batch.slot_for(index, WHOLE)
        assert isinstance(slot, I420Slot)
        slot.y[:], slot.u[:], slot.v[:] = luma, 128, 128
        slot.colour[:] = [[1, 0, 0, 0]] * 3
    batch.start(len(lumas), answer.take, deadline_ns)
    return answer


def wait_for(what: Callable[[], T | None]) -> T:
    until_s = time.monotonic() + PATIENCE_S
    while not (found := what()):
        assert time.monotonic() < until_s, "it did not happen in time"
        time.sleep(0.005)
    return found
