"""The store as those who write to it see it: a few calls that succeed whole or raise WriteError."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from camslice.events.store.batches import FrameBatch, MinuteBatch, Run
from camslice.events.store.database import Database, Turn
from camslice.events.store.placements import Admitted
from camslice.events.store.retention import Limits, Retention
from camslice.events.store.rows import RowWriter
from camslice.events.store.sentences import is_hopeless, sentence_about
from camslice.events.writer import WriteError
from camslice.fleet.errors import StoreError
from camslice.fleet.types import StreamKey

logger = logging.getLogger(__name__)

RETENTION_INTERVAL_S = 60.0


class Tables:
    """Owns the open database. For one thread, once it is made; WriteError is one sentence without credentials.

    Raises StoreError when the store cannot be written by this user, for `run` is entered at once.
    """

    def __init__(self, database: Database, limits: Limits, run: Run, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._limits = limits
        self._clock = clock
        self._rows = RowWriter(database)
        self._retention_due_s = time.monotonic()
        self._pass: tuple[Turn, Retention] | None = None
        try:
            with database.begin() as connection:
                self._rows.run_id(connection, run)
        except SQLAlchemyError as error:
            database.close()
            raise StoreError(f"store {sentence_about(error, database.where)}") from None

    def frames(self, batch: FrameBatch) -> Admitted:
        """Insert those frames that their placements may write, all in one transaction; what became of the others."""
        with self._transaction() as connection:
            return self._rows.frames(connection, batch)

    def minutes(self, batch: MinuteBatch) -> None:
        """Write minutes over what was there of them."""
        with self._transaction() as connection:
            self._rows.minutes(connection, batch)

    def newest_epochs(self, streams: frozenset[StreamKey]) -> Mapping[StreamKey, int]:
        """The newest epoch that wrote to each of these streams, as far as this writer knows them."""
        with self._transaction() as connection:
            return self._rows.newest_epochs(connection, streams)

    def clear_away(self) -> None:
        """Clear away a little of what is too old or too much, when it is time to and nobody else does."""
        if self._pass is None and time.monotonic() >= self._retention_due_s:
            self._retention_due_s = time.monotonic() + RETENTION_INTERVAL_S
            with self._errors_as_sentences():
                turn = self._database.backend.take_turn(self._database.engine, 0.9 * RETENTION_INTERVAL_S)
            self._pass = (turn, Retention(self._database, self._limits, self._clock())) if turn is not None else None
        if self._pass is not None:
            self._step(*self._pass)

    def close(self) -> None:
        """Close every connection."""
        self._end_pass()
        self._database.close()

    def _step(self, turn: Turn, retention: Retention) -> None:
        try:
            with self._errors_as_sentences():
                more = retention.step()
        except BaseException:
            self._retention_due_s = time.monotonic()
            self._end_pass()
            raise
        if not more:
            if retention.deleted:
                logger.info("store %s: cleared away %d rows", self._database.where, retention.deleted)
            self._retention_due_s = time.monotonic() + RETENTION_INTERVAL_S
            self._end_pass()

    def _end_pass(self) -> None:
        if self._pass is not None:
            turn, _ = self._pass
            self._pass = None
            turn.close()

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
