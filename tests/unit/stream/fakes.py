"""An engine, pictures and a clock under a test's control, behind the interfaces of the real ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

from camslice.engine.protocol import EngineInfo, InferenceTimes, OnDone
from camslice.fleet.geometry import Letterbox, Region
from camslice.models.detections import Detections
from camslice.video.colour import STILL_COLOUR, YuvColour
from camslice.video.frame import Frame, FrameStamp
from camslice.video.slot import ByteArray, RgbSlot, Slot


class FakeClock:
    """Nanoseconds that pass only when told to."""

    def __init__(self) -> None:
        self.now_ns = 1_000_000_000

    def __call__(self) -> int:
        return self.now_ns


class FakePicture:
    """A picture that remembers whether it was scaled, or refuses to be."""

    width, height = 64, 48

    def __init__(self, *, broken: bool = False, colour: YuvColour = STILL_COLOUR) -> None:
        self.broken = broken
        self.colour = colour
        self.scaled = 0

    def scale_into(self, slot: Slot, letterbox: Letterbox) -> None:
        if self.broken:
            raise ValueError("this picture cannot be scaled")
        self.scaled += 1

    def luma(self, width: int, height: int) -> ByteArray:
        return np.zeros((height, width), np.uint8)


class FakeBatch:
    def __init__(self, engine: FakeEngine, side: int) -> None:
        self._engine = engine
        self._slot = RgbSlot(np.zeros((side, side, 3), np.uint8))
        self.count = 0
        self.began_ns = 0
        self.on_done: OnDone | None = None

    def slot_for(self, index: int, letterbox: Letterbox) -> Slot:
        return self._slot

    def start(self, count: int, on_done: OnDone, deadline_ns: int | None = None) -> None:
        self.deadline_ns = deadline_ns
        self.count, self.on_done, self.began_ns = count, on_done, self._engine.clock()
        self._engine.running.append(self)

    def release(self) -> None:
        self._engine.free.append(self)
        self._engine.wake()


class FakeEngine:
    """Computes when the test says so."""

    def __init__(self, clock: FakeClock, batches: int = 2, max_batch: int = 2, side: int = 32) -> None:
        self.clock = clock
        self.side = side
        self.free = deque(FakeBatch(self, side) for _ in range(batches))
        self.running: deque[FakeBatch] = deque()
        self.wake: Callable[[], None] = lambda: None
        self.info = EngineInfo("fake", "test", "fp32", side, side, max_batch, batches, 1, "0" * 64)

    def fit(self, region: Region) -> Letterbox:
        return Letterbox.fit(region, self.side, self.side, centred=False)

    def acquire(self) -> FakeBatch | None:
        return self.free.popleft() if self.free else None

    def on_free(self, wake: Callable[[], None]) -> None:
        self.wake = wake

    def close(self) -> None:
        assert not self.running

    def finish(self, error: Exception | None = None, which: int = 0) -> int:
        """Let a running batch end, the oldest one first; returns how many slots it had."""
        batch = self.running[which]
        del self.running[which]
        assert batch.on_done is not None
        batch.on_done(batch, [], InferenceTimes(batch.began_ns, self.clock()), error)
        return batch.count


def nothing_found(outputs: object, index: int) -> Detections:
    return Detections.none()


def a_frame(clock: FakeClock, sequence: int = 0, *, broken: bool = False, age_ns: int = 0) -> Frame:
    captured_ns = clock() - age_ns
    return Frame(FakePicture(broken=broken), FrameStamp(sequence, None, captured_ns / 1e9, captured_ns, clock()))
