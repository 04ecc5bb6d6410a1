"""A process that is to run: started when it may be, heard, buried when it dies, and started again after a pause that grows.

Every process says once a second that it lives. One that has spoken and then is silent for much longer hangs, and is killed: to
whoever waits for its frames it is as good as dead.
"""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod

from camslice.stream.child import Child
from camslice.stream.messages import Drain, FromPod
from camslice.stream.restarts import Restarts

log = logging.getLogger(__name__)

HUNG_S = 30.0
_WE_WERE_STOPPED_S = 5.0
"""Nobody tended the process for so long: it was we who stood still, and what it said may not have been heard yet."""


class ProcessLife(ABC):
    """Owns the process and its restarts. Not thread-safe: whoever owns it holds a lock around every call."""

    def __init__(self, hung_s: float = HUNG_S) -> None:
        """`hung_s`: a process that was heard and then is silent for so long is killed."""
        self.child: Child | None = None
        """The process, None while there is none."""
        self._restarts = Restarts()
        self._hung_s = hung_s
        self._heard_s: float | None = None
        self._tended_s = 0.0

    @property
    def restarts(self) -> int:
        """How often the process had to be started again."""
        return self._restarts.count

    @property
    def has_spoken(self) -> bool:
        """Whether the process that runs has said anything yet."""
        return self._heard_s is not None

    @property
    def silent_s(self) -> float | None:
        """For how many seconds the process that runs has said nothing; None when it has not spoken yet."""
        return None if self._heard_s is None else time.monotonic() - self._heard_s

    def tend(self, *, may_start: bool) -> None:
        """Start the process if that is due, hear what it said, bury it if it is dead."""
        if self.child is None:
            if may_start and self._restarts.due():
                self._start()
            return
        self.listen()
        status = self.child.ended()
        if status is None:
            self._kill_if_it_hangs(self.child)
            return
        self.listen()  # its last words
        self.child.close()
        self.child = None
        cause = f"signal {-status}" if status < 0 else f"exit status {status}"
        self._died(cause, self._restarts.ended())

    def listen(self) -> None:
        """Hear what the process said."""
        if self.child is not None:
            for message in self.child.heard():
                self._heard_s = time.monotonic()
                self._hear(message)

    def drain(self, patience_s: float) -> None:
        """Ask the process to finish what it has and to end; returns at once."""
        if self.child is not None:
            self.child.say(Drain(patience_s))

    def end(self, timeout_s: float) -> None:
        """Wait for the end (after `drain`), hear the last words, and make sure of it."""
        if self.child is not None:
            self.child.wait(timeout_s)
            self.listen()
            self.child.close()
            self.child = None

    def _start(self) -> None:
        try:
            child = self._started()
        except OSError as error:
            pause_s = self._restarts.ended()
            log.error("a process cannot be started: %s; next try in %.1f s", error.strerror or error, pause_s)
            return
        self._heard_s, self._tended_s = None, time.monotonic()
        self.child = child
        self._greet(child)

    def _kill_if_it_hangs(self, child: Child) -> None:
        now_s = time.monotonic()
        if self._heard_s is not None and now_s - self._tended_s > _WE_WERE_STOPPED_S:
            self._heard_s = now_s
        self._tended_s = now_s
        if self._heard_s is not None and now_s - self._heard_s > self._hung_s:
            log.error("process %d has been silent for %.0f s; killing it", child.pid, self._hung_s)
            child.kill()

    @abstractmethod
    def _started(self) -> Child:
        """Start the process. Raises OSError."""

    @abstractmethod
    def _greet(self, child: Child) -> None:
        """Tell a new process everything it has to know."""

    @abstractmethod
    def _hear(self, message: FromPod) -> None:
        """The process said something."""

    @abstractmethod
    def _died(self, cause: str, pause_s: float) -> None:
        """The process is gone and will be started again in `pause_s`."""
