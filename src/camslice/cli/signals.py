"""Being asked to stop: Ctrl-C, SIGTERM, and SIGHUP for reading the fleet file again."""

from __future__ import annotations

import signal
import threading
from types import FrameType


class Signals:
    """Signals of a command that runs until stopped. Main thread only.

    Until `note` is called they end the command at once wherever it is (Ctrl-C with 130, SIGTERM with 0), for there is
    nothing to drain yet. From then on they are noted, and the main loop looks at them when it is ready. A second Ctrl-C is
    never only noted, for those who cannot wait for the drain. A second SIGTERM ends the waiting for those who take over.
    """

    def __init__(self) -> None:
        self.interrupted = False
        self._noting = False
        self._reload = False
        self._stop = threading.Event()
        self._again = threading.Event()
        signal.signal(signal.SIGINT, self._interrupt)
        signal.signal(signal.SIGTERM, self._terminate)
        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, self._hang_up)

    def note(self) -> None:
        """Note signals from now on."""
        self._noting = True

    def wait(self, seconds: float) -> bool:
        """Wait so long, or until asked to stop. Returns whether to stop."""
        return self._stop.wait(seconds)

    def wait_again(self, seconds: float) -> bool:
        """Wait so long, or until asked to stop once more. Returns `asked_again`."""
        return self._again.wait(seconds)

    @property
    def asked_again(self) -> bool:
        """Whether nothing more is to be waited for: a second SIGTERM came, or Ctrl-C."""
        return self._again.is_set()

    @property
    def stopping(self) -> bool:
        """Whether a stop was asked for."""
        return self._stop.is_set()

    def take_reload(self) -> bool:
        """Whether SIGHUP came since the last call."""
        asked, self._reload = self._reload, False
        return asked

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self.interrupted or not self._noting:
            raise KeyboardInterrupt
        self.interrupted = True
        self._stop.set()
        self._again.set()

    def _terminate(self, number: int, frame: FrameType | None) -> None:
        if not self._noting:
            raise SystemExit(0)
        if self._stop.is_set():
            self._again.set()
        self._stop.set()

    def _hang_up(self, number: int, frame: FrameType | None) -> None:
        self._reload = True
