"""Where the programs are, how one is started and ended, and waiting for what takes a while."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from http.client import HTTPException
from pathlib import Path

from tests.needs import need

TOOLS = Path(os.environ.get("KUBE_TOOLS_DIR", Path.home() / ".cache" / "kube-tools"))
BIN = TOOLS / "bin"
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


def program(name: str) -> Path:
    """The program of that name, or the test is skipped (fails in CI)."""
    path = BIN / name
    need(path.exists(), f"the program {name}", "make kube-tools (Go and some minutes)")
    return path


def free_ports(number: int) -> list[int]:
    """Ports of the loopback address that nobody listens at just now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Program:
    """One running program with its log. It ends with the test run, however that ends."""

    def __init__(
        self,
        name: str,
        arguments: list[str],
        log: Path,
        environment: Mapping[str, str] | None = None,
        path: Path | None = None,
    ) -> None:
        """`path`: where the program is, when it is none that tools/kube-tools builds."""
        self.name = name
        self.log = log
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                [str(path or program(name)), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                cwd=log.parent,
                env=os.environ | {"AWS_EC2_METADATA_DISABLED": "true"} | dict(environment or {}),
                preexec_fn=end_with_parent,  # noqa: PLW1509 - nothing is done there but one call of the kernel
            )

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def check(self) -> None:
        """Raises RuntimeError, with the end of the log, when it has ended."""
        if self._process.poll() is not None:
            raise RuntimeError(f"{self.name} ended:\n{tail(self.log)}")

    def end(self, patience_s: float = 8.0) -> None:
        """By asking first."""
        self._process.terminate()
        try:
            self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def until(
    probe: Callable[[], object], what: str | Callable[[], str], seconds: float = 60.0, check: Callable[[], None] = lambda: None
) -> None:
    """Wait until `probe` is true and raises nothing that passes. `check` raises when waiting is in vain."""
    deadline_s = time.monotonic() + seconds
    last: object = None
    while time.monotonic() < deadline_s:
        check()
        try:
            if probe():
                return
            last = "not yet"
        except (OSError, HTTPException, subprocess.CalledProcessError, KubectlError) as error:
            last = error
        time.sleep(0.1)
    words = what if isinstance(what, str) else what()
    raise TimeoutError(f"{words}: not within {seconds:g} s ({last})")


class KubectlError(Exception):
    """What kubectl said when it failed."""


def tail(path: Path, lines: int = 12) -> str:
    """The end of a log."""
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else ""


def end_with_parent() -> None:
    """For a child: get SIGTERM when the test run is gone, however it ended."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
