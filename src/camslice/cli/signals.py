"""Being asked to stop: Ctrl-C, SIGTERM, and SIGHUP for reading the fleet file again."""

from __future__ import annotations

import signal
import threading
from types import FrameType


class Signals:
    """Notes signals from its making on; the main loop looks at them when it is ready. Main thread only.

    A second Ctrl-C is not noted but raised, for those who cannot wait for the drain.
    """

    def __init__(self) -> None:
        self.interrupted = False
        self.reload = False
        self._stop = threading.Event()
        signal.signal(signal.SIGINT, self._interrupt)
        signal.signal(signal.SIGTERM, self._terminate)
        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, self._hang_up)

    def wait(self, seconds: float) -> bool:
        """Wait so long, or until asked to stop. Returns whether to stop."""
        return self._stop.wait(seconds)

    @property
    def stopping(self) -> bool:
        """Whether a stop was asked for."""
        return self._stop.is_set()

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self.interrupted:
            raise KeyboardInterrupt
        self.interrupted = True
        self._stop.set()

    def _terminate(self, number: int, frame: FrameType | None) -> None:
        self._stop.set()

    def _hang_up(self, number: int, frame: FrameType | None) -> None:
        self.reload = True
