"""The batches of one engine: which are free, who wants to know, and how many are still out."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

B = TypeVar("B")


class BatchPool(Generic[B]):
    """Free batches, lent and taken back from any thread without a lock (a deque's ends are atomic)."""

    def __init__(self) -> None:
        self._free: deque[B] = deque()
        self._size = 0
        self._wake: Callable[[], None] = _nobody

    def add(self, batch: B) -> None:
        """One more batch, free."""
        self._free.append(batch)
        self._size += 1

    def lend(self) -> B | None:
        """A free batch, or None when all are out."""
        try:
            return self._free.popleft()
        except IndexError:
            return None

    def take_back(self, batch: B) -> None:
        """A batch is free again; whoever waits is told."""
        self._free.append(batch)
        self._wake()

    def on_free(self, wake: Callable[[], None]) -> None:
        """Have `wake` called whenever a batch comes back."""
        self._wake = wake

    def wait_until_all_are_back(self, patience_s: float) -> bool:
        """Whether every batch came back in time. Nobody is woken by them any more."""
        self._wake = _nobody
        until_s = time.monotonic() + patience_s
        while len(self._free) < self._size and time.monotonic() < until_s:
            time.sleep(0.005)
        return len(self._free) == self._size

    def empty(self) -> None:
        """Forget the batches, which know this pool: else what they hold would stay until the collector finds the circle."""
        self._free.clear()


def _nobody() -> None:
    """Nobody waits for a free batch."""
