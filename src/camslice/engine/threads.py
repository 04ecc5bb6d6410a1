"""How many cores this process may really use: its affinity and its cgroup quota, not what the host has.

A container with a quota of two cores on a 64-core host that starts 64 threads is throttled to a crawl; every thread pool
of camslice is sized from here.
"""

from __future__ import annotations

import math
import os
from contextlib import suppress
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def usable_cores(cgroup: Path = _CGROUP) -> float:
    """Cores this process may keep busy: the smallest of its CPU affinity, its cgroup quota (v2 or v1), and CAMSLICE_CPUS.

    That variable is for pods that ask for a share of a node and have no quota: a quota would throttle them while cores idle.
    """
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limits = [float(affinity)]
    if (quota := cgroup_quota(cgroup)) is not None:
        limits.append(quota)
    with suppress(KeyError, ValueError):
        limits.append(float(os.environ["CAMSLICE_CPUS"]))
    return max(0.1, min(limits))


def inference_threads(cores: float | None = None) -> int:
    """Threads an engine should start: one per usable core, at least one."""
    return max(1, math.floor((usable_cores() if cores is None else cores) + 0.5))


def cgroup_quota(cgroup: Path = _CGROUP) -> float | None:
    """The quota in cores of the control group this process runs in, the tightest up its tree; None when unlimited."""
    quotas = [quota for folder in _folders(cgroup) if (quota := _quota_of(folder)) is not None]
    return min(quotas, default=None)


def _folders(cgroup: Path) -> list[Path]:
    """The control group's folder and its parents; inside a container the mount's root is the group itself."""
    folders = {cgroup, cgroup / "cpu"}
    for line in _read(Path("/proc/self/cgroup")).splitlines():
        _, controllers, path = line.split(":", 2)
        root = cgroup if not controllers else cgroup / controllers
        here = root / path.lstrip("/")
        folders.update(folder for folder in [here, *here.parents] if folder.is_relative_to(cgroup))
    return sorted(folders)


def _quota_of(folder: Path) -> float | None:
    v2 = _read(folder / "cpu.max").split()
    if len(v2) == 2:
        return None if v2[0] == "max" else int(v2[0]) / int(v2[1])
    quota = _read(folder / "cpu.cfs_quota_us").strip()
    period = _read(folder / "cpu.cfs_period_us").strip()
    if quota and period and int(quota) > 0:
        return int(quota) / int(period)
    return None


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
