"""Asking one thread to stop, also while it sleeps."""

from __future__ import annotations

import threading


class StopSignal:
    """A one-way switch that cuts sleeps short.

    `threading.Event.wait` with a time-out makes a new lock and runs a page of Python each time; a camera's thread sleeps
    before every packet, so here it sleeps on one lock that the switch opens.
    """

    def __init__(self) -> None:
        self._closed = threading.Lock()
        self._closed.acquire()
        self._asking = threading.Lock()
        self.asked = False
        """Whether the thread is to stop."""

    def ask(self) -> None:
        """Ask the thread to stop and wake it. May be called again."""
        with self._asking:
            if not self.asked:
                self.asked = True
                self._closed.release()

    def wait(self, seconds: float) -> bool:
        """Sleep; True at once when asked to stop, else False after `seconds`."""
        if seconds <= 0:
            return self.asked
        if self._closed.acquire(timeout=seconds):
            self._closed.release()
        return self.asked
