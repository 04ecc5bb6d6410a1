"""Clearing away what is too old or too much, oldest first, in small steps between the batches.

Frames go when they are older than `keep_days`, or when the store is larger than `keep_mb`. Roll-ups take a few per cent of the
room that frames take and are what one looks at later, so they stay four times as long: for 4 x `keep_days`, or, where the
size is what limits, for four times the span of the frames that are left.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, select

from camslice.events.store.database import Database
from camslice.events.store.schema import frames, minute_stages, minutes, streams

ROLLUPS_KEPT_TIMES = 4
STEP_ROWS = 2000
_STEP_SPAN_US = 600_000_000
_STEP_MINUTES = 60
_DAY_US = 86_400_000_000
_MINUTE_US = 60_000_000
_MB = 1e6


@dataclass(frozen=True, slots=True)
class Limits:
    """For how many days frames are kept, and how many MB (10^6 bytes) the whole store may take."""

    keep_days: float
    keep_mb: float


class Retention:
    """One pass through what has to go at UTC second `now_s`, in steps of at most STEP_ROWS frames or an hour of roll-ups.

    Across streams the oldest go first to within ten minutes. For one thread.
    """

    def __init__(self, database: Database, limits: Limits, now_s: float) -> None:
        self._database = database
        self._limits = limits
        self._now_us = round(now_s * 1e6)
        self._keep_us = round(limits.keep_days * _DAY_US)
        self._excess_rows: int | None = None
        self._cut_by_size = False
        self.deleted = 0
        """Rows deleted by this pass so far."""

    def step(self) -> bool:
        """Clear away a little; False when there was nothing left to clear away. Raises SQLAlchemyError."""
        with self._database.begin() as connection:
            deleted = self._too_old(connection) or self._too_much(connection) or self._old_rollups(connection)
        self.deleted += deleted
        if self.deleted:
            self._database.backend.give_back(self._database.engine, finished=not deleted)
        return deleted > 0

    def _too_old(self, connection: Connection) -> int:
        return _delete_oldest(connection, self._now_us - self._keep_us)

    def _too_much(self, connection: Connection) -> int:
        if self._excess_rows is None or (self._cut_by_size and self._excess_rows <= 0):
            self._excess_rows = self._database.backend.excess_rows(connection, self._limits.keep_mb * _MB)
        if self._excess_rows <= 0:
            return 0
        self._cut_by_size = True
        deleted = _delete_oldest(connection, None)
        self._excess_rows -= deleted
        return deleted

    def _old_rollups(self, connection: Connection) -> int:
        span_us = self._keep_us
        if self._cut_by_size:
            oldest = _oldest_frame(connection)
            span_us = min(span_us, self._now_us - oldest[1] if oldest else 0)
        before = (self._now_us - ROLLUPS_KEPT_TIMES * span_us) // _MINUTE_US
        deleted = 0
        for table in (minutes, minute_stages):
            first = connection.scalar(select(func.min(table.c.minute)))
            if first is not None and first < before:
                deleted += connection.execute(delete(table).where(table.c.minute < min(before, first + _STEP_MINUTES))).rowcount
        return deleted


def _delete_oldest(connection: Connection, before_us: int | None) -> int:
    """Delete the first frames of the stream with the oldest one, none captured at `before_us` or later; how many there were."""
    oldest = _oldest_frame(connection)
    if oldest is None or (before_us is not None and oldest[1] >= before_us):
        return 0
    stream_id, first_us = oldest
    of_stream = frames.c.stream_id == stream_id
    by_time = select(frames.c.captured_us).where(of_stream).order_by(frames.c.captured_us)
    full_us = connection.scalar(by_time.offset(STEP_ROWS).limit(1))
    bounds = [bound for bound in (before_us, first_us + _STEP_SPAN_US, full_us) if bound is not None]
    until_us = max(min(bounds), first_us + 1)
    return connection.execute(delete(frames).where(of_stream, frames.c.captured_us < until_us)).rowcount


def _oldest_frame(connection: Connection) -> tuple[int, int] | None:
    """The stream whose first frame is the oldest, and when that was captured; None when there are no frames."""
    first = select(func.min(frames.c.captured_us)).where(frames.c.stream_id == streams.c.id).scalar_subquery()
    known = [
        (first_us, stream_id) for stream_id, first_us in connection.execute(select(streams.c.id, first)) if first_us is not None
    ]
    return min(known)[::-1] if known else None
