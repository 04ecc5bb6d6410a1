"""The way of results from an analysis process to its supervisor: a ring of records in shared memory.

No system call and no lock between the processes: the writer stores a record and then its new end, the reader reads up to
that end and then stores how far it got. What was published before a kill is read afterwards. A reader that falls behind never
blocks the writer: a result that does not fit is dropped and counted.
"""

from __future__ import annotations

import math
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from camslice.fleet.stages import StageTimes
from camslice.models.detections import Detections
from camslice.stream.watching.look import Look

OUTBOX_BYTES = 4 << 20
_HEADER_WORDS = 3
_END, _READ, _DROPPED = range(_HEADER_WORDS)
_DATA = 64
_RECORD = struct.Struct("<IIqddIIIIII8f")
_WRAP = 0xFFFFFFFF
_SOME_CARRIED = 1 << 8


@dataclass(frozen=True, slots=True)
class Record:
    """One frame with its detections as it crosses the border between processes; `row` names its stream, `model` the loaded
    model, `look` says how it was looked at."""

    row: int
    sequence: int
    captured_at_s: float
    pts_s: float | None
    width: int
    height: int
    generation: int
    model: int
    stages: StageTimes
    detections: Detections
    look: Look = Look.FULL


class Outbox:
    """The writer's end. May be called from any thread of one process."""

    def __init__(self, buffer: memoryview) -> None:
        self._words = buffer[: _HEADER_WORDS * 8].cast("Q")
        self._data = buffer[_DATA:]
        self._size = len(self._data) // 8 * 8
        self._lock = threading.Lock()

    def put(self, record: Record) -> bool:
        """Publish a record; False (and counted) when the reader has left no room."""
        payload = _pack(record)
        with self._lock:
            end = self._words[_END]
            at = end % self._size
            skip = self._size - at if self._size - at < len(payload) else 0
            if end + skip + len(payload) - self._words[_READ] > self._size:
                self._words[_DROPPED] += 1
                return False
            if skip:
                struct.pack_into("<I", self._data, at, _WRAP)
                at = 0
            self._data[at : at + len(payload)] = payload
            self._words[_END] = end + skip + len(payload)
        return True


class Inbox:
    """The reader's end, for one thread."""

    def __init__(self, buffer: memoryview) -> None:
        self._words = buffer[: _HEADER_WORDS * 8].cast("Q")
        self._data = buffer[_DATA:]
        self._size = len(self._data) // 8 * 8

    @property
    def dropped(self) -> int:
        """Records that found no room so far."""
        return self._words[_DROPPED]

    def take(self) -> Iterator[Record]:
        """Every record published so far, oldest first."""
        end = self._words[_END]
        position = self._words[_READ]
        while position < end:
            at = position % self._size
            (length,) = struct.unpack_from("<I", self._data, at)
            if length == _WRAP:
                position += self._size - at
            else:
                record = _unpack(self._data[at : at + length])
                position += length
                self._words[_READ] = position
                yield record
                continue
            self._words[_READ] = position


def _pack(record: Record) -> bytes:
    found = record.detections
    carried = b"" if found.carried is None else found.carried.tobytes()
    length = (_RECORD.size + 24 * len(found) + len(carried) + 7) // 8 * 8
    head = _RECORD.pack(
        length,
        record.row,
        record.sequence,
        record.captured_at_s,
        math.nan if record.pts_s is None else record.pts_s,
        record.width,
        record.height,
        record.generation,
        record.model,
        len(found),
        record.look | _SOME_CARRIED * bool(carried),
        *record.stages,
    )
    body = found.boxes.tobytes() + found.confidence.tobytes() + found.class_id.tobytes() + carried
    return (head + body).ljust(length, b"\0")


def _unpack(data: memoryview) -> Record:
    _, row, sequence, captured, pts, width, height, generation, model, n, look, *stages = _RECORD.unpack_from(data)
    body = bytes(data[_RECORD.size : _RECORD.size + 25 * n])
    detections = (
        Detections(
            np.frombuffer(body, np.float32, 4 * n).reshape(n, 4),
            np.frombuffer(body, np.float32, n, 16 * n),
            np.frombuffer(body, np.int32, n, 20 * n),
            np.frombuffer(body, np.bool_, n, 24 * n) if look & _SOME_CARRIED else None,
        )
        if n
        else Detections.none()
    )
    return Record(
        row,
        sequence,
        captured,
        None if math.isnan(pts) else pts,
        width,
        height,
        generation,
        model,
        StageTimes(*stages),
        detections,
        Look(look & ~_SOME_CARRIED),
    )
