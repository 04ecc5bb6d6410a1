"""When a queued request really begins, seen from outside a device that only says when one is done.

A device with S streams computes S requests and takes up the next when one of them is done. So a request begins when it
is started while fewer than S compute, else when an earlier one is done; that is the end of its `queue` stage.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Protocol


class Turn(Protocol):
    """A request that takes turns. `started_ns`: when it was given to the device."""

    started_ns: int

    def began(self, at_ns: int) -> None:
        """It computes since then."""
        ...


class Turns:
    """Who computes and who waits, for as many at once as the device has streams. Thread-safe."""

    def __init__(self, streams: int) -> None:
        self._lock = threading.Lock()
        self._idle = streams
        self._left_ns = time.monotonic_ns()
        self._waiting: deque[Turn] = deque()

    def enter(self, request: Turn) -> None:
        """A request is being started: it begins now if a stream is idle, else when one is left."""
        with self._lock:
            if self._idle:
                self._idle -= 1
                request.began(time.monotonic_ns())
            else:
                self._waiting.append(request)

    def leave(self, request: Turn, at_ns: int) -> None:
        """A stream is done with a request, and takes up the one that waited longest.

        Callbacks lag behind the streams, so a request can be done before we saw that it had begun: it then took the
        turn of one that is still thought to compute.
        """
        with self._lock:
            if request in self._waiting:
                self._waiting.remove(request)
                request.began(max(self._left_ns, request.started_ns))
            elif self._waiting:
                next_one = self._waiting.popleft()
                next_one.began(max(at_ns, next_one.started_ns))  # it may have been started while `at_ns` grew old
            else:
                self._idle += 1
            self._left_ns = at_ns
