"""One engine, asked directly: how long a batch takes alone, and how many the device computes when it is never left waiting."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from statistics import median

from camslice.engine.make import make_engine
from camslice.engine.protocol import Batch, Engine, EngineInfo, InferenceTimes, Outputs
from camslice.engine.threads import inference_threads
from camslice.fleet.errors import EngineError
from camslice.fleet.figures import Figure
from camslice.fleet.geometry import Region
from camslice.fleet.profile import BatchCost
from camslice.measure.profile.subject import Subject
from camslice.video.frame import Picture

_WARM_UP = 3
_PATIENCE_S = 60.0


class Device:
    """An engine with batches of one size. Owns it until `close`.

    Pictures are scaled into the slots beforehand, so that nothing but the engine is measured.
    """

    def __init__(self, subject: Subject, size: int) -> None:
        """Raises EngineError when the model cannot be loaded with batches of that size."""
        self._size = size
        self._threads = inference_threads()
        self._engine: Engine = make_engine(subject.info, replace(subject.spec, max_batch=size), threads=self._threads)

    @property
    def info(self) -> EngineInfo:
        """What is running."""
        return self._engine.info

    def cost(self, pictures: Sequence[Picture], seconds: float) -> BatchCost:
        """What a batch costs, from so many seconds alone and as many with the device's queue full. Raises EngineError."""
        batches = self._all_filled(pictures)
        alone = _Meter(batches[:1], self._size)
        alone.run(seconds)
        full = _Meter(batches, self._size)
        full.run(seconds)
        for batch in batches:
            batch.release()
        return BatchCost(
            self._size,
            Figure.measured(median(alone.took_ms)),
            Figure.measured(full.wall_ms / full.done),
            Figure.measured(full.cpu_ms / full.done),
        )

    def answers(self, pictures: Sequence[Picture], read: Callable[[Outputs, Picture], None]) -> None:
        """Analyse pictures one by one; `read` is called with the answer to each, in a thread of the engine."""
        for picture in pictures:
            (batch,) = self._filled([picture], 1)
            meter = _Meter([batch], 1, partial(_read_of, read, picture))
            meter.once()
            batch.release()

    def close(self) -> None:
        """Free the engine."""
        self._engine.close()

    def _all_filled(self, pictures: Sequence[Picture]) -> list[Batch]:
        return self._filled(pictures, self._engine.info.batches)

    def _filled(self, pictures: Sequence[Picture], most: int) -> list[Batch]:
        """Up to `most` batches on loan, a picture in each of their slots."""
        batches: list[Batch] = []
        while len(batches) < most and (batch := self._engine.acquire()) is not None:
            for index in range(self._size):
                picture = pictures[(len(batches) * self._size + index) % len(pictures)]
                letterbox = self._engine.fit(Region(0, 0, picture.width, picture.height))
                picture.scale_into(batch.slot_for(index, letterbox), letterbox)
            batches.append(batch)
        if not batches:
            raise EngineError("the engine lends no batch; `camslice doctor` may say why.")
        return batches


def _read_of(read: Callable[[Outputs, Picture], None], picture: Picture, outputs: Outputs) -> None:
    read(outputs, picture)


@dataclass(slots=True)
class _Meter:
    """Keeps these batches running one after the other, and notes how long each took.

    `took_ms` of each batch, `done` of them within `wall_ms` (after a warm-up), at `cpu_ms` of this process. That time ends with
    the last batch that was followed by another: afterwards the device runs empty, and is not as fast as when it is full.
    """

    batches: Sequence[Batch]
    size: int
    read: Callable[[Outputs], None] | None = None
    took_ms: list[float] = field(default_factory=list)
    done: int = 0
    wall_ms: float = 0.0
    cpu_ms: float = 0.0
    _idle: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _error: Exception | None = None
    _began_s: float = 0.0
    _began_cpu_s: float = 0.0
    _until_s: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, seconds: float) -> None:
        """Run each batch again and again for `seconds`."""
        for _ in range(_WARM_UP):
            self.once()
        self.took_ms.clear()
        self.done = 0
        self._began_s, self._began_cpu_s = time.monotonic(), time.process_time()
        self._until_s = self._began_s + seconds
        self._start_all()
        if not self.done:  # each batch takes longer than all of the time
            self._count(len(self.batches))

    def once(self) -> None:
        """Run each batch once."""
        self._until_s = 0.0
        self._start_all()

    def _start_all(self) -> None:
        for batch in self.batches:
            batch.start(self.size, self._done)
        for _ in self.batches:
            if not self._idle.acquire(timeout=_PATIENCE_S):
                raise EngineError(f"the engine did not answer within {_PATIENCE_S:g} s.")
        if self._error is not None:
            raise self._error

    def _done(self, batch: Batch, outputs: Outputs, times: InferenceTimes, error: Exception | None) -> None:
        self._error = self._error or error
        try:
            if error is None:
                self.took_ms.append((times.ended_ns - times.began_ns) / 1e6)
                if self.read is not None:
                    self.read(outputs)
            if error is None and time.monotonic() < self._until_s:
                self._count(1)
                batch.start(self.size, self._done)
                return
        except Exception as failure:  # noqa: BLE001 (raised again by the thread that waits)
            self._error = failure
        self._idle.release()

    def _count(self, batches: int) -> None:
        with self._lock:
            self.done += batches
            self.wall_ms = (time.monotonic() - self._began_s) * 1000
            self.cpu_ms = (time.process_time() - self._began_cpu_s) * 1000
