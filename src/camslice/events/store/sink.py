"""The sink that writes results to the event store."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from camslice.events.store.database import Database, open_database
from camslice.events.store.retention import Limits, Retention
from camslice.events.store.rollups import Rollups
from camslice.events.store.rows import PackedResults, RowWriter, packed
from camslice.events.store.sentences import is_hopeless, sentence_about
from camslice.events.writer import BatchWriter, WriteError
from camslice.fleet.accounting import FrameCounts
from camslice.fleet.errors import StoreError
from camslice.fleet.types import StreamKey
from camslice.stream.results import FrameResult

logger = logging.getLogger(__name__)

ROLLUP_INTERVAL_S = 10.0
RETENTION_INTERVAL_S = 60.0
_WAITING_SAMPLES = 300

Sample = tuple[Mapping[StreamKey, FrameCounts], float]


class StoreSink:
    """Writes results of one run to the store at `url`.

    Frames are committed twice a second and roll-ups every 10 s, so that is the most that a `kill -9` costs; what was committed
    survives it (a power cut: see `store.sqlite`). `run_id` names this life of the supervisor and must be new each time:
    with stream and sequence it identifies a frame, and one that is offered twice is stored once. `clock` is UTC in s.

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
    ) -> None:
        self._samples: deque[Sample] = deque(maxlen=_WAITING_SAMPLES)
        self._epochs: Mapping[StreamKey, int] = {}
        target = _Tables(open_database(url, writing=True), Limits(keep_days, keep_mb), run_id, clock, self._samples)
        self._writer = BatchWriter(self.name, target, capacity=capacity, interval_s=interval_s)

    def offer(self, results: Sequence[FrameResult]) -> None:
        """Take results; what does not fit is dropped and counted by cause. Returns at once."""
        self._writer.offer(results)

    def counts(self, counts: Mapping[StreamKey, FrameCounts], at_s: float) -> None:
        """Take the running totals of every stream at UTC second `at_s`. Returns at once.

        While nothing can be written the oldest samples are given up: no count is lost, it is only found in a later minute.
        """
        self._samples.append((dict(counts), at_s))

    def epochs(self, epochs: Mapping[StreamKey, int]) -> None:
        """Take the epoch of each stream's placement here: results offered from now on carry it. Returns at once."""
        self._epochs = {**self._epochs, **epochs}

    @property
    def taken_over(self) -> frozenset[StreamKey]:
        """Streams whose results are refused because the store has seen a newer epoch than they have here."""
        return frozenset()

    @property
    def written(self) -> int:
        """Results committed so far, in the order in which they were offered."""
        return self._writer.written

    @property
    def dropped(self) -> Mapping[str, int]:
        """Results dropped so far, by cause."""
        return self._writer.dropped

    @property
    def problem(self) -> str | None:
        """What keeps the sink from writing just now, in one sentence, or None."""
        return self._writer.problem

    def close(self) -> None:
        """Write what is queued and the last roll-ups, then stop."""
        self._writer.close()


class _Tables:
    """The store as a target of batches. Only the writer's thread calls it once it is made."""

    def __init__(
        self, database: Database, limits: Limits, run: str, clock: Callable[[], float], samples: deque[Sample]
    ) -> None:
        self._database = database
        self._limits = limits
        self._clock = clock
        self._samples = samples
        self._rows = RowWriter(database, run, started_us=round(clock() * 1e6))
        self._rollups = Rollups()
        self._rollups_due_s = time.monotonic() + ROLLUP_INTERVAL_S
        self._retention_due_s = time.monotonic()
        self._retention: Retention | None = None
        self._probe()

    def prepare(self, items: Sequence[FrameResult]) -> PackedResults:
        """Pack the results and count them in their minutes."""
        batch = packed(items)
        self._rollups.add_results(items)
        return batch

    def write(self, batch: PackedResults) -> None:
        """Insert frames, all in one transaction."""
        with self._transaction() as connection:
            self._rows.frames(connection, batch)

    def tick(self) -> None:
        """Write roll-ups and clear away what is too old, when it is time to."""
        self._take_samples()
        now_s = time.monotonic()
        if now_s >= self._rollups_due_s:
            self._write_rollups()
            self._rollups_due_s = now_s + ROLLUP_INTERVAL_S
        if self._retention is None and now_s >= self._retention_due_s:
            self._retention = Retention(self._database, self._limits, self._clock())
        if self._retention is not None:
            self._clear_away(self._retention)

    def close(self) -> None:
        """Write the last roll-ups and close the store."""
        try:
            self._take_samples()
            self._write_rollups()
        finally:
            self._database.close()

    def _probe(self) -> None:
        """Find out now whether the store can be written."""
        try:
            with self._database.begin() as connection:
                self._rows.run_id(connection)
        except SQLAlchemyError as error:
            self._database.close()
            raise StoreError(f"store {sentence_about(error, self._database.where)}") from None

    def _take_samples(self) -> None:
        while self._samples:
            self._rollups.add_totals(*self._samples.popleft())

    def _write_rollups(self) -> None:
        grown = self._rollups.grown()
        if grown:
            with self._transaction() as connection:
                self._rows.minutes(connection, grown)
            self._rollups.written(grown)

    def _clear_away(self, retention: Retention) -> None:
        with self._errors_as_sentences():
            more = retention.step()
        if not more:
            if retention.deleted:
                logger.info("store %s: cleared away %d rows", self._database.where, retention.deleted)
            self._retention = None
            self._retention_due_s = time.monotonic() + RETENTION_INTERVAL_S

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            with self._errors_as_sentences(), self._database.begin() as connection:
                yield connection
        except BaseException:
            self._rows.forget()
            raise

    @contextmanager
    def _errors_as_sentences(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            raise WriteError(sentence_about(error, self._database.where), hopeless=is_hopeless(error)) from None
