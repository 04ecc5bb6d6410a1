"""What is written to the store, before anybody knows a database: frames and minutes as rows.

Names stand where the tables have numbers, so a batch can wait in memory or in a file, outlive its run, and be written later.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from camslice.events.store.packing import pack_bins, pack_carried, pack_frames
from camslice.events.store.rollups import OpenMinute
from camslice.fleet.accounting import FrameCounts, Looked
from camslice.fleet.types import StreamKey
from camslice.stream.results import FrameResult


class Run(NamedTuple):
    """One life of a supervisor: its name, and when it began (microseconds since 1970)."""

    name: str
    started_us: int


class Weights(NamedTuple):
    """Which weights found something, and what its classes are called."""

    sha256: str
    labels: tuple[str, ...]


class FrameRow(NamedTuple):
    """One frame. `epoch` of its stream's placement, None where streams are not moved; `detections` packed, and `carried`
    which of them were carried on."""

    stream: StreamKey
    epoch: int | None
    sequence: int
    captured_us: int
    pts_us: int | None
    width: int
    height: int
    weights: Weights
    generation: int
    detections: bytes | None
    looked: Looked = Looked.FULL
    carried: bytes | None = None


class StageRow(NamedTuple):
    """One stage of a minute; `bins` packed."""

    stage: int
    n: int
    sum_ms: float
    max_ms: float
    bins: bytes


class MinuteRow(NamedTuple):
    """One stream's minute as far as it is known: it replaces what was written of it before. `detections` is a JSON object."""

    stream: StreamKey
    minute: int
    frames: FrameCounts
    detections: str
    stages: tuple[StageRow, ...]


@dataclass(frozen=True, slots=True)
class FrameBatch:
    """Frames of one run, in the order in which they were analysed."""

    run: Run
    rows: Sequence[FrameRow]


@dataclass(frozen=True, slots=True)
class MinuteBatch:
    """Minutes of one run."""

    run: Run
    rows: Sequence[MinuteRow]


def frame_batch(run: Run, placed: Sequence[tuple[FrameResult, int | None]]) -> FrameBatch:
    """Results, each with the epoch of its placement, as rows; the detections of all are packed in one pass."""
    results = [result for result, _ in placed]
    packed = pack_frames([result.detections for result in results], [max(result.width, result.height) for result in results])
    # Labels are one object for all results of a model: telling them apart by it spares comparing 80 words.
    weights = {(result.model_sha256, id(result.labels)): Weights(result.model_sha256, result.labels) for result in results}
    rows = [
        FrameRow(
            result.stream,
            epoch,
            result.sequence,
            round(result.captured_at_s * 1e6),
            None if result.pts_s is None else round(result.pts_s * 1e6),
            result.width,
            result.height,
            weights[result.model_sha256, id(result.labels)],
            result.generation,
            detections,
            result.looked,
            pack_carried(result.detections),
        )
        for (result, epoch), detections in zip(placed, packed, strict=True)
    ]
    return FrameBatch(run, rows)


def minute_batch(run: Run, minutes: Iterable[OpenMinute]) -> MinuteBatch:
    """Minutes as they are now, as rows."""
    return MinuteBatch(run, [_minute_row(one) for one in minutes])


def _minute_row(one: OpenMinute) -> MinuteRow:
    stages = tuple(
        StageRow(stage, histogram.n, histogram.sum_ms, histogram.max_ms, pack_bins(histogram.counts))
        for stage, histogram in one.stages().items()
    )
    found: Mapping[str, int] = one.detections
    return MinuteRow(one.stream, one.minute, one.frames, json.dumps(found, sort_keys=True), stages)
