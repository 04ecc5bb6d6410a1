"""Which frame is taken next, and which is given up: the rules, without a clock, a thread or a frame.

The live scheduler and any simulation call this one class with their own time, so that both come to the same fate for
the same arrivals. Every frame's deadline is its capture time plus the latency objective; the frame with the earliest deadline
goes first. A frame that can no longer make it is `stale`, one pushed out of its full mailbox is `superseded`.

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


class DeadlineQueue(Generic[Item]):
    """Bounded mailboxes, one per stream, served earliest deadline first. Not thread-safe: the caller holds a lock.

    It never holds more than the sum of the mailboxes' depths, and per frame it costs O(log n).

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
        self._order: list[tuple[int, int, int, _Waiting[Item]]] = []
        self._tie = 0
        self._waiting = 0

    def __len__(self) -> int:
        return self._waiting

    def open(self, stream: int, depth: int) -> None:
        """Give a stream a mailbox that holds at most `depth` frames, or change its depth."""
        self._mailboxes.setdefault(stream, deque())
        self._depths[stream] = max(1, depth)

    def close(self, stream: int) -> list[Item]:
        """Take a stream's mailbox away; returns what was in it."""
        left = self._mailboxes.pop(stream)
        del self._depths[stream]
        return [self._remove(waiting) for waiting in left]

    def waiting(self, stream: int) -> int:
        """How many frames of this stream wait."""
        return len(self._mailboxes[stream])

    def has_room(self, stream: int) -> bool:
        """Whether a frame of this stream can be offered without pushing another out."""
        return len(self._mailboxes[stream]) < self._depths[stream]

    def offer(self, stream: int, captured_ns: int, item: Item) -> Item | None:
        """Let a frame wait. Returns the frame that it pushed out (the stream's oldest), or None."""
        mailbox = self._mailboxes[stream]
        pushed_out = self._remove(mailbox.popleft()) if len(mailbox) >= self._depths[stream] else None
        waiting = _Waiting(item, captured_ns + (self._latency_ns or 0))
        mailbox.append(waiting)
        self._waiting += 1
        self._tie += 1
        heapq.heappush(self._order, (waiting.deadline_ns, self._tie, stream, waiting))
        return pushed_out

    def take(self, now_ns: int, service_ns: int) -> tuple[Item | None, list[Item]]:
        """The frame to analyse now (None if none waits), and those that went stale before it."""
        stale: list[Item] = []
        while self._order:
            deadline_ns, _, stream, waiting = heapq.heappop(self._order)
            if waiting.gone:
                continue
            self._mailboxes[stream].popleft()
            self._waiting -= 1
            if self._latency_ns is not None and is_stale(now_ns, deadline_ns, service_ns):
                stale.append(waiting.item)
                continue
            return waiting.item, stale
        return None, stale

    def _remove(self, waiting: _Waiting[Item]) -> Item:
        """Forget a frame that has already left its mailbox; its place in the order is swept when such places pile up."""
        waiting.gone = True
        self._waiting -= 1
        if len(self._order) > 2 * self._waiting + 64:
            self._order = [entry for entry in self._order if not entry[3].gone]
            heapq.heapify(self._order)
        return waiting.item
