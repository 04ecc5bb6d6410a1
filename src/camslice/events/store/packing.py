"""Detections and histograms as small byte strings, and back.

Detections of one frame: a byte `f`, then 12 bytes per detection, little-endian uint16: x1, y1, x2, y2 in units of 2^-f pixel,
confidence in units of 1/65535, class id. `f` is 3 (1/8 px) for pictures up to 8191 px, and one less for each doubling
beyond. Five people are 61 bytes; as float32 boxes with float32 confidence and int32 class they would be 120, as JSON about 400.

Which of them were carried on: a bit for each detection, the lowest of the first byte for the first.

Histogram of one stage and minute: a byte `w`, the lowest bin that is not empty as uint16, then the distance of each bin that
is not empty from the one before it (the first is 0), then their counts, as unsigned integers of `w` bytes, little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from camslice.fleet.histogram import Histogram
from camslice.models.detections import Detections

MAX_CLASS_ID = 0xFFFF
_CONFIDENCE_STEPS = 0xFFFF
_FINEST = 3
_PER_DETECTION = 12
_PREFIX = [bytes([fraction]) for fraction in range(_FINEST + 1)]
_BINS_HEADER = struct.Struct("<BH")


def pack_frames(frames: Sequence[Detections], longest_sides: Sequence[int]) -> list[bytes | None]:
    """Pack many frames' detections in one pass; None for a frame without any. Class ids above MAX_CLASS_ID become it.

    `longest_sides` are the larger of width and height of each frame's source picture, at most 65535 px.
    """
    counts = [len(found) for found in frames]
    if not any(counts):
        return [None] * len(frames)
    fractions = [_fraction_bits(side) for side in longest_sides]
    units = np.repeat(np.ldexp(1.0, np.array(fractions)), counts)
    values = np.empty((len(units), 6), np.float64)
    values[:, :4] = np.concatenate([found.boxes for found in frames]) * units[:, None]
    values[:, 4] = np.concatenate([found.confidence for found in frames]) * np.float64(_CONFIDENCE_STEPS)
    values[:, 5] = np.concatenate([found.class_id for found in frames])
    body = np.clip(np.rint(values), 0, 0xFFFF).astype("<u2").tobytes()
    packed: list[bytes | None] = []
    first = 0
    for fraction, count in zip(fractions, counts, strict=True):
        end = first + _PER_DETECTION * count
        packed.append(_PREFIX[fraction] + body[first:end] if count else None)
        first = end
    return packed


def unpack_frame(packed: bytes | None) -> Detections:
    """The detections of one frame: boxes within half a unit (1/16 px), confidences within 1/131070."""
    if not packed:
        return Detections.none()
    values = np.frombuffer(packed, "<u2", offset=1).reshape(-1, 6)
    boxes = np.ldexp(values[:, :4].astype(np.float32), -packed[0])
    confidence = values[:, 4].astype(np.float32) / np.float32(_CONFIDENCE_STEPS)
    return Detections(boxes, confidence, values[:, 5].astype(np.int32))


def pack_carried(found: Detections) -> bytes | None:
    """Which detections were carried on; None when none was."""
    if found.carried is None or not found.carried.any():
        return None
    return np.packbits(found.carried, bitorder="little").tobytes()


def unpack_carried(packed: bytes | None, count: int) -> npt.NDArray[np.bool_] | None:
    """bool [count], None when none was."""
    if not packed:
        return None
    return np.unpackbits(np.frombuffer(packed, np.uint8), count=count, bitorder="little").astype(np.bool_)


def pack_bins(counts: npt.NDArray[np.int64]) -> bytes:
    """Pack a histogram's counts [bins], leaving out the empty ones."""
    bins = np.flatnonzero(counts)
    if not len(bins):
        return b""
    steps_and_counts = np.concatenate([[0], np.diff(bins), counts[bins]])
    largest = int(steps_and_counts.max())
    width = next(width for width in (1, 2, 4, 8) if largest < 1 << 8 * width)
    return _BINS_HEADER.pack(width, bins[0]) + steps_and_counts.astype(f"<u{width}").tobytes()


def unpack_histogram(packed: bytes, sum_ms: float, max_ms: float) -> Histogram:
    """The histogram whose counts were packed, with the sum and maximum that were stored beside them."""
    histogram = Histogram(sum_ms=sum_ms, max_ms=max_ms)
    if packed:
        width, lowest = _BINS_HEADER.unpack_from(packed)
        steps, counts = np.frombuffer(packed, f"<u{width}", offset=_BINS_HEADER.size).astype(np.int64).reshape(2, -1)
        histogram.counts[lowest + np.cumsum(steps)] = counts
    return histogram


def _fraction_bits(longest_side: int) -> int:
    return max(0, min(_FINEST, 16 - longest_side.bit_length()))
