"""The way out: results of a stream leave in the order in which its frames were captured, however they were come by.

Frames end in another order. Boxes that are carried on are known at once, while an earlier frame waits for its canvas, and of
two batches the later may be ready first. Whoever follows things from one frame to the next would see time run backwards. So a
result waits until every earlier frame of its stream has met its fate: `in_flight` meanwhile, and with that wait in its `queue`.

Why not sort where results are used: only here is it known that nothing will come of an earlier frame.

No frame holds its stream up for ever. One whose deadline has passed while many results wait for it is overtaken, and `stale`
if there is a result of it after all. What waits holds no picture.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from camslice.fleet.accounting import Fate
from camslice.stream.ledger import Ledger
from camslice.stream.outbox import Outbox, Record
from camslice.stream.records import delayed
from camslice.stream.watching.look import Look

MANY = 16
"""So many results of a stream wait for a frame that is late already; then it is overtaken."""
MOST = 256
"""So many wait for any frame."""


@dataclass(slots=True)
class _Place:
    """A frame captured at `captured_ns`, and its result once there is one, with when that was."""

    captured_ns: int
    record: Record | None = None
    ready_ns: int = 0


@dataclass(slots=True)
class _Line:
    """Frames of one stream that have not ended yet, by handle, the earliest first; `ready` of them only wait for others."""

    places: dict[int, _Place] = field(default_factory=dict)
    ready: int = 0


class Departures:
    """Thread-safe. Counts every frame at its capture and at its end, and sends its result."""

    def __init__(self, ledger: Ledger, outbox: Outbox, latency_ns: int | None, clock_ns: Callable[[], int]) -> None:
        """`latency_ns` None: no frame is ever late."""
        self._ledger = ledger
        self._outbox = outbox
        self._latency_ns = latency_ns
        self._clock_ns = clock_ns
        self._lock = threading.Lock()
        self._lines: dict[int, _Line] = {}

    def open(self, row: int) -> None:
        """A stream begins."""
        with self._lock:
            self._lines.setdefault(row, _Line())

    def close(self, row: int) -> None:
        """A stream of which every frame has ended is over."""
        with self._lock:
            del self._lines[row]

    def enter(self, row: int, captured_ns: int) -> int:
        """A frame is due, behind all that were before. Returns its handle."""
        with self._lock:
            handle = self._ledger.captured(row)
            self._lines[row].places[handle] = _Place(captured_ns)
            return handle

    def end(self, row: int, handle: int, fate: Fate, unchanged_at_s: float | None = None) -> None:
        """A frame ends of which there is no result. See `Ledger.ended`."""
        with self._lock:
            line = self._lines[row]
            line.places.pop(handle, None)
            self._ledger.ended(row, handle, fate, unchanged_at_s=unchanged_at_s)
            if line.ready:
                self._let_go(line, self._clock_ns())

    def leave(self, handle: int, record: Record, ready_ns: int) -> None:
        """The result of a frame is there, since `ready_ns`, which is now: it leaves when its turn has come."""
        with self._lock:
            line = self._lines[record.row]
            place = line.places.get(handle)
            if place is None:  # it was overtaken
                self._ledger.ended(record.row, handle, Fate.STALE)
                return
            place.record, place.ready_ns = record, ready_ns
            line.ready += 1
            self._let_go(line, ready_ns)

    def _let_go(self, line: _Line, now_ns: int) -> None:
        """Send what waits for nobody. Lock is held."""
        while line.ready:
            handle, place = next(iter(line.places.items()))
            if place.record is None and not self._is_overtaken(line, place, now_ns):
                return
            del line.places[handle]
            if place.record is not None:
                line.ready -= 1
                self._send(handle, place.record, max(0, now_ns - place.ready_ns))

    def _is_overtaken(self, line: _Line, place: _Place, now_ns: int) -> bool:
        late = self._latency_ns is not None and now_ns > place.captured_ns + self._latency_ns
        return line.ready > (MANY if late else MOST)

    def _send(self, handle: int, record: Record, waited_ns: int) -> None:
        self._outbox.put(delayed(record, waited_ns) if waited_ns else record)
        fate = Fate.PREDICTED if record.look is Look.CARRIED else Fate.ANALYSED
        self._ledger.ended(record.row, handle, fate, by_regions=record.look is Look.REGIONS)
