"""Running a package manager's download in a folder, with progress by what has arrived there."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from camslice.fleet.secrets import redact
from camslice.models.progress import Advance, Progress
from camslice.models.sources.protocol import SourceFailedError

STALLED_AFTER_S = 90.0
_LOOK_EVERY_S = 0.2


def run_download(
    command: Sequence[str], folder: Path, *, what: str, total_bytes: int, env: Mapping[str, str], progress: Progress
) -> None:
    """Run `command` in `folder` until it is done. Raises SourceFailedError when it fails, is missing, or makes no headway."""
    log = folder / "log.txt"
    with log.open("wb") as output, progress.fetching(what, total_bytes) as advance:
        try:
            process = subprocess.Popen(
                command, cwd=folder, env=dict(env), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
        except OSError as error:
            raise SourceFailedError(f"{command[0]} cannot be started ({error.strerror})") from error
        try:
            _watch(process, folder, advance)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    if process.returncode != 0:
        raise SourceFailedError(_last_words(log))


def _watch(process: subprocess.Popen[bytes], folder: Path, advance: Advance) -> None:
    size_bytes, grew_at = 0, time.monotonic()
    while True:
        try:
            process.wait(_LOOK_EVERY_S)
            return
        except subprocess.TimeoutExpired:
            now_bytes = _size_of(folder)
        if now_bytes != size_bytes:
            size_bytes, grew_at = now_bytes, time.monotonic()
            advance(size_bytes)
        elif time.monotonic() - grew_at > STALLED_AFTER_S:
            raise SourceFailedError(f"nothing arrived for {STALLED_AFTER_S:.0f} s")


def _size_of(folder: Path) -> int:
    total_bytes = 0
    for path in folder.rglob("*"):
        try:
            total_bytes += path.stat().st_size
        except FileNotFoundError:  # the program moved it meanwhile
            continue
    return total_bytes


def _last_words(log: Path) -> str:
    """The program's last complaint, without credentials that an index address may hold."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    complaints = [line for line in lines if line.lower().startswith(("error", "e:"))] or lines or ["it failed without a word"]
    return redact(complaints[-1])
