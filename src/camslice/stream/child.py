"""A process as its supervisor sees it: started by exec, heard through a pipe, never left behind."""

from __future__ import annotations

import multiprocessing.connection
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence

from camslice.stream.messages import FromPod, ToPod

_ARENAS = "2"
"""glibc gives every thread an arena of its own; with a thread per camera that is megabytes each for nothing."""
_ONE_THREAD = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
"""Thread pools that start a thread for each core of the host at import, whatever share of it the process has."""


class Child:
    """Owns the process and this end of its pipe. The process leaves by itself when the pipe closes."""

    def __init__(
        self, module: str, arguments: Sequence[str], descriptors: Sequence[int], threads: int, environment: Mapping[str, str]
    ) -> None:
        """`descriptors` are inherited; `threads` is what libraries that size themselves may start."""
        ours, theirs = socket.socketpair()
        given = {
            **dict.fromkeys(_ONE_THREAD, "1"),
            "OMP_NUM_THREADS": str(threads),
            "MALLOC_ARENA_MAX": _ARENAS,
            **os.environ,
            **environment,
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, f"--pipe={theirs.fileno()}", *arguments],
            pass_fds=[theirs.fileno(), *descriptors],
            env=given,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            process_group=0,  # Ctrl-C and Ctrl-Z in a terminal are the supervisor's; the pipe ends the rest
        )
        theirs.close()
        self._pipe = multiprocessing.connection.Connection(ours.detach())

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def ended(self) -> int | None:
        """The exit status if the process is gone (negative: the signal that killed it), else None."""
        return self._process.poll()

    def say(self, message: ToPod) -> None:
        """Send; what a dying process does not take is said again to the one that replaces it."""
        try:
            self._pipe.send(message)
        except OSError:
            return

    def heard(self) -> Iterator[FromPod]:
        """What the process said since the last call."""
        try:
            while self._pipe.poll():
                yield self._pipe.recv()
        except (EOFError, OSError):
            return

    def wait(self, timeout_s: float) -> None:
        """Wait for the end; a process that does not come to it is killed."""
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()

    def close(self) -> None:
        """Close the pipe, which ends the process if it still runs."""
        self._pipe.close()
        self.wait(2.0)
