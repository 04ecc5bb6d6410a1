"""How much memory this process may really use: within its cgroup limit, not what the host has."""

from __future__ import annotations

from pathlib import Path

import psutil

_CGROUP = Path("/sys/fs/cgroup")
_UNLIMITED_BYTES = 1 << 60
"""Version 1 of control groups writes a number beyond any machine where there is no limit."""


def memory_limit_bytes(cgroup: Path = _CGROUP, own: Path = Path("/proc/self/cgroup")) -> int | None:
    """The memory limit of the control group this process runs in, the tightest up its tree; None when unlimited."""
    limits = [limit for folder in _groups(cgroup, own) if (limit := _limit_of(folder)) is not None]
    return min(limits, default=None)


def available_memory_bytes() -> int:
    """Memory that can still be taken, within the control group's limit."""
    available = psutil.virtual_memory().available
    limit = memory_limit_bytes()
    return available if limit is None else min(available, limit)


def _groups(cgroup: Path, own: Path) -> set[Path]:
    groups = {cgroup, cgroup / "memory"}
    for line in _read(own).splitlines():
        _, controllers, path = line.split(":", 2)
        here = (cgroup / "memory" if "memory" in controllers.split(",") else cgroup) / path.lstrip("/")
        groups.update(folder for folder in [here, *here.parents] if folder.is_relative_to(cgroup))
    return groups


def _limit_of(folder: Path) -> int | None:
    for name in ("memory.max", "memory.limit_in_bytes"):
        text = _read(folder / name).strip()
        if text.isdigit() and int(text) < _UNLIMITED_BYTES:
            return int(text)
    return None


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
