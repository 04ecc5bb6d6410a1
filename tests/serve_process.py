"""`camslice serve` as a user runs it: a process of its own, on free ports."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

PATIENCE_S = 60.0


class ServeProcess:
    """A running server, as a context manager. `grpc` and `http` are its addresses, `pid` is its process."""

    def __init__(self, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        usual = () if "--grpc" in arguments else ("--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0")
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed when the process is)
        self._process = subprocess.Popen(
            [Path(sys.executable).parent / "camslice", "serve", *arguments, *usual, "--json"],
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=os.environ | {"NO_COLOR": "1"} | dict(environment or {}),
        )
        self.grpc, self.http, self.pid = "", "", self._process.pid

    def __enter__(self) -> ServeProcess:
        until_s = time.monotonic() + PATIENCE_S
        while not re.search(r"^serving ", self.log(), re.MULTILINE):
            assert self._process.poll() is None, self.log()
            assert time.monotonic() < until_s, self.log()
            time.sleep(0.05)
        self.grpc, self.http = (_after(word, self.log()) for word in ("gRPC: ", "HTTP: "))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()
        self._log.close()

    def end(self, how: signal.Signals = signal.SIGTERM, patience_s: float = 10.0) -> tuple[int, dict[str, Any]]:
        """Ask it to stop; its exit code and what it printed."""
        self._process.send_signal(how)
        printed, _ = self._process.communicate(timeout=patience_s)
        return self._process.returncode, json.loads(printed)

    def log(self) -> str:
        """What it has written on standard error."""
        self._log.seek(0)
        return self._log.read()


def _after(word: str, text: str) -> str:
    found = re.search(rf"^{word}(\S+)", text, re.MULTILINE)
    return found.group(1) if found else ""
