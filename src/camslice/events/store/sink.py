"""The sink that writes results to the event store."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence

from camslice.events.store.batches import Run
from camslice.events.store.database import is_on_a_server, open_database
from camslice.events.store.direct import DirectTarget, Placed, PreparedFrames, Sample
from camslice.events.store.epochs import EpochBook
from camslice.events.store.retention import Limits
from camslice.events.store.spool.place import SpoolPlace
from camslice.events.store.spool.spooled import SpooledWriter
from camslice.events.store.tables import Tables
from camslice.events.writer import BatchWriter
from camslice.fleet.accounting import FrameCounts
from camslice.fleet.types import StreamKey
from camslice.stream.results import FrameResult

WAITING_SAMPLES = 300


class StoreSink:
    """Writes results of one run to the store at `url`.

    Frames are committed twice a second and roll-ups every 10 s, so that is the most that a `kill -9` costs; what was committed
    survives it (a power cut: see `store.sqlite`). `run_id` names this life of the supervisor and must be new each time:
    with stream and sequence it identifies a frame, and one that is offered twice is stored once. `clock` is UTC in s.

    With a `spool`, and a store on a server, results wait there while the server is away, at the start too, and survive our
    death; without one they wait in memory.

    `url_now` tells the URL again for each connection that is made: its user and password may have changed by then.

    Raises StoreError, in one sentence, when the store cannot be opened and written.
    """

    name = "store"

    def __init__(
        self,
        url: str,
        keep_days: float,
        keep_mb: float,
        run_id: str,
        *,
        clock: Callable[[], float] = time.time,
        capacity: int = 20_000,
        interval_s: float = 0.5,
        spool: SpoolPlace | None = None,
        url_now: Callable[[], str] | None = None,
    ) -> None:
        self._samples: deque[Sample] = deque(maxlen=WAITING_SAMPLES)
        self._book = EpochBook()
        run = Run(run_id, round(clock() * 1e6))

        def tables() -> Tables:
            return Tables(open_database(url, writing=True, url_now=url_now), Limits(keep_days, keep_mb), run, clock)

        self._writer: BatchWriter[Placed, PreparedFrames] | SpooledWriter
        if spool is not None and is_on_a_server(url):
            self._writer = SpooledWriter(
                self.name, spool, tables, run, self._book, self._samples, capacity=capacity, interval_s=interval_s
            )
        else:
            target = DirectTarget(tables(), run, self._book, self._samples)
            self._writer = BatchWriter(self.name, target, capacity=capacity, interval_s=interval_s)

    def offer(self, results: Sequence[FrameResult]) -> None:
        """Take results; what does not fit is dropped and counted by cause. Returns at once."""
        self._writer.offer(self._book.stamped(results))

    def counts(self, counts: Mapping[StreamKey, FrameCounts], at_s: float) -> None:
        """Take the running totals of every stream at UTC second `at_s`. Returns at once.

        While nothing can be written the oldest samples are given up: no count is lost, it is only found in a later minute.
        """
        self._samples.append((dict(counts), at_s))

    def epochs(self, epochs: Mapping[StreamKey, int]) -> None:
        """Take the epoch of each stream's placement here: results offered from now on carry it. Returns at once."""
        self._book.take(epochs)

    @property
    def taken_over(self) -> frozenset[StreamKey]:
        """Streams whose results are refused because the store has seen a newer epoch than they have here.

        Known from refused results; while somebody reads this, the store is also asked once a second.
        """
        return self._book.taken_over

    @property
    def written(self) -> int:
        """Results committed so far, in the order in which they were offered."""
        if isinstance(self._writer, SpooledWriter):
            return self._writer.written
        return self._writer.written - sum(self._book.dropped.values())

    @property
    def waiting(self) -> int:
        """Results that wait in the spool, if there is one."""
        return self._writer.waiting if isinstance(self._writer, SpooledWriter) else 0

    @property
    def dropped(self) -> Mapping[str, int]:
        """Results dropped so far, by cause."""
        return Counter(self._writer.dropped) + Counter(self._book.dropped)

    @property
    def problem(self) -> str | None:
        """What keeps the sink from writing just now, in one sentence, or None."""
        return self._writer.problem

    def close(self) -> None:
        """Write what is queued and the last roll-ups, then stop."""
        self._writer.close()
