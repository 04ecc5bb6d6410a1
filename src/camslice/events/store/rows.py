"""Results and minutes as rows, and the numbers that stand for cameras, models and runs in them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Table, select

from camslice.events.store import schema
from camslice.events.store.database import Database, Insert
from camslice.events.store.packing import pack_bins, pack_frames
from camslice.events.store.rollups import OpenMinute
from camslice.fleet.types import StreamKey
from camslice.stream.results import FrameResult


@dataclass(frozen=True, slots=True)
class PackedResults:
    """Results, and the packed detections of each."""

    results: Sequence[FrameResult]
    detections: Sequence[bytes | None]


def packed(results: Sequence[FrameResult]) -> PackedResults:
    """Pack the detections of many results in one pass."""
    sides = [max(result.width, result.height) for result in results]
    return PackedResults(results, pack_frames([result.detections for result in results], sides))


class RowWriter:
    """Writes rows of one run inside transactions that the caller opens. For one thread.

    It remembers the numbers it has looked up; call `forget` when a transaction was rolled back, for they may be gone.
    """

    def __init__(self, database: Database, run: str, started_us: int) -> None:
        self._database = database
        self._run = run
        self._started_us = started_us
        self._upsert_minutes = _upsert(database, schema.minutes)
        self._upsert_stages = _upsert(database, schema.minute_stages)
        self._run_id: int | None = None
        self._stream_ids: dict[StreamKey, int] = {}
        self._model_ids: dict[tuple[StreamKey, str], tuple[tuple[str, ...], int]] = {}

    def forget(self) -> None:
        """Look every number up again."""
        self._run_id = None
        self._stream_ids.clear()
        self._model_ids.clear()

    def run_id(self, connection: Connection) -> int:
        """The number of this run, which is entered if it is new."""
        if self._run_id is None:
            self._run_id = self._number(connection, schema.runs, {"name": self._run}, {"started_us": self._started_us})
        return self._run_id

    def frames(self, connection: Connection, batch: PackedResults) -> None:
        """Insert frames, as `schema.frames` orders their columns; those that are there already stay as they are."""
        run_id = self.run_id(connection)
        rows = [
            (
                self._stream_ids.get(result.stream) or self._stream_id(connection, result.stream),
                run_id,
                result.sequence,
                round(result.captured_at_s * 1e6),
                None if result.pts_s is None else round(result.pts_s * 1e6),
                result.width,
                result.height,
                self._model_id(connection, result),
                result.generation,
                detections,
            )
            for result, detections in zip(batch.results, batch.detections, strict=True)
        ]
        self._database.backend.insert_rows(connection, schema.frames, rows)

    def minutes(self, connection: Connection, minutes: Iterable[OpenMinute]) -> None:
        """Write minutes as they are now, over what was written of them before."""
        run_id = self.run_id(connection)
        minute_rows: list[dict[str, object]] = []
        stage_rows: list[dict[str, object]] = []
        for one in minutes:
            key = {"minute": one.minute, "stream_id": self._stream_id(connection, one.stream), "run_id": run_id}
            counts = {name: getattr(one.frames, name) for name in schema.COUNTED}
            minute_rows.append({**key, **counts, "detections": json.dumps(one.detections, sort_keys=True)})
            for stage, histogram in one.stages().items():
                figures = {"n": histogram.n, "sum_ms": histogram.sum_ms, "max_ms": histogram.max_ms}
                stage_rows.append({**key, "stage": stage, **figures, "bins": pack_bins(histogram.counts)})
        if minute_rows:
            connection.execute(self._upsert_minutes, minute_rows)
        if stage_rows:
            connection.execute(self._upsert_stages, stage_rows)

    def _stream_id(self, connection: Connection, stream: StreamKey) -> int:
        number = self._stream_ids.get(stream)
        if number is None:
            camera_id = self._number(connection, schema.cameras, {"name": stream.camera}, {})
            number = self._number(connection, schema.streams, {"camera_id": camera_id, "model": stream.model}, {})
            self._stream_ids[stream] = number
        return number

    def _model_id(self, connection: Connection, result: FrameResult) -> int:
        key = (result.stream, result.model_sha256)
        known = self._model_ids.get(key)
        if known is None or known[0] != result.labels:
            labels = json.dumps(result.labels, ensure_ascii=False)
            identity = {"sha256": result.model_sha256, "name": result.stream.model, "labels": labels}
            known = self._model_ids[key] = (result.labels, self._number(connection, schema.models, identity, {}))
        return known[1]

    def _number(self, connection: Connection, table: Table, identity: Mapping[str, object], rest: Mapping[str, object]) -> int:
        """The number of the row of that identity, which is inserted if it is new."""
        wanted: list[ColumnElement[bool]] = [table.c[name] == value for name, value in identity.items()]
        find = select(table.c.id).where(*wanted).order_by(table.c.id).limit(1)
        number: int | None = connection.scalar(find)
        if number is None:
            connection.execute(self._database.backend.insert(table).values(**identity, **rest).on_conflict_do_nothing())
            number = connection.scalars(find).one()
        return number


def _upsert(database: Database, table: Table) -> Insert:
    insert = database.backend.insert(table)
    keys = list(table.primary_key.columns)
    rest = {column.name: insert.excluded[column.name] for column in table.columns if column not in keys}
    return insert.on_conflict_do_update(index_elements=keys, set_=rest)
