"""Results straight into the store: what is queued waits in memory while the store is away."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from camslice.events.store.batches import FrameBatch, Run, frame_batch, minute_batch
from camslice.events.store.epochs import EpochBook
from camslice.events.store.rollups import Rollups
from camslice.events.store.tables import Tables
from camslice.fleet.accounting import FrameCounts
from camslice.fleet.types import StreamKey
from camslice.stream.results import FrameResult

ROLLUP_INTERVAL_S = 10.0
ASK_INTERVAL_S = 1.0

Sample = tuple[Mapping[StreamKey, FrameCounts], float]
Placed = tuple[FrameResult, int | None]
"""A result and the epoch of its stream's placement."""


@dataclass(frozen=True, slots=True)
class PreparedFrames:
    """Rows to be written, and the results that they are made of."""

    batch: FrameBatch
    placed: Sequence[Placed]


class DirectTarget:
    """The store as a target of batches. Only the writer's thread calls it once it is made."""

    def __init__(self, tables: Tables, run: Run, book: EpochBook, samples: deque[Sample]) -> None:
        self._tables = tables
        self._run = run
        self._book = book
        self._samples = samples
        self._rollups = Rollups()
        self._rollups_due_s = time.monotonic() + ROLLUP_INTERVAL_S
        self._ask_due_s = 0.0

    def prepare(self, items: Sequence[Placed]) -> PreparedFrames:
        """Pack the results."""
        return PreparedFrames(frame_batch(self._run, items), items)

    def write(self, batch: PreparedFrames) -> None:
        """Insert frames, all in one transaction, and count those that were stored in their minutes."""
        admitted = self._tables.frames(batch.batch)
        self._book.learn(admitted)
        results = [result for result, _ in batch.placed]
        if len(admitted.rows) < len(results):
            stored = {(row.stream, row.sequence) for row in admitted.rows}
            results = [result for result in results if (result.stream, result.sequence) in stored]
        self._rollups.add_results(results)

    def tick(self) -> None:
        """Write roll-ups, ask for news and clear away what is too old, when it is time to."""
        self._take_samples()
        now_s = time.monotonic()
        if now_s >= self._rollups_due_s:
            self._write_rollups()
            self._rollups_due_s = now_s + ROLLUP_INTERVAL_S
        asked_about = self._book.asked_about()
        if asked_about and now_s >= self._ask_due_s:
            self._book.learn_newest(self._tables.newest_epochs(asked_about))
            self._ask_due_s = now_s + ASK_INTERVAL_S
        self._tables.clear_away()

    def close(self) -> None:
        """Write the last roll-ups and close the store."""
        try:
            self._take_samples()
            self._write_rollups()
        finally:
            self._tables.close()

    def _take_samples(self) -> None:
        while self._samples:
            self._rollups.add_totals(*self._samples.popleft())

    def _write_rollups(self) -> None:
        grown = self._rollups.grown()
        if grown:
            self._tables.minutes(minute_batch(self._run, grown))
            self._rollups.written(grown)
