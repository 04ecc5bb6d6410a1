"""Frames and minutes into the tables, and the numbers that stand for cameras, models and runs in them."""

from __future__ import annotations

import json
from collections.abc import Mapping

from sqlalchemy import ColumnElement, Connection, Table, select

from camslice.events.store import schema
from camslice.events.store.batches import FrameBatch, FrameRow, MinuteBatch, Run
from camslice.events.store.database import Database, Insert
from camslice.events.store.placements import Admitted, Placements
from camslice.fleet.types import StreamKey

_MOST_RUNS_KNOWN = 16
_LOOK_NUMBERS = {looked: number for number, looked in enumerate(schema.LOOKS)}


class RowWriter:
    """Writes rows inside transactions that the caller opens. For one thread.

    It remembers the numbers it has looked up; call `forget` when a transaction was rolled back, for they may be gone.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._placements = Placements(database)
        self._upsert_minutes = _upsert(database, schema.minutes)
        self._upsert_stages = _upsert(database, schema.minute_stages)
        self._run_ids: dict[Run, int] = {}
        self._stream_ids: dict[StreamKey, int] = {}
        self._model_ids: dict[tuple[StreamKey, str], tuple[tuple[str, ...], int]] = {}

    def forget(self) -> None:
        """Look every number up again."""
        self._run_ids.clear()
        self._stream_ids.clear()
        self._model_ids.clear()

    def run_id(self, connection: Connection, run: Run) -> int:
        """The number of a run, which is entered if it is new."""
        number = self._run_ids.get(run)
        if number is None:
            if len(self._run_ids) >= _MOST_RUNS_KNOWN:
                self._run_ids.clear()
            number = self._number(connection, schema.runs, {"name": run.name}, {"started_us": run.started_us})
            self._run_ids[run] = number
        return number

    def frames(self, connection: Connection, batch: FrameBatch) -> Admitted:
        """Insert those frames that may be; those that are there already stay as they are."""
        run_id = self.run_id(connection, batch.run)
        admitted = self._placements.admit(connection, run_id, batch.rows, lambda stream: self._stream_id(connection, stream))
        rows = [
            (
                self._stream_ids.get(row.stream) or self._stream_id(connection, row.stream),
                run_id,
                row.sequence,
                row.captured_us,
                row.pts_us,
                row.width,
                row.height,
                self._model_id(connection, row),
                row.generation,
                row.detections,
                _LOOK_NUMBERS[row.looked],
                row.carried,
            )
            for row in admitted.rows
        ]
        if rows:
            self._database.backend.insert_rows(connection, schema.frames, rows)
        return admitted

    def minutes(self, connection: Connection, batch: MinuteBatch) -> None:
        """Write minutes as they are now, over what was written of them before."""
        run_id = self.run_id(connection, batch.run)
        minute_rows: list[dict[str, object]] = []
        stage_rows: list[dict[str, object]] = []
        for one in batch.rows:
            key = {"minute": one.minute, "stream_id": self._stream_id(connection, one.stream), "run_id": run_id}
            counts = {name: getattr(one.frames, name) for name in schema.COUNTED}
            minute_rows.append({**key, **counts, "detections": one.detections})
            stage_rows += [{**key, **stage._asdict()} for stage in one.stages]
        if minute_rows:
            connection.execute(self._upsert_minutes, minute_rows)
        if stage_rows:
            connection.execute(self._upsert_stages, stage_rows)

    def newest_epochs(self, connection: Connection, streams: frozenset[StreamKey]) -> Mapping[StreamKey, int]:
        """The newest epoch that wrote to each of these streams, as far as they are known here."""
        known = {number: stream for stream, number in self._stream_ids.items() if stream in streams}
        newest = self._placements.newest(connection, list(known)) if known else {}
        return {known[number]: epoch for number, epoch in newest.items()}

    def _stream_id(self, connection: Connection, stream: StreamKey) -> int:
        number = self._stream_ids.get(stream)
        if number is None:
            camera_id = self._number(connection, schema.cameras, {"name": stream.camera}, {})
            number = self._number(connection, schema.streams, {"camera_id": camera_id, "model": stream.model}, {})
            self._stream_ids[stream] = number
        return number

    def _model_id(self, connection: Connection, row: FrameRow) -> int:
        key = (row.stream, row.weights.sha256)
        known = self._model_ids.get(key)
        if known is None or known[0] != row.weights.labels:
            labels = json.dumps(row.weights.labels, ensure_ascii=False)
            identity = {"sha256": row.weights.sha256, "name": row.stream.model, "labels": labels}
            known = self._model_ids[key] = (row.weights.labels, self._number(connection, schema.models, identity, {}))
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
