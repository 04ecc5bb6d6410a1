"""A thread that looks after requests whose time is up, and hardly ever has to be awake for that."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable


class Patience:
    """Calls `look` when the time of something is up that it was told of. Owns a thread until `close`. Thread-safe.

    Nearly all requests are answered long before, so nothing is told to it when they are: it wakes when the earliest of them
    would have been given up, asks `look` for the earliest of those that wait now, and sleeps on. With frames that have half a
    second that is twice a second, however many there are.
    """

    def __init__(self, look: Callable[[float], float], name: str) -> None:
        """`look` gets the time (monotonic, s) and says when it wants to be called next, `inf` for not at all."""
        self._look = look
        self._wakes_s = math.inf
        self._woken = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._watch, name=name, daemon=True)
        self._thread.start()

    def until(self, until_s: float) -> None:
        """Have `look` called at `until_s` at the latest."""
        if until_s < self._wakes_s:
            self._woken.set()

    def close(self, patience_s: float = 0.0) -> None:
        """End the thread, and wait so long for that unless this is the thread itself."""
        self._closed = True
        self._woken.set()
        if threading.current_thread() is not self._thread:
            self._thread.join(patience_s)

    def _watch(self) -> None:
        while not self._closed:
            # While it looks, every `until` counts as earlier: one that `look` has just missed makes it look again.
            self._wakes_s = math.inf
            next_s = self._look(time.monotonic())
            self._wakes_s = next_s
            self._woken.wait(None if next_s == math.inf else max(0.0, next_s - time.monotonic()))
            self._woken.clear()
