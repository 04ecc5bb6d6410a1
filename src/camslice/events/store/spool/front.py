"""Results into the spool: the near end, which never waits for a database."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence

from camslice.events.store.batches import Run, frame_batch, minute_batch
from camslice.events.store.direct import ROLLUP_INTERVAL_S, Placed, Sample
from camslice.events.store.epochs import EpochBook
from camslice.events.store.rollups import Rollups
from camslice.events.store.spool.log import Spool
from camslice.events.store.spool.records import FRAMES, MINUTES, encode_frames, encode_minutes
from camslice.fleet.types import StreamKey


class SpoolTarget:
    """The spool as a target of batches. Only the writer's thread calls it.

    Minutes are put in whole, as far as they are known, every ten seconds: whoever reads the spool after our death needs nothing
    of our memory. They count every result but those of streams that are known to be taken over.
    """

    def __init__(self, spool: Spool, run: Run, book: EpochBook, samples: deque[Sample]) -> None:
        self._spool = spool
        self._run = run
        self._book = book
        self._samples = samples
        self._rollups = Rollups()
        self._rollups_due_s = time.monotonic() + ROLLUP_INTERVAL_S

    def prepare(self, items: Sequence[Placed]) -> tuple[bytes, int]:
        """Count results in their minutes and encode them; how many there are."""
        lost = self._lost_streams(items)
        self._rollups.add_results([result for result, _ in items if result.stream not in lost])
        return encode_frames(frame_batch(self._run, items)), len(items)

    def write(self, batch: tuple[bytes, int]) -> None:
        """Put frames into the spool."""
        payload, results = batch
        self._spool.put(FRAMES, payload, results)

    def tick(self) -> None:
        """Put minutes into the spool when it is time to."""
        self._take_samples()
        now_s = time.monotonic()
        if now_s >= self._rollups_due_s:
            self._put_minutes()
            self._rollups_due_s = now_s + ROLLUP_INTERVAL_S

    def close(self) -> None:
        """Put the last minutes in."""
        self._take_samples()
        self._put_minutes()

    def _lost_streams(self, items: Sequence[Placed]) -> frozenset[StreamKey]:
        return frozenset(stream for stream in {result.stream for result, _ in items} if self._book.lost(stream))

    def _take_samples(self) -> None:
        while self._samples:
            self._rollups.add_totals(*self._samples.popleft())

    def _put_minutes(self) -> None:
        grown = self._rollups.grown()
        if grown:
            self._spool.put(MINUTES, encode_minutes(minute_batch(self._run, grown)), 0)
            self._rollups.written(grown)
