"""What was stored, read back: for the page, the API and the command line."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from sqlalchemy import ColumnElement, Row, Select, Table, func, literal, null, select
from sqlalchemy.exc import SQLAlchemyError

from camslice.events.store import schema
from camslice.events.store.database import open_database
from camslice.events.store.packing import unpack_carried, unpack_frame, unpack_histogram
from camslice.events.store.sentences import sentence_about
from camslice.fleet.accounting import FrameCounts, Looked
from camslice.fleet.errors import StoreError
from camslice.fleet.histogram import Histogram
from camslice.fleet.stages import StageTimes
from camslice.fleet.types import StreamKey
from camslice.models.detections import Detections

_STAGE_NAMES = StageTimes._fields


@dataclass(frozen=True, slots=True)
class StoredFrame:
    """One frame. Times in UTC seconds; boxes in source pixels, to 1/8 px. `looked` says whether it was analysed, and how."""

    stream: StreamKey
    run: str
    sequence: int
    captured_at_s: float
    pts_s: float | None
    width: int
    height: int
    model_sha256: str
    generation: int
    detections: Detections
    labels: tuple[str, ...]
    looked: Looked = Looked.FULL


@dataclass(frozen=True, slots=True)
class Minute:
    """One stream's minute, beginning at UTC second `start_s`.

    `frames.in_flight` is by how many the frames held grew, so that the counts balance. `detections` counts by label, `stages`
    maps each stage that took part, and `total`, to its histogram in ms.
    """

    stream: StreamKey
    start_s: float
    frames: FrameCounts
    detections: Mapping[str, int]
    stages: Mapping[str, Histogram]


class StoredResults:
    """A store opened for reading, also while a fleet writes to it. Thread-safe. Every method may raise StoreError.

    >>> with StoredResults("sqlite:///results.db") as results:     # doctest: +SKIP
    ...     frames = results.detections_between("gate", 1754000000, 1754000060)
    """

    def __init__(self, url: str) -> None:
        self._database = open_database(url, writing=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._database.close()

    def cameras(self) -> list[str]:
        """The names of the cameras that were ever stored, sorted."""
        return sorted(row.name for row in self._rows(select(schema.cameras.c.name)))

    def detections_between(self, camera: str, start_s: float, end_s: float, *, limit: int = 10_000) -> list[StoredFrame]:
        """The frames of a camera captured in [start_s, end_s), in order of capture; the first `limit` of them."""
        captured_us = schema.frames.c.captured_us
        wanted = (schema.cameras.c.name == camera, captured_us >= round(start_s * 1e6), captured_us < round(end_s * 1e6))
        return [_stored_frame(row) for row in self._rows(self._frames().where(*wanted).order_by(captured_us).limit(limit))]

    def latest(self) -> list[StoredFrame]:
        """The frame of each stream that was captured last, sorted by stream."""
        others = schema.frames.alias()
        last = select(func.max(others.c.captured_us)).where(others.c.stream_id == schema.streams.c.id)
        rows = self._rows(self._frames().where(schema.frames.c.captured_us == last.scalar_subquery()))
        by_stream = {frame.stream: frame for frame in sorted(map(_stored_frame, rows), key=lambda frame: frame.sequence)}
        return [by_stream[stream] for stream in sorted(by_stream)]

    def minutes(self, camera: str, start_s: float, end_s: float) -> list[Minute]:
        """The roll-ups of a camera whose minutes begin in [start_s, end_s), by minute and stream; runs are added up."""
        counts: dict[tuple[int, StreamKey], FrameCounts] = {}
        detections: dict[tuple[int, StreamKey], Counter[str]] = {}
        stages: dict[tuple[int, StreamKey], dict[str, Histogram]] = {}
        for row in self._rows(self._of_minutes(schema.minutes, camera, start_s, end_s)):
            key = (row.minute, StreamKey(camera, row.stream_model))
            grown = FrameCounts(**{name: getattr(row, name) for name in schema.COUNTED})
            counts[key] = counts.get(key, FrameCounts()) + grown
            detections.setdefault(key, Counter()).update(json.loads(row.detections))
        for row in self._rows(self._of_minutes(schema.minute_stages, camera, start_s, end_s)):
            of_minute = stages.setdefault((row.minute, StreamKey(camera, row.stream_model)), {})
            histogram = unpack_histogram(row.bins, row.sum_ms, row.max_ms)
            of_minute.setdefault(_STAGE_NAMES[row.stage], Histogram()).merge(histogram)
        return [
            Minute(stream, 60.0 * minute, counts[minute, stream], detections[minute, stream], stages.get((minute, stream), {}))
            for minute, stream in sorted(counts)
        ]

    def _frames(self) -> Select[tuple[object, ...]]:
        """Frames with the words that their numbers stand for."""
        return (
            select(
                schema.cameras.c.name.label("camera"),
                schema.streams.c.model.label("stream_model"),
                schema.runs.c.name.label("run"),
                schema.models.c.sha256,
                schema.models.c.labels,
                *self._columns(schema.frames),
            )
            .select_from(schema.frames)
            .join(schema.streams, schema.streams.c.id == schema.frames.c.stream_id)
            .join(schema.cameras, schema.cameras.c.id == schema.streams.c.camera_id)
            .join(schema.runs, schema.runs.c.id == schema.frames.c.run_id)
            .join(schema.models, schema.models.c.id == schema.frames.c.model_id)
        )

    def _of_minutes(self, table: Table, camera: str, start_s: float, end_s: float) -> Select[tuple[object, ...]]:
        """Rows of a table of roll-ups, with the model of their stream."""
        return (
            select(schema.streams.c.model.label("stream_model"), *self._columns(table))
            .select_from(table)
            .join(schema.streams, schema.streams.c.id == table.c.stream_id)
            .join(schema.cameras, schema.cameras.c.id == schema.streams.c.camera_id)
            .where(schema.cameras.c.name == camera)
            .where(table.c.minute >= math.ceil(start_s / 60), table.c.minute < math.ceil(end_s / 60))
        )

    def _columns(self, table: Table) -> list[ColumnElement[object]]:
        """Its columns; in place of those that an older store lacks, what is true of what it holds."""
        if self._database.version < schema.LOOKED_SINCE:  # a writer may have made it new since it was opened
            (row,) = self._rows(select(schema.camslice_schema.c.version))
            self._database.version = row.version
        if self._database.version >= schema.LOOKED_SINCE:
            return list(table.columns)
        instead = {"look": literal(0), "carried": null(), "regions": literal(0)}
        return [instead[column.name].label(column.name) if column.name in instead else column for column in table.columns]

    def _rows(self, query: Select[tuple[object, ...]]) -> Sequence[Row[tuple[object, ...]]]:
        try:
            with self._database.begin() as connection:
                return connection.execute(query).all()
        except SQLAlchemyError as error:
            raise StoreError(f"store {sentence_about(error, self._database.where)}") from None


def _stored_frame(row: Row[tuple[object, ...]]) -> StoredFrame:
    found = unpack_frame(row.detections)
    return StoredFrame(
        stream=StreamKey(row.camera, row.stream_model),
        run=row.run,
        sequence=row.sequence,
        captured_at_s=row.captured_us / 1e6,
        pts_s=None if row.pts_us is None else row.pts_us / 1e6,
        width=row.width,
        height=row.height,
        model_sha256=row.sha256,
        generation=row.generation,
        detections=replace(found, carried=unpack_carried(row.carried, len(found))),
        labels=tuple(json.loads(row.labels)),
        looked=schema.LOOKS[row.look],
    )
