"""An engine, requests and a clock under a test's control."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future

import numpy as np

from camslice.engine.oip.messages import OipError
from camslice.engine.oip.stage_clock import StageClock
from camslice.engine.protocol import Batch, Engine, EngineInfo, InferenceTimes, OnDone, Outputs
from camslice.engine.slots import Layout, SlotArrays
from camslice.fleet.geometry import Letterbox, Region
from camslice.video.slot import Slot

MS = 1_000_000
SIDE = 32


class FakeClock:
    """Nanoseconds that pass only when told to."""

    def __init__(self) -> None:
        self.now_ns = 1_000_000_000

    def __call__(self) -> int:
        return self.now_ns

    def sleep(self, ms: float) -> None:
        self.now_ns += int(ms * MS)


class FakeBatch:
    def __init__(self, engine: FakeEngine, size: int, layout: Layout = Layout.RGB) -> None:
        self._engine = engine
        self._slots = SlotArrays(layout, size, SIDE, SIDE, 114)
        self.count = 0
        self.began_ns = 0
        self.deadline_ns: int | None = None
        self.on_done: OnDone | None = None

    def slot_for(self, index: int, letterbox: Letterbox) -> Slot:
        return self._slots.slot_for(index, letterbox)

    def start(self, count: int, on_done: OnDone, deadline_ns: int | None = None) -> None:
        if self._engine.refuses is not None:
            raise self._engine.refuses
        self.count, self.on_done, self.deadline_ns = count, on_done, deadline_ns
        self.began_ns = self._engine.clock()
        self._engine.running.append(self)
        self._engine.sizes.append(count)

    def release(self) -> None:
        assert self not in self._engine.free, "a batch was given back twice"
        self._engine.free.append(self)
        self._engine.wake()


class FakeEngine:
    """Computes when the test says so; answers [N, 1] of zeroes. `sizes` are those of all batches that were started."""

    def __init__(self, clock: FakeClock, batches: int = 2, max_batch: int = 8) -> None:
        self.clock = clock
        self.free = deque(FakeBatch(self, max_batch) for _ in range(batches))
        self.running: deque[FakeBatch] = deque()
        self.sizes: list[int] = []
        self.refuses: Exception | None = None
        self.lends: Exception | None = None
        self.closed = False
        self.wake: Callable[[], None] = lambda: None
        self.info = EngineInfo("fake", "test", "fp32", SIDE, SIDE, max_batch, batches, 1, "0" * 64)

    def fit(self, region: Region) -> Letterbox:
        return Letterbox.fit(region, SIDE, SIDE, centred=False)

    def acquire(self) -> FakeBatch | None:
        if self.lends is not None:
            raise self.lends
        return self.free.popleft() if self.free else None

    def on_free(self, wake: Callable[[], None]) -> None:
        self.wake = wake

    def close(self) -> None:
        self.closed = True

    def finish(self, *, after_ms: float = 0.0, error: Exception | None = None, **parts_ns: int) -> None:
        """Let the oldest running batch end; `parts_ns` are those of its times."""
        self.clock.sleep(after_ms)
        batch = self.running.popleft()
        assert batch.on_done is not None
        outputs = [np.zeros((batch.count, 1), np.float32)] if error is None else []
        batch.on_done(batch, outputs, InferenceTimes(batch.began_ns, self.clock(), **parts_ns), error)

    def finish_all(self, *, after_ms: float = 0.0) -> None:
        while self.running:
            self.finish(after_ms=after_ms)


class FakeWork:
    """A request that notes what becomes of it. `log` may be shared by several, to see in which order they are put."""

    def __init__(
        self,
        clock: FakeClock,
        name: str = "",
        *,
        count: int = 1,
        within_ms: float | None = None,
        held_bytes: int = 0,
        slow: bool = False,
        broken: Exception | None = None,
        log: list[str] | None = None,
    ) -> None:
        self.name = name
        self.count = count
        self.held_bytes = held_bytes
        self.deadline_ns = None if within_ms is None else clock() + int(within_ms * MS)
        self.slow = slow
        self.clock = StageClock(clock())
        self._broken = broken
        self.log = [] if log is None else log
        self.read_pictures: list[int] = []
        self.answered = 0
        self.errors: list[OipError] = []
        self.released = 0

    def put(self, picture: int, engine: Engine, batch: Batch, index: int) -> None:
        assert not self.released, "a picture was read from a request that was let go"
        if self._broken is not None:
            raise self._broken
        self.log.append(f"{self.name}{picture}" if self.count > 1 else self.name)

    def read(self, picture: int, outputs: Outputs, index: int) -> None:
        assert not self.released
        self.read_pictures.append(picture)

    def answer(self) -> None:
        assert not self.released
        self.answered += 1

    def fail(self, error: OipError) -> None:
        assert not self.released
        self.errors.append(error)

    def release(self) -> None:
        self.released += 1

    @property
    def outcome(self) -> str:
        """`answered`, the status it was refused with, or `waits`; and that nothing was said twice."""
        assert self.answered + len(self.errors) <= 1, "a request was answered twice"
        assert self.released == (1 if self.answered or self.errors else 0)
        if self.answered:
            return "answered"
        return self.errors[0].status.name if self.errors else "waits"


class Later(Executor):
    """A pool whose threads never come: the test runs what was handed to it."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], object]] = []
        self.is_shut = False

    def submit(self, fn, /, *args, **kwargs):  # type: ignore[no-untyped-def,override]  # Executor's own signature is generic
        if self.is_shut:
            raise RuntimeError("cannot schedule new futures after shutdown")
        self.waiting.append(lambda: fn(*args, **kwargs))
        return Future()

    def run(self) -> None:
        while self.waiting:
            self.waiting.pop(0)()
