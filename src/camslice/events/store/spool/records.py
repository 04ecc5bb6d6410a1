"""Batches as bytes, and back: what stands in a record of the spool.

Frames: the length of a header (uint32, little-endian), the header in JSON (run, streams, weights), a row of fixed size for each
frame, then all packed detections one after the other. Where not every frame was looked at in full, the header also has `looks`,
a letter for each row, and `carried`, by row the packed marks of what was carried on. Minutes: JSON, with histograms in base 64;
there are few.
"""

from __future__ import annotations

import json
import struct
from base64 import b64decode, b64encode
from dataclasses import astuple
from typing import Any

import numpy as np

from camslice.events.store.batches import FrameBatch, FrameRow, MinuteBatch, MinuteRow, Run, StageRow, Weights
from camslice.fleet.accounting import FrameCounts, Looked
from camslice.fleet.types import StreamKey

FRAMES, MINUTES = 1, 2
_LENGTH = struct.Struct("<I")
_ABSENT = np.iinfo(np.int64).min
_NOTHING = -1
_LETTERS = {Looked.FULL: "f", Looked.REGIONS: "r", Looked.PREDICTED: "p"}
_LOOKED = {letter: looked for looked, letter in _LETTERS.items()}
_ROW = np.dtype(
    [
        ("stream", "<u2"),
        ("weights", "<u2"),
        ("epoch", "<i8"),
        ("sequence", "<i8"),
        ("captured_us", "<i8"),
        ("pts_us", "<i8"),
        ("width", "<i4"),
        ("height", "<i4"),
        ("generation", "<i4"),
        ("length", "<i4"),
    ]
)


def encode_frames(batch: FrameBatch) -> bytes:
    """Frames as bytes. OverflowError for a number that no database could hold either."""
    streams: dict[StreamKey, int] = {}
    weights: dict[Weights, int] = {}
    rows = np.array(
        [
            (
                streams.setdefault(row.stream, len(streams)),
                weights.setdefault(row.weights, len(weights)),
                _ABSENT if row.epoch is None else row.epoch,
                row.sequence,
                row.captured_us,
                _ABSENT if row.pts_us is None else row.pts_us,
                row.width,
                row.height,
                row.generation,
                _NOTHING if row.detections is None else len(row.detections),
            )
            for row in batch.rows
        ],
        _ROW,
    )
    told: dict[str, object] = {
        "run": batch.run,
        "streams": [[s.camera, s.model] for s in streams],
        "weights": list(weights),
        "rows": len(rows),
    }
    if any(row.looked is not Looked.FULL for row in batch.rows):
        told["looks"] = "".join(_LETTERS[row.looked] for row in batch.rows)
    carried = {index: row.carried.hex() for index, row in enumerate(batch.rows) if row.carried is not None}
    if carried:
        told["carried"] = carried
    header = json.dumps(told).encode()
    found = (row.detections for row in batch.rows if row.detections is not None)
    return b"".join((_LENGTH.pack(len(header)), header, rows.tobytes(), *found))


def decode_frames(payload: bytes) -> FrameBatch:
    """Frames from bytes. ValueError, KeyError or struct.error when they are none."""
    (length,) = _LENGTH.unpack_from(payload)
    header: dict[str, Any] = json.loads(payload[_LENGTH.size : _LENGTH.size + length])
    streams = [StreamKey(camera, model) for camera, model in header["streams"]]
    weights = [Weights(sha256, tuple(labels)) for sha256, labels in header["weights"]]
    rows = np.frombuffer(payload, _ROW, header["rows"], _LENGTH.size + length)
    at = _LENGTH.size + length + rows.nbytes
    looks = header.get("looks") or _LETTERS[Looked.FULL] * len(rows)
    marks = {int(index): bytes.fromhex(each) for index, each in header.get("carried", {}).items()}
    decoded = []
    for index, values in enumerate(rows.tolist()):
        stream, weight, epoch, sequence, captured_us, pts_us, width, height, generation, size = values
        detections = None if size == _NOTHING else payload[at : at + size]
        at += max(size, 0)
        decoded.append(
            FrameRow(
                streams[stream],
                None if epoch == _ABSENT else epoch,
                sequence,
                captured_us,
                None if pts_us == _ABSENT else pts_us,
                width,
                height,
                weights[weight],
                generation,
                detections,
                _LOOKED[looks[index]],
                marks.get(index),
            )
        )
    return FrameBatch(Run(*header["run"]), decoded)


def encode_minutes(batch: MinuteBatch) -> bytes:
    """Minutes as bytes."""
    rows = [
        [*_key(row.stream), row.minute, astuple(row.frames), row.detections, [_stage(stage) for stage in row.stages]]
        for row in batch.rows
    ]
    return json.dumps({"run": batch.run, "rows": rows}).encode()


def decode_minutes(payload: bytes) -> MinuteBatch:
    """Minutes from bytes. ValueError, KeyError or TypeError when they are none."""
    read: dict[str, Any] = json.loads(payload)
    rows = [
        MinuteRow(
            StreamKey(camera, model),
            minute,
            FrameCounts(*counts),
            detections,
            tuple(StageRow(stage, n, sum_ms, max_ms, b64decode(bins)) for stage, n, sum_ms, max_ms, bins in stages),
        )
        for camera, model, minute, counts, detections, stages in read["rows"]
    ]
    return MinuteBatch(Run(*read["run"]), rows)


def _key(stream: StreamKey) -> tuple[str, str]:
    return stream.camera, stream.model


def _stage(stage: StageRow) -> list[object]:
    return [stage.stage, stage.n, stage.sum_ms, stage.max_ms, b64encode(stage.bins).decode()]
