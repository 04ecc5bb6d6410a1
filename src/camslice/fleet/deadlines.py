"""Which frame is taken next, and which is given up: the rules, without a clock, a thread or a frame.

The live scheduler and any simulation call this one class with their own time, so that both come to the same fate for
the same arrivals. Every frame's deadline is its capture time plus the latency objective; the frame with the earliest deadline
goes first. A frame that can no longer make it is `stale`, one pushed out of its full mailbox is `superseded`.

Under overload that alone is unfair. The queue then stands at the edge of its deadlines, of the frames that expire before the
engine is free again only the first is taken, and that is mostly one of the fastest camera: simulated at 1.3 times the load,
a camera at 1 frame/s loses 50 % and one at 25 frames/s 20 %. So among frames whose last chance comes at about the same
time, the stream that lost the largest share of its recent frames goes first, which brings the shares together. Nothing
changes while nothing is lost.

Times are integers in nanoseconds on whatever clock the caller uses; items are opaque.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")


def is_stale(now_ns: int, deadline_ns: int, service_ns: int) -> bool:
    """Whether a frame taken now, and then needing `service_ns`, would be done after its deadline."""
    return now_ns + service_ns > deadline_ns


@dataclass(slots=True)
class _Waiting(Generic[Item]):
    item: Item
    deadline_ns: int
    gone: bool = False


_Entry = tuple[int, int, int, _Waiting[Item]]
"""Deadline, order of arrival, stream, frame."""

_LOSS_WEIGHT = 0.05
_NEGLIGIBLE = 0.005
_SAME_TIME = 1 / 32
"""Deadlines that differ by less than this share of the objective are about the same time..."""
_GAPS = 2.0
"""... and so are those that differ by less than so many turns of the engine."""
_GAP_WEIGHT = 0.1
_MOST_RIVALS = 64


class _Losses:
    """The share of its recent frames that each stream lost, over about twenty of them."""

    def __init__(self) -> None:
        self._shares: dict[int, float] = {}
        self._sum = 0.0

    @property
    def negligible(self) -> bool:
        """Whether hardly anything was lost lately."""
        return self._sum < _NEGLIGIBLE

    def open(self, stream: int) -> None:
        self._shares.setdefault(stream, 0.0)

    def close(self, stream: int) -> None:
        self._sum -= self._shares.pop(stream)

    def share(self, stream: int) -> float:
        return self._shares[stream]

    def note(self, stream: int, *, lost: bool) -> None:
        if not lost and self._sum == 0.0:
            return
        change = _LOSS_WEIGHT * (lost - self._shares[stream])
        self._shares[stream] += change
        self._sum = max(0.0, self._sum + change)


class DeadlineQueue(Generic[Item]):
    """Bounded mailboxes, one per stream, served earliest deadline first. Not thread-safe: the caller holds a lock.

    It never holds more than the sum of the mailboxes' depths, and per frame it costs O(log n), a few times that in an overload.

    >>> queue = DeadlineQueue[str](latency_ns=500)
    >>> queue.open(stream=0, depth=1)
    >>> queue.offer(0, captured_ns=0, item="old"), queue.offer(0, captured_ns=100, item="new")
    (None, 'old')
    >>> queue.take(now_ns=200, service_ns=50)
    ('new', [])
    """

    def __init__(self, latency_ns: int | None) -> None:
        """`latency_ns` None means that frames never go stale (pace `lossless`); they are served in order of capture."""
        self._latency_ns = latency_ns
        self._mailboxes: dict[int, deque[_Waiting[Item]]] = {}
        self._depths: dict[int, int] = {}
        self._order: list[_Entry[Item]] = []
        self._tie = 0
        self._waiting = 0
        self._losses = _Losses()
        self._gap_ns = 0.0
        self._taken_ns = 0

    def __len__(self) -> int:
        return self._waiting

    def open(self, stream: int, depth: int) -> None:
        """Give a stream a mailbox that holds at most `depth` frames, or change its depth."""
        self._mailboxes.setdefault(stream, deque())
        self._depths[stream] = max(1, depth)
        self._losses.open(stream)

    def drain(self, stream: int) -> list[Item]:
        """Empty a stream's mailbox; returns what was in it."""
        left = self._mailboxes[stream]
        self._mailboxes[stream] = deque()
        return [self._remove(waiting) for waiting in left]

    def close(self, stream: int) -> list[Item]:
        """Take a stream's mailbox away; returns what was in it."""
        left = self.drain(stream)
        del self._mailboxes[stream], self._depths[stream]
        self._losses.close(stream)
        return left

    def waiting(self, stream: int) -> int:
        """How many frames of this stream wait."""
        return len(self._mailboxes[stream])

    def has_room(self, stream: int) -> bool:
        """Whether a frame of this stream can be offered without pushing another out."""
        return len(self._mailboxes[stream]) < self._depths[stream]

    def offer(self, stream: int, captured_ns: int, item: Item) -> Item | None:
        """Let a frame wait. Returns the frame that it pushed out (the stream's oldest), or None."""
        mailbox = self._mailboxes[stream]
        pushed_out = None
        if len(mailbox) >= self._depths[stream]:
            pushed_out = self._remove(mailbox.popleft())
            self._losses.note(stream, lost=True)
        waiting = _Waiting(item, captured_ns + (self._latency_ns or 0))
        mailbox.append(waiting)
        self._waiting += 1
        self._tie += 1
        heapq.heappush(self._order, (waiting.deadline_ns, self._tie, stream, waiting))
        return pushed_out

    def take(self, now_ns: int, service_ns: int) -> tuple[Item | None, list[Item]]:
        """The frame to analyse now (None if none waits), and those that went stale before it."""
        stale: list[Item] = []
        while (entry := self._earliest()) is not None:
            if self._latency_ns is None or not is_stale(now_ns, entry[0], service_ns):
                chosen = self._fairest(entry)
                self._note_gap(now_ns)
                return self._leave(chosen, lost=False), stale
            heapq.heappop(self._order)
            stale.append(self._leave(entry, lost=True))
        return None, stale

    def earliest_deadline_ns(self) -> int | None:
        """When the first waiting frame must be done; None when none waits, or frames never go stale."""
        entry = self._earliest()
        return None if entry is None or self._latency_ns is None else entry[0]

    def _earliest(self) -> _Entry[Item] | None:
        """The waiting frame with the earliest deadline; it stays where it is."""
        while self._order and self._order[0][3].gone:
            heapq.heappop(self._order)
        return self._order[0] if self._order else None

    def _fairest(self, earliest: _Entry[Item]) -> _Entry[Item]:
        """Take out the frame to serve: the earliest, or one due at about the same time whose stream lost more."""
        if self._latency_ns is None or self._losses.negligible:
            return heapq.heappop(self._order)
        window_ns = max(self._latency_ns * _SAME_TIME, _GAPS * self._gap_ns)
        rivals: dict[int, _Entry[Item]] = {}
        passed: list[_Entry[Item]] = []
        while (entry := self._earliest()) is not None and entry[0] <= earliest[0] + window_ns and len(passed) < _MOST_RIVALS:
            passed.append(heapq.heappop(self._order))
            rivals.setdefault(entry[2], entry)
        chosen = max(rivals.values(), key=lambda entry: (self._losses.share(entry[2]), -entry[0], -entry[1]))
        for entry in passed:
            if entry is not chosen:
                heapq.heappush(self._order, entry)
        return chosen

    def _note_gap(self, now_ns: int) -> None:
        """How long the engine was busy between two frames taken, while there were more."""
        gap_ns = now_ns - self._taken_ns
        self._taken_ns = now_ns
        if self._waiting > 1 and self._latency_ns is not None and gap_ns < self._latency_ns:
            self._gap_ns += _GAP_WEIGHT * (gap_ns - self._gap_ns)

    def _leave(self, entry: _Entry[Item], *, lost: bool) -> Item:
        """This frame, the oldest of its stream, waits no more."""
        self._mailboxes[entry[2]].popleft()
        self._waiting -= 1
        self._losses.note(entry[2], lost=lost)
        return entry[3].item

    def _remove(self, waiting: _Waiting[Item]) -> Item:
        """Forget a frame that has already left its mailbox; its place in the order is swept when such places pile up."""
        waiting.gone = True
        self._waiting -= 1
        if len(self._order) > 2 * self._waiting + 64:
            self._order = [entry for entry in self._order if not entry[3].gone]
            heapq.heapify(self._order)
        return waiting.item
