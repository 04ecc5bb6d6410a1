"""An engine that computes when the test says so: its answer to each picture is the mean of its luma."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from camslice.engine.batch_pool import BatchPool
from camslice.engine.protocol import Batch, EngineInfo, InferenceTimes, OnDone
from camslice.engine.slots import Layout, SlotArrays
from camslice.fleet.geometry import Letterbox, Region
from camslice.video.slot import I420Slot, Slot
from tests.unit.engine.tiny_models import SIDE

WHOLE = Letterbox.fit(Region(0, 0, SIDE, SIDE), SIDE, SIDE, centred=False)


class HeldEngine:
    """`started` holds the lumas of each batch handed to it, in order; `answer` lets the oldest go on."""

    def __init__(self, *, batches: int = 1, max_batch: int = 1, sha256: str = "0" * 64, layout: Layout = Layout.I420) -> None:
        self.info = EngineInfo("held", "test", "fp32", SIDE, SIDE, max_batch, batches, 1, sha256)
        self.pool = BatchPool[HeldBatch]()
        for _ in range(batches):
            self.pool.add(HeldBatch(self, SlotArrays(layout, max_batch, SIDE, SIDE, 114)))
        self.started: list[list[float]] = []
        self.running: list[HeldBatch] = []
        self.at_once = True
        self.error: Exception | None = None
        self.closed = threading.Event()
        self.answer_length = 2

    def fit(self, region: Region) -> Letterbox:
        return WHOLE

    def acquire(self) -> Batch | None:
        return self.pool.lend()

    def on_free(self, wake: Callable[[], None]) -> None:
        self.pool.on_free(wake)

    def close(self) -> None:
        self.pool.wait_until_all_are_back(5.0)
        self.closed.set()

    def hold(self) -> None:
        """Keep what is started from now on."""
        self.at_once = False
        self.started.clear()

    def answer(self) -> None:
        """Let the batch that was started first come to its end."""
        self.running.pop(0).end()


@dataclass(eq=False)
class HeldBatch:
    engine: HeldEngine
    arrays: SlotArrays
    lumas: list[float] = field(default_factory=list)
    on_done: OnDone | None = None

    def slot_for(self, index: int, letterbox: Letterbox) -> Slot:
        return self.arrays.slot_for(index, letterbox)

    def start(self, count: int, on_done: OnDone, deadline_ns: int | None = None) -> None:
        self.on_done = on_done
        self.began_ns = time.monotonic_ns()
        slots = [self.arrays.slot_for(index, WHOLE) for index in range(count)]
        self.lumas = [float(slot.y.mean()) if isinstance(slot, I420Slot) else 0.0 for slot in slots]
        self.engine.started.append(self.lumas)
        self.engine.running.append(self)
        if self.engine.at_once:
            self.engine.answer()

    def end(self) -> None:
        on_done, self.on_done = self.on_done, None
        assert on_done is not None
        times = InferenceTimes(self.began_ns, time.monotonic_ns())
        outputs = [np.repeat(np.array(self.lumas, np.float32)[:, None], self.engine.answer_length, axis=1)]
        on_done(self, [] if self.engine.error else outputs, times, self.engine.error)

    def release(self) -> None:
        self.engine.pool.take_back(self)
