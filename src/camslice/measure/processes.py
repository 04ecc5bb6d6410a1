"""What a group of processes takes: memory as PSS, so that shared pages count once, and cores in use."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import psutil

_MEMORY_EVERY_S = 5.0


def pss_mb(pids: Sequence[int]) -> float:
    """PSS in MB (10^6 bytes) summed over the processes that still run; resident size where the system knows no PSS."""
    return sum(_pss_bytes(pid) for pid in pids) / 1e6


class Usage:
    """Memory and cores of a changing group of processes. Thread-safe; memory is read at most every five seconds,
    because the kernel walks every page for it."""

    def __init__(self, pids: Sequence[int]) -> None:
        """What `pids` used so far does not count; a process that joins later counts from its start."""
        self._lock = threading.Lock()
        self._memory_mb = 0.0
        self._memory_at_s = -_MEMORY_EVERY_S
        self._cpu_s = {pid: _cpu_s(pid) for pid in pids}
        self._used_s = 0.0
        self._started_s = time.monotonic()

    def memory_mb(self, pids: Sequence[int], *, fresh: bool = False) -> float:
        """PSS in MB, now if `fresh`."""
        with self._lock:
            now = time.monotonic()
            if fresh or now - self._memory_at_s >= _MEMORY_EVERY_S:
                self._memory_mb, self._memory_at_s = pss_mb(pids), now
            return self._memory_mb

    def cpu_cores(self, pids: Sequence[int]) -> float:
        """Cores in use on average since the start, ended processes included as far as they were seen."""
        with self._lock:
            for pid in pids:
                spent_s = _cpu_s(pid)
                self._used_s += max(0.0, spent_s - self._cpu_s.get(pid, 0.0))
                self._cpu_s[pid] = max(spent_s, self._cpu_s.get(pid, 0.0))
            return self._used_s / max(1e-3, time.monotonic() - self._started_s)


def _pss_bytes(pid: int) -> int:
    try:
        process = psutil.Process(pid)
        info = process.memory_full_info()
        return int(getattr(info, "pss", info.rss))
    except psutil.AccessDenied:
        return int(psutil.Process(pid).memory_info().rss)
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return 0


def _cpu_s(pid: int) -> float:
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)
