"""One file of the spool: records one after the other, each with its length and a checksum.

A process that is killed leaves at most its last record torn. Files are never appended to by another process, so what follows a
torn record is nothing.
"""

from __future__ import annotations

import contextlib
import os
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

_MAGIC = b"CSp1"
_HEADER = struct.Struct("<4sIIQIB")
_CHECKED = struct.Struct("<IQIB")


class Record(NamedTuple):
    """`serial` grows with each record of a spool; `results`: how many frames it holds; `kind` as in `records`."""

    serial: int
    kind: int
    results: int
    payload: bytes


class DamagedError(Exception):
    """A record does not match its checksum; it held so many results, as far as one can say."""

    def __init__(self, results: int) -> None:
        super().__init__(f"{results} results")
        self.results = results


def packed(record: Record) -> bytes:
    """A record with its header."""
    crc = _checksum(len(record.payload), record.serial, record.results, record.kind, record.payload)
    header = _HEADER.pack(_MAGIC, len(record.payload), crc, record.serial, record.results, record.kind)
    return header + record.payload


class Segment:
    """Owns an open file. Its end may be written and its beginning read at the same time, by whoever holds the spool's lock.

    `size` counts bytes of whole records, `results` those that were not read to the end (`advance`).
    """

    def __init__(self, path: Path) -> None:
        """A new file. Raises OSError."""
        self.path = path
        self.size = 0
        self.results = 0
        self.last_serial = 0
        self._read_at = 0
        self._step = 0
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    @classmethod
    def left_behind(cls, path: Path) -> tuple[Segment, int]:
        """A file that another process wrote, and how many results its torn end held, as far as one can say. Raises OSError."""
        segment = cls(path)
        return segment, segment._look_through()

    def append(self, data: bytes, record: Record) -> None:
        """Add a record; raises OSError and leaves the file as it was."""
        written = 0
        try:
            while written < len(data):
                written += os.pwrite(self._file, memoryview(data)[written:], self.size + written)
        except OSError:
            os.ftruncate(self._file, self.size)
            raise
        self.size += len(data)
        self.results += record.results
        self.last_serial = record.serial

    @property
    def read_through(self) -> bool:
        """Whether every record that is there was read."""
        return self._read_at >= self.size

    def first(self) -> Record | None:
        """The first record that was not read to the end. DamagedError when it is not what was written; `advance` skips it."""
        if self.read_through:
            return None
        magic, length, crc, serial, results, kind = _HEADER.unpack(os.pread(self._file, _HEADER.size, self._read_at))
        if magic != _MAGIC or self._read_at + _HEADER.size + length > self.size:
            lost, self._step = self.results, self.size - self._read_at
            raise DamagedError(max(1, lost))
        self._step = _HEADER.size + length
        payload = os.pread(self._file, length, self._read_at + _HEADER.size)
        if len(payload) < length or _checksum(length, serial, results, kind, payload) != crc:
            raise DamagedError(max(1, min(results, self.results)))
        return Record(serial, kind, results, payload)

    def advance(self, results: int) -> None:
        """Have done with what `first` said last, which held so many results."""
        self._read_at += self._step
        self._step = 0
        self.results = max(0, self.results - results)

    def close(self) -> None:
        """Leave the file for whoever comes next."""
        os.close(self._file)

    def remove(self) -> None:
        """Delete the file. Never raises: a file that stays is read once more, and its frames are not stored twice."""
        os.close(self._file)
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)

    def _look_through(self) -> int:
        length = os.fstat(self._file).st_size
        while self.size < length:
            header = os.pread(self._file, _HEADER.size, self.size)
            if len(header) < _HEADER.size or header[:4] != _MAGIC:
                return 1
            _, payload, _, serial, results, _ = _HEADER.unpack(header)
            if self.size + _HEADER.size + payload > length:
                return int(results)
            self.size += _HEADER.size + int(payload)
            self.results += int(results)
            self.last_serial = max(self.last_serial, int(serial))
        return 0


def _checksum(length: int, serial: int, results: int, kind: int, payload: bytes) -> int:
    return zlib.crc32(payload, zlib.crc32(_CHECKED.pack(length, serial, results, kind)))
