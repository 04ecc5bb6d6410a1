"""One engine that many ask: their batches wait for it in the order of their deadlines and share its own.

Nothing here has a thread. Whoever makes work possible does it: the thread that brings a batch, or the engine's own when it
gives one back. What waits is bounded by those who ask: each has a few batches and starts none twice.

A picture is copied into the engine's slots when its turn has come (30 to 60 us for 640 x 640). Reading it where it lies would
save that and tie the life of every worker's memory to the device.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from camslice.engine.oip.outlook import Outlook
from camslice.engine.protocol import Batch, Engine, EngineInfo, InferenceTimes, Outputs
from camslice.engine.slotted.memory import MemoryPlan
from camslice.fleet.errors import EngineError, TooLateError
from camslice.fleet.geometry import Letterbox, Region
from camslice.video.slot import I420Slot

_PROBE_PATIENCE_S = 60.0


class Job(Protocol):
    """Some pictures of one asker."""

    @property
    def count(self) -> int:
        """How many pictures, at most the engine's `max_batch`."""
        ...

    @property
    def deadline_ns(self) -> int | None:
        """When the answer must be there, if it matters."""
        ...

    @property
    def is_wanted(self) -> bool:
        """Whether anybody still waits for it."""
        ...

    def fill(self, batch: Batch, first: int, whole: Letterbox) -> None:
        """Copy the pictures into the slots from `first` on; `whole` is how a picture as large as the slot lies in it."""
        ...

    def done(self, outputs: Outputs, times: InferenceTimes, error: Exception | None) -> None:
        """The answers to these pictures, valid during the call. Called once, from any thread."""
        ...


class SharedEngine:
    """Owns the engine until `close`. Thread-safe."""

    def __init__(self, engine: Engine) -> None:
        """Runs a grey picture to learn the shapes of the answers. Raises EngineError when they cannot be shared."""
        info = engine.info
        self._engine = engine
        self._whole = Letterbox.fit(
            Region(0, 0, info.input_width, info.input_height), info.input_width, info.input_height, centred=False
        )
        self._outputs = _answer_shapes(engine, self._whole)
        self._lock = threading.Lock()
        self._waiting: list[_Entry] = []
        self._arrivals = 0
        self._outlook = Outlook()
        self._running = 0
        self._closed = False
        self.busy_ns = 0
        """Device time used so far."""
        engine.on_free(self._pump)

    @property
    def max_batch(self) -> int:
        """Pictures in one batch."""
        return self._engine.info.max_batch

    @property
    def waiting(self) -> int:
        """Jobs that wait for a free batch."""
        return len(self._waiting)

    def info_for(self, batches: int) -> EngineInfo:
        """What is running, for somebody who has so many batches (0: as many as the engine)."""
        return replace(self._engine.info, batches=batches or self._engine.info.batches)

    def plan(self, batches: int) -> MemoryPlan:
        """The memory that an asker with so many batches needs."""
        info = self.info_for(batches)
        return MemoryPlan(info.batches, info.max_batch, info.input_width, info.input_height, self._outputs)

    def serves(self, sha256: str, width: int, height: int) -> bool:
        """Whether this is the model, and the size, that somebody asks for."""
        info = self._engine.info
        return (info.model_sha256, info.input_width, info.input_height) == (sha256, width, height)

    def submit(self, job: Job) -> None:
        """Let it wait for its turn. Its `done` may be called before this returns."""
        now_ns = time.monotonic_ns()
        with self._lock:
            self._arrivals += 1
            entry = _Entry(now_ns if job.deadline_ns is None else job.deadline_ns, self._arrivals, job)
            heapq.heappush(self._waiting, entry)
        self._pump()

    def close(self) -> None:
        """Drop what waits, let what runs come to its end, and free the device."""
        self._closed = True
        with self._lock:
            self._waiting.clear()
        self._engine.close()

    def _pump(self) -> None:
        """Start batches while the engine has a free one and jobs wait."""
        while self._waiting and not self._closed:
            batch = self._engine.acquire()
            if batch is None:
                return  # whoever gives one back comes here next
            with self._lock:
                jobs, late = self._take(time.monotonic_ns())
            for job in late:
                now_ns = time.monotonic_ns()
                job.done([], InferenceTimes(now_ns, now_ns), TooLateError("its deadline would have passed"))
            if jobs:
                self._start(batch, jobs)
            else:
                batch.release()

    def _take(self, now_ns: int) -> tuple[list[Job], list[Job]]:
        """Jobs for the next batch, the earliest deadline first, and those that have no chance any more. Lock is held."""
        jobs: list[Job] = []
        late: list[Job] = []
        room = self.max_batch
        while self._waiting and (job := self._waiting[0].job).count <= room:
            heapq.heappop(self._waiting)
            if not job.is_wanted:
                continue
            if self._outlook.is_late(now_ns, job.deadline_ns, 1, idle=not self._running):
                late.append(job)
                continue
            jobs.append(job)
            room -= job.count
        self._running += bool(jobs)
        return jobs, late

    def _start(self, batch: Batch, jobs: Sequence[Job]) -> None:
        taken_ns = time.monotonic_ns()

        def done(batch: Batch, outputs: Outputs, times: InferenceTimes, error: Exception | None) -> None:
            self._finish(batch, jobs, taken_ns, outputs, times, error)

        filled = 0
        try:
            for job in jobs:
                job.fill(batch, filled, self._whole)
                filled += job.count
            batch.start(filled, done, min((job.deadline_ns for job in jobs if job.deadline_ns is not None), default=None))
        except Exception as error:  # noqa: BLE001 (whatever a backend raises, those who wait must hear of it)
            now_ns = time.monotonic_ns()
            self._finish(batch, jobs, taken_ns, [], InferenceTimes(now_ns, now_ns), error)

    def _finish(
        self,
        batch: Batch,
        jobs: Sequence[Job],
        taken_ns: int,
        outputs: Outputs,
        times: InferenceTimes,
        error: Exception | None,
    ) -> None:
        if error is None:
            error = self._misfit(outputs)
        first, filled, busy_ns = 0, sum(job.count for job in jobs), times.busy_ns
        try:
            for job in jobs:
                behind = first + job.count
                theirs = [] if error else [output[first:behind] for output in outputs]
                # Cut where the slots are, so that all parts together are the whole to the nanosecond.
                theirs_ns = busy_ns * behind // filled - busy_ns * first // filled
                job.done(theirs, replace(times, others_ns=times.inference_ns - theirs_ns), error)
                first = behind
        finally:
            with self._lock:
                self._running -= 1
                self.busy_ns += busy_ns
                if error is None:
                    self._outlook.note(time.monotonic_ns() - taken_ns)
            batch.release()

    def _misfit(self, outputs: Outputs) -> EngineError | None:
        shapes = tuple(output.shape[1:] for output in outputs)
        if shapes == self._outputs:
            return None
        return EngineError(f"the model's answers changed their shape from {self._outputs} to {shapes}")


