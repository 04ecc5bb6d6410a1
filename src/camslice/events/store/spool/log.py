"""The spool: what is put in comes out in order, is gone once it is written down elsewhere, and never grows beyond its bound.

Records lie in files of a thirty-second of the bound. When there is no room the oldest file goes and its results are counted.
When the disk takes nothing, records pass through memory, a few MB of them, as long as whoever takes them out keeps up.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import threading
from collections import Counter, deque
from collections.abc import Mapping
from pathlib import Path

from camslice.events.store.spool.place import SpoolPlace
from camslice.events.store.spool.segment import DamagedError, Record, Segment, packed
from camslice.events.writer import WriteError
from camslice.fleet.errors import StoreError

logger = logging.getLogger(__name__)

FULL = "spool full"
TORN = "spool torn"
DAMAGED = "spool damaged"
MEMORY_BYTES = 4_000_000
_SEGMENTS = 32
_SUFFIX = ".spool"
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


class Spool:
    """Owns its folder and the files in it. One thread puts, one takes out.

    Raises StoreError when the folder cannot be used, or another process uses it.
    """

    def __init__(self, place: SpoolPlace, *, memory_bytes: int = MEMORY_BYTES) -> None:
        self._folder = place.folder
        self._max_bytes = round(place.max_mb * 1e6)
        self._memory_bytes = memory_bytes
        self._changed = threading.Condition()
        self._segments: deque[Segment] = deque()
        self._writing: Segment | None = None
        self._in_memory: deque[Record] = deque()
        self._in_hand: tuple[Record, Segment | None] | None = None
        self._dropped: Counter[str] = Counter()
        self._problem: str | None = None
        self._lock_file = _locked(place.folder)
        try:
            self._serial, self._number = self._take_over_files()
        except BaseException:
            os.close(self._lock_file)
            raise

    def put(self, kind: int, payload: bytes, results: int) -> None:
        """Add a record. Raises WriteError when neither disk nor memory has room for it."""
        with self._changed:
            record = Record(self._serial + 1, kind, results, payload)
            data = packed(record)
            if len(data) > self._max_bytes:
                self._dropped[FULL] += results
                return
            self._make_room(len(data))
            try:
                self._segment_for(len(data)).append(data, record)
                self._tell(None)
            except OSError as error:
                self._tell(_sentence(self._folder, error))
                self._remember(record)
            self._serial = record.serial
            self._changed.notify_all()

    def first(self, timeout_s: float) -> Record | None:
        """The oldest record; it stays until `done`. None when there is none within the time."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting() or not timeout_s, timeout_s)
            return self._oldest()

    def done(self) -> None:
        """The record that `first` gave is written down elsewhere."""
        with self._changed:
            if self._in_hand is None:
                return
            record, segment = self._in_hand
            self._in_hand = None
            if segment is None:
                if self._in_memory and self._in_memory[0].serial == record.serial:
                    self._in_memory.popleft()
            elif segment in self._segments:
                segment.advance(record.results)
                self._sweep()

    def wake(self) -> None:
        """Have whoever waits in `first` look again."""
        with self._changed:
            self._changed.notify_all()

    @property
    def dropped(self) -> Mapping[str, int]:
        """Results lost here, by cause."""
        with self._changed:
            return dict(self._dropped)

    @property
    def problem(self) -> str | None:
        """What keeps records from the disk, in one sentence, or None."""
        return self._problem

    @property
    def waiting(self) -> int:
        """How many results are in it, or in the hand of whoever writes them down."""
        with self._changed:
            orphaned = 0
            if self._in_hand is not None and self._in_hand[1] is not None and self._in_hand[1] not in self._segments:
                orphaned = self._in_hand[0].results
            in_memory = sum(record.results for record in self._in_memory)
            return sum(segment.results for segment in self._segments) + in_memory + orphaned

    @property
    def bytes(self) -> int:
        """How many bytes of disk it takes."""
        with self._changed:
            return self._bytes()

    def close(self) -> None:
        """Leave what is in the files to whoever comes next; what is only in memory is lost, and counted."""
        with self._changed:
            self._sweep(all_read=True)
            for segment in self._segments:
                segment.close()
            self._segments.clear()
            self._dropped[FULL] += sum(record.results for record in self._in_memory)
            self._in_memory.clear()
            os.close(self._lock_file)

    def _take_over_files(self) -> tuple[int, int]:
        """Read what an earlier process left; the highest serial and file number."""
        serial = number = 0
        try:
            paths = sorted(path for path in self._folder.iterdir() if path.suffix == _SUFFIX and path.stem.isdigit())
            for path in paths:
                segment, torn = Segment.left_behind(path)
                self._segments.append(segment)
                serial, number = max(serial, segment.last_serial), max(number, int(path.stem))
                if torn:
                    self._dropped[TORN] += torn
                    logger.warning("spool %s: its end is torn; about %d results are lost", path, torn)
        except OSError as error:
            raise StoreError(f"spool {_sentence(self._folder, error)}") from None
        self._sweep()
        if self.waiting:
            logger.warning("spool %s: %d results of an earlier run wait to be written", self._folder, self.waiting)
        return serial, number

    def _make_room(self, size: int) -> None:
        while self._segments and self._bytes() + size > self._max_bytes:
            oldest = self._segments.popleft()
            lost = oldest.results
            if self._in_hand is not None and self._in_hand[1] is oldest:
                lost -= self._in_hand[0].results  # it is being written just now, from memory
            self._dropped[FULL] += max(0, lost)
            if oldest is self._writing:
                self._writing = None
            oldest.remove()

    def _segment_for(self, size: int) -> Segment:
        if self._writing is None or (self._writing.size and self._writing.size + size > self._max_bytes / _SEGMENTS):
            self._writing = None
            self._number += 1
            self._writing = Segment(self._folder / f"{self._number:012d}{_SUFFIX}")
            self._segments.append(self._writing)
        return self._writing

    def _remember(self, record: Record) -> None:
        if sum(len(kept.payload) for kept in self._in_memory) + len(record.payload) > self._memory_bytes:
            raise WriteError(self._problem or "the spool has no room")
        self._in_memory.append(record)

    def _oldest(self) -> Record | None:
        on_disk = self._oldest_on_disk()
        in_memory = self._in_memory[0] if self._in_memory else None
        if in_memory is not None and (on_disk is None or in_memory.serial < on_disk[0].serial):
            self._in_hand = (in_memory, None)
        else:
            self._in_hand = on_disk
        return None if self._in_hand is None else self._in_hand[0]

    def _oldest_on_disk(self) -> tuple[Record, Segment] | None:
        while self._segments:
            segment = self._segments[0]
            try:
                record = segment.first()
            except DamagedError as damage:
                self._dropped[DAMAGED] += damage.results
                logger.warning("spool %s: a record is damaged; %d results are lost", segment.path, damage.results)
                segment.advance(damage.results)
                self._sweep()
            except OSError as error:
                self._dropped[DAMAGED] += segment.results
                logger.warning("spool %s", _sentence(segment.path, error))
                self._segments.popleft().remove()
            else:
                return None if record is None else (record, segment)
        return None

    def _sweep(self, *, all_read: bool = False) -> None:
        """Remove files that were read through; the one being written only once it is large, or at the end."""
        while self._segments and self._segments[0].read_through:
            segment = self._segments[0]
            if segment is self._writing:
                if not all_read and segment.size < self._max_bytes / _SEGMENTS / 2:
                    return
                self._writing = None
            self._segments.popleft().remove()

    def _waiting(self) -> bool:
        return bool(self._in_memory) or any(not segment.read_through for segment in self._segments)

    def _bytes(self) -> int:
        return sum(segment.size for segment in self._segments)

    def _tell(self, problem: str | None) -> None:
        if problem != self._problem:
            logger.warning("spool %s", problem or f"{self._folder}: writes again")
        self._problem = problem


def _locked(folder: Path) -> int:
    """The folder, open and locked: the lock goes with the process."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise StoreError(f"spool {_sentence(folder, error)}") from None
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        with contextlib.suppress(OSError):
            os.close(opened)
        raise StoreError(f"spool {folder}: another process uses it; give each its own CAMSLICE_SPOOL_DIR") from None
    return opened


def _sentence(path: Path, error: OSError) -> str:
    if error.errno in _NO_ROOM:
        return f"{path}: the disk is full; free some space or lower CAMSLICE_SPOOL_MB"
    return f"{path}: {error.strerror}; name a folder that can be written in CAMSLICE_SPOOL_DIR"
