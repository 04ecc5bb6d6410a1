"""Calls back at an instant: for work that waits for company, and must not wait longer than it can."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

log = logging.getLogger(__name__)


class Alarm:
    """Owns one thread, which is started when it is first set and ends with the process. May be set from any thread."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._changed = threading.Condition()
        self._at_ns: int | None = None
        self._thread: threading.Thread | None = None

    def set(self, at_ns: int) -> None:
        """Ring at that instant of the monotonic clock, or at the earlier one that was asked for before."""
        with self._changed:
            if self._at_ns is not None and self._at_ns <= at_ns:
                return
            self._at_ns = at_ns
            if self._thread is None:
                self._thread = threading.Thread(target=self._wait, name="alarm", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _wait(self) -> None:
        while True:
            with self._changed:
                while self._at_ns is None or (left_ns := self._at_ns - time.monotonic_ns()) > 0:
                    self._changed.wait(None if self._at_ns is None else left_ns / 1e9)
                self._at_ns = None
            try:
                self._ring()
            except Exception:  # the alarm must ring again, whatever was wrong with what it rang for
                log.exception("what was to be done at an instant went wrong")