@dataclass(frozen=True, slots=True, order=True)
class _Entry:
    due_ns: int
    arrival: int
    job: Job
    """Never compared: no two arrivals are the same."""


def _answer_shapes(engine: Engine, whole: Letterbox) -> tuple[tuple[int, ...], ...]:
    """The shapes of the answers to one picture, the batch's dimension left out. Raises EngineError."""
    for count in range(1, min(2, engine.info.max_batch) + 1):
        shapes = _run_grey(engine, whole, count)
        if any(not shape or shape[0] != count for shape in shapes):
            raise EngineError(
                f"its answers to {count} picture(s) have the shapes {shapes}, not one entry for each: workers cannot share it; "
                "use `workers: 0`."
            )
    return tuple(shape[1:] for shape in shapes)


def _run_grey(engine: Engine, whole: Letterbox, count: int) -> list[tuple[int, ...]]:
    batch = engine.acquire()
    if batch is None:
        raise EngineError("it has no free batch for a grey picture")
    if not all(isinstance(batch.slot_for(index, whole), I420Slot) for index in range(count)):
        batch.release()
        raise EngineError("its slots do not hold the planes of pictures: workers cannot share it; use `workers: 0`.")
    answered = threading.Event()
    heard: list[list[tuple[int, ...]] | Exception] = []

    def done(batch: Batch, outputs: Outputs, times: InferenceTimes, error: Exception | None) -> None:
        heard.append(error or [np.shape(output) for output in outputs])
        batch.release()
        answered.set()

    try:
        batch.start(count, done)
    except Exception as error:
        batch.release()
        raise EngineError(f"it cannot run a grey picture: {error}") from error
    if not answered.wait(_PROBE_PATIENCE_S):
        raise EngineError("it does not answer a grey picture")
    if isinstance(heard[0], Exception):
        raise EngineError(f"it fails on a grey picture: {heard[0]}")
    return heard[0]
