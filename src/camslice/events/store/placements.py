"""Who may write frames of a stream: the newest placement, and nobody after it.

A fleet moves streams between pods, and for some seconds the old pod and the new one both analyse. Each result carries the epoch
of its stream's placement, which grows with every move. The row of a stream in `placements` holds the newest epoch that wrote a
frame. A batch locks the rows of its streams, compares, and inserts its frames, all in one transaction. So the last commit of an
older epoch comes before the first of a newer one, and nothing of the older is stored after it.

Frames that both saw are stored once: whoever takes a stream over leaves out the frames captured up to the last one that is
there already (`from_us`, and half the time between frames more, because two pods' clocks time the same live frame apart).
Locks are taken in the order of stream numbers, so that two batches do not wait for each other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from sqlalchemy import Connection, select, update

from camslice.events.store.batches import FrameRow
from camslice.events.store.database import Database
from camslice.events.store.schema import frames, placements
from camslice.fleet.types import StreamKey

OVERLAP_US = 300_000_000
"""Who takes over analyses at the same time as the one before for at most so long; more is a clock that was wrong."""
_LONGEST_APART_US = 500_000
_LOOKED_AT = 8


@dataclass(frozen=True, slots=True)
class Admitted:
    """Which rows of a batch may be stored, and what became of the others.

    `taken_over` counts by stream what is refused because `newest`, the epoch in the store, is above it; `repeated` counts what
    the placement before had stored.
    """

    rows: Sequence[FrameRow]
    taken_over: Mapping[StreamKey, int] = field(default_factory=dict)
    newest: Mapping[StreamKey, int] = field(default_factory=dict)
    repeated: int = 0


class Standing(NamedTuple):
    """A stream's newest placement in the store."""

    epoch: int
    from_us: int | None


class Placements:
    """Admits rows inside transactions that the caller opens. Remembers nothing."""

    def __init__(self, database: Database) -> None:
        insert = database.backend.insert(placements)
        self._claim = insert.on_conflict_do_update(
            index_elements=[placements.c.stream_id],
            set_={"epoch": insert.excluded.epoch, "run_id": insert.excluded.run_id, "from_us": None},
            where=placements.c.epoch < insert.excluded.epoch,
        )

    def admit(
        self, connection: Connection, run_id: int, rows: Sequence[FrameRow], number: Callable[[StreamKey], int]
    ) -> Admitted:
        """Those of the rows that may be stored in this transaction. Rows without an epoch always may; they cost nothing here.

        The streams of the others stay locked until the transaction ends. `number` gives a stream's number.
        """
        first_us = _first_captured(rows)
        if not first_us:
            return Admitted(rows)
        standing = self._standing(connection, run_id, {(number(stream), epoch): us for (stream, epoch), us in first_us.items()})
        kept: list[FrameRow] = []
        taken_over: Counter[StreamKey] = Counter()
        newest: dict[StreamKey, int] = {}
        repeated = 0
        for row in rows:
            now = None if row.epoch is None else standing[number(row.stream), row.epoch]
            if now is not None and row.epoch is not None and row.epoch < now.epoch:
                taken_over[row.stream] += 1
                newest[row.stream] = now.epoch
            elif now is not None and now.from_us is not None and row.captured_us <= now.from_us:
                repeated += 1
            else:
                kept.append(row)
        return Admitted(kept, taken_over, newest, repeated)

    def newest(self, connection: Connection, stream_ids: Sequence[int]) -> Mapping[int, int]:
        """The newest epoch of each of these streams that ever wrote."""
        wanted = select(placements.c.stream_id, placements.c.epoch).where(placements.c.stream_id.in_(stream_ids))
        return {row.stream_id: row.epoch for row in connection.execute(wanted)}

    def _standing(
        self, connection: Connection, run_id: int, first_us: Mapping[tuple[int, int], int]
    ) -> Mapping[tuple[int, int], Standing]:
        """What each (stream, epoch) of a batch meets, in the order of stream and epoch. `first_us`: when it begins."""
        there = self._locked(connection, sorted({stream_id for stream_id, _ in first_us}))
        met: dict[tuple[int, int], Standing] = {}
        for stream_id, epoch in sorted(first_us):
            now = there.get(stream_id)
            if now is None or now.epoch < epoch:
                now = there[stream_id] = self._take_over(connection, run_id, stream_id, epoch, first_us[stream_id, epoch])
            met[stream_id, epoch] = now
        return met

    def _locked(self, connection: Connection, stream_ids: Sequence[int]) -> dict[int, Standing]:
        columns = (placements.c.stream_id, placements.c.epoch, placements.c.from_us)
        wanted = select(*columns).where(placements.c.stream_id.in_(stream_ids)).order_by(placements.c.stream_id)
        rows = connection.execute(wanted.with_for_update(key_share=True))
        return {stream_id: Standing(epoch, from_us) for stream_id, epoch, from_us in rows}

    def _take_over(self, connection: Connection, run_id: int, stream_id: int, epoch: int, first_us: int) -> Standing:
        """Make `epoch` the newest, unless somebody was quicker with a newer one; then that is what stands."""
        connection.execute(self._claim, {"stream_id": stream_id, "epoch": epoch, "run_id": run_id, "from_us": None})
        now = self._locked(connection, [stream_id])[stream_id]
        if now.epoch != epoch:
            return now
        # Only now that the row is ours: what the one before committed while we waited for it counts too.
        from_us = _stored_until(connection, stream_id, first_us)
        if from_us is not None:
            connection.execute(update(placements).where(placements.c.stream_id == stream_id).values(from_us=from_us))
        return Standing(epoch, from_us)


def _first_captured(rows: Sequence[FrameRow]) -> dict[tuple[StreamKey, int], int]:
    """When the first frame of each stream and epoch was captured."""
    first_us: dict[tuple[StreamKey, int], int] = {}
    for row in rows:
        if row.epoch is not None:
            key = (row.stream, row.epoch)
            first_us[key] = min(row.captured_us, first_us.get(key, row.captured_us))
    return first_us


def _stored_until(connection: Connection, stream_id: int, first_us: int) -> int | None:
    """When the last frame of a stream was captured, and half the time between frames more; None when that is no guide."""
    newest = select(frames.c.captured_us).where(frames.c.stream_id == stream_id).order_by(frames.c.captured_us.desc())
    times: list[int] = list(connection.scalars(newest.limit(_LOOKED_AT)))
    if not times or times[0] > first_us + OVERLAP_US:
        return None
    apart_us = min((later - earlier for later, earlier in pairwise(times) if later > earlier), default=0)
    return times[0] + min(apart_us, _LONGEST_APART_US) // 2
