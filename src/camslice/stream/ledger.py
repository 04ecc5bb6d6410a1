"""The ledger of fates: every frame's capture and end, in shared memory that outlives the process that writes it.

Why not counters in the analysis process: a process that is killed takes its counters along, and the frames it held would
be neither analysed nor failed. Why not a lock in shared memory: a process killed inside it would leave it locked.

So each stream has one row with *two* copies of its state and a version number. The writer copies the current state into the
other copy, changes it there, and publishes it by one aligned 8-byte store of version + 1; whose lowest bit says which copy is
current. A reader copies the current one and looks whether the version is still the same. A writer killed at any
instruction leaves the published copy whole. What a row says is therefore always one consistent state: the identity
`captured = analysed + gated + predicted + superseded + stale + failed + in_flight` holds in every snapshot.

It rests on stores becoming visible in program order, as they do on x86-64.

Held frames are a bitmap, one bit each, and `in_flight` is the number of bits set: it is counted, never derived by
subtraction. One process writes at a time: the analysis process while it lives, the supervisor when it is dead.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import fields

from camslice.fleet.accounting import Fate, FrameCounts

_COUNTERS = tuple(f.name for f in fields(FrameCounts) if f.name != "in_flight")
_INDEX = {name: i for i, name in enumerate(_COUNTERS)}
_HELD_WORDS = 16
_FULL = (1 << 64) - 1
_UNCHANGED = len(_COUNTERS) + _HELD_WORDS
_STATE = _UNCHANGED + 1
_ROW = 1 + 2 * _STATE
MAX_HELD = 64 * _HELD_WORDS
"""Frames of one stream that can be held at once; mailboxes, engines and results that wait for their turn stay far below."""


def ledger_bytes(rows: int) -> int:
    """Size of the shared region for so many rows."""
    return rows * _ROW * 8


class Ledger:
    """Rows of frame counts over a shared buffer. Writers of one process may call from any thread."""

    def __init__(self, buffer: memoryview) -> None:
        self._words = buffer.cast("Q")
        self._lock = threading.Lock()
        self.rows = len(self._words) // _ROW

    def captured(self, row: int) -> int:
        """A frame is due: count it and hold it. Returns its handle for `ended`."""
        with self._lock:
            state = self._begin(row)
            self._words[state] += 1
            handle = self._hold(state + len(_COUNTERS))
            self._publish(row)
            return handle

    def ended(
        self, row: int, handle: int, fate: Fate, *, by_regions: bool = False, unchanged_at_s: float | None = None
    ) -> None:
        """A held frame met its fate; `by_regions` when only regions of it were analysed. `unchanged_at_s`: UTC seconds at
        which a frame was captured in which nothing was new."""
        with self._lock:
            state = self._begin(row)
            word = state + len(_COUNTERS) + handle // 64
            bit = 1 << handle % 64
            if not self._words[word] & bit:
                raise ValueError(f"frame {handle} of row {row} is not held: it already met its fate")
            self._words[word] &= _FULL ^ bit
            self._words[state + _INDEX[fate]] += 1
            self._words[state + _INDEX["regions"]] += by_regions
            if unchanged_at_s is not None:
                self._words[state + _UNCHANGED] = round(unchanged_at_s * 1e6)
            self._publish(row)

    def add(self, row: int, *, decoded: int = 0, skipped: int = 0, corrupt: int = 0, missed: int = 0) -> None:
        """Count what stands outside the identity."""
        with self._lock:
            state = self._begin(row)
            self._words[state + _INDEX["decoded"]] += decoded
            self._words[state + _INDEX["skipped"]] += skipped
            self._words[state + _INDEX["corrupt"]] += corrupt
            self._words[state + _INDEX["missed"]] += missed
            self._publish(row)

    def used(self, accelerator_ns: Mapping[int, int]) -> None:
        """Count device time, in ns by row. It stands outside the identity as well."""
        with self._lock:
            for row, time_ns in accelerator_ns.items():
                state = self._begin(row)
                self._words[state + _INDEX["accelerator_ns"]] += time_ns
                self._publish(row)

    def fail_held(self, row: int) -> int:
        """The process that held this row's frames is dead: they are `failed`. Returns how many there were."""
        with self._lock:
            state = self._begin(row)
            first = state + len(_COUNTERS)
            held = sum(self._words[word].bit_count() for word in range(first, first + _HELD_WORDS))
            for word in range(first, first + _HELD_WORDS):
                self._words[word] = 0
            self._words[state + _INDEX[Fate.FAILED]] += held
            self._publish(row)
            return held

    def reset(self, row: int) -> None:
        """Start a row anew for another stream."""
        with self._lock:
            state = self._begin(row)
            for word in range(state, state + _STATE):
                self._words[word] = 0
            self._publish(row)

    def read(self, row: int) -> FrameCounts:
        """One consistent snapshot of a row."""
        state = self._snapshot(row)
        in_flight = sum(word.bit_count() for word in state[len(_COUNTERS) : _UNCHANGED])
        return FrameCounts(in_flight=in_flight, **dict(zip(_COUNTERS, state, strict=False)))

    def unchanged_at_s(self, row: int) -> float | None:
        """UTC seconds at which the newest frame was captured in which nothing was new; None when there was none."""
        return self._snapshot(row)[_UNCHANGED] / 1e6 or None

    def _snapshot(self, row: int) -> list[int]:
        base = row * _ROW
        while True:
            version = self._words[base]
            start = base + 1 + (version & 1) * _STATE
            state = self._words[start : start + _STATE].tolist()
            if self._words[base] == version:
                return state

    def _begin(self, row: int) -> int:
        """Copy the current state into the other copy and return where that begins."""
        base = row * _ROW
        version = self._words[base]
        current = base + 1 + (version & 1) * _STATE
        other = base + 1 + ((version & 1) ^ 1) * _STATE
        self._words[other : other + _STATE] = self._words[current : current + _STATE]
        return other

    def _publish(self, row: int) -> None:
        self._words[row * _ROW] += 1

    def _hold(self, first: int) -> int:
        for i in range(_HELD_WORDS):
            word = self._words[first + i]
            if word != _FULL:
                bit = ~word & (word + 1)
                self._words[first + i] = word | bit
                return i * 64 + bit.bit_length() - 1
        raise OverflowError(f"more than {MAX_HELD} frames of one stream are held")
