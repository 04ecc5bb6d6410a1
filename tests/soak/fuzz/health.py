"""What a server holds: memory, open files, threads."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True, slots=True)
class Health:
    pss_mb: float
    files: int
    threads: int


def health(pid: int) -> Health:
    """Of one process."""
    process = psutil.Process(pid)
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    pss = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
    assert pss is not None
    return Health(int(pss.group(1)) * 1024 / 1e6, process.num_fds(), process.num_threads())
