"""One JSON object per frame that was analysed, or whose detections were carried on, appended to a file.

Lines are flushed twice a second and each flush is one write, so after a `kill -9` every line but perhaps the last is whole.
A torn last line is closed with a newline when the file is next opened: it stays unreadable and spoils no other.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import stat
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from camslice.events.labels import labels_of
from camslice.events.writer import BatchWriter, WriteError
from camslice.fleet.accounting import FrameCounts
from camslice.fleet.errors import StoreError
from camslice.fleet.stages import StageTimes
from camslice.fleet.types import StreamKey
from camslice.stream.results import FrameResult

logger = logging.getLogger(__name__)

_JSON = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, check_circular=False)


class JsonlSink:
    """Appends results to `path`. Raises StoreError when the file cannot be opened and written."""

    def __init__(self, path: str, *, capacity: int = 20_000, interval_s: float = 0.5) -> None:
        self.name = f"jsonl {Path(path).name}"
        self._writer = BatchWriter(self.name, _JsonlFile(Path(path)), capacity=capacity, interval_s=interval_s)

    def offer(self, results: Sequence[FrameResult]) -> None:
        """Take results; what does not fit is dropped and counted by cause. Returns at once."""
        self._writer.offer(results)

    def counts(self, counts: Mapping[StreamKey, FrameCounts], at_s: float) -> None:
        """Running totals are not written: the file holds frames."""

    def epochs(self, epochs: Mapping[StreamKey, int]) -> None:
        """Epochs are not written: the file is this pod's own."""

    @property
    def taken_over(self) -> frozenset[StreamKey]:
        """No stream: nobody else writes to this file."""
        return frozenset()

    @property
    def written(self) -> int:
        """Results written so far, in the order in which they were offered."""
        return self._writer.written

    @property
    def dropped(self) -> Mapping[str, int]:
        """Results dropped so far, by cause."""
        return self._writer.dropped

    @property
    def problem(self) -> str | None:
        """What keeps the sink from writing just now, in one sentence, or None."""
        return self._writer.problem

    def close(self) -> None:
        """Write what is queued, then stop."""
        self._writer.close()


def encode(results: Sequence[FrameResult]) -> bytes:
    """Results as JSON lines: boxes to 1/100 px, confidences to 4 decimals, times in ms to 3."""
    if not results:
        return b""
    boxes = np.round(np.concatenate([r.detections.boxes for r in results]).astype(np.float64), 2).tolist()
    confidences = np.round(np.concatenate([r.detections.confidence for r in results]).astype(np.float64), 4).tolist()
    stages = np.round(np.array([r.stages for r in results], np.float64), 3).tolist()
    lines = []
    first = 0
    for result, times in zip(results, stages, strict=True):
        end = first + len(result.detections)
        found: list[dict[str, object]] = [
            {"label": label, "confidence": confidence, "box": box}
            for label, confidence, box in zip(labels_of(result), confidences[first:end], boxes[first:end], strict=True)
        ]
        if result.detections.carried is not None:
            for index in np.flatnonzero(result.detections.carried).tolist():
                found[index]["predicted"] = True
        lines.append(_JSON.encode(_frame(result, times, found)))
        first = end
    return ("\n".join(lines) + "\n").encode()


def _frame(result: FrameResult, times: list[float], found: list[dict[str, object]]) -> dict[str, object]:
    captured_at = datetime.fromtimestamp(round(result.captured_at_s, 3), UTC)
    return {
        "camera": result.stream.camera,
        "model": result.stream.model,
        "sequence": result.sequence,
        "captured_at": captured_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "pts_s": result.pts_s,
        "width": result.width,
        "height": result.height,
        "model_sha256": result.model_sha256,
        "generation": result.generation,
        "look": result.looked.value,
        "stages": dict(zip(StageTimes._fields, times, strict=True)),
        "detections": found,
    }


class _JsonlFile:
    """The file, open for appending for as long as the sink lives."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StoreError(f"sink {_sentence(path, error)}") from None
        try:
            self._check()
        except BaseException:
            os.close(self._file)
            raise

    def prepare(self, items: Sequence[FrameResult]) -> bytes:
        return encode(items)

    def write(self, batch: bytes) -> None:
        """Append the lines, or leave the file as long as it was."""
        length = os.fstat(self._file).st_size
        try:
            _write_all(self._file, batch)
        except OSError as error:
            os.ftruncate(self._file, length)
            raise WriteError(_sentence(self._path, error)) from None

    def tick(self) -> None:
        """Nothing to keep up."""

    def close(self) -> None:
        os.close(self._file)

    def _check(self) -> None:
        """Close a torn last line, and find out now whether the file can be written."""
        if not stat.S_ISREG(os.fstat(self._file).st_mode):
            raise StoreError(f"sink {self._path}: is not a regular file; name a file that results can be appended to")
        length = os.fstat(self._file).st_size
        torn = length > 0 and os.pread(self._file, 1, length - 1) != b"\n"
        if torn:
            logger.warning("sink %s: its last line is torn; it is closed with a newline", self._path)
        try:
            _write_all(self._file, b"\n")
            if not torn:
                os.ftruncate(self._file, length)
        except OSError as error:
            raise StoreError(f"sink {_sentence(self._path, error)}") from None


def _write_all(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


_WHAT_TO_DO = {
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "the disk quota is used up; free some space",
    errno.EROFS: "the file system is read-only; name a file elsewhere",
    errno.EACCES: "is not writable for this user; change its permissions or name another file",
    errno.EPERM: "is not writable for this user; change its permissions or name another file",
    errno.EISDIR: "is a folder; name a file in it",
    errno.ENOENT: "its folder does not exist; create it",
    errno.ENOTDIR: "its folder is a file; name another path",
}


def _sentence(path: Path, error: OSError) -> str:
    known = _WHAT_TO_DO.get(error.errno or 0)
    return f"{path}: {known or f'cannot be written ({error.strerror}); name another file'}"
