"""Whether this machine's memory holds all pods of a fleet, said before they are started and not by the kernel afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import psutil

from camslice.engine.memory import available_memory_bytes
from camslice.fleet.errors import MachineError
from camslice.stream.lives import PodStatus

_INSTEAD = "use fewer pods (more streams in each), or topology pooled"
SMALLEST_POD_MB = 45.0
"""What a pod takes for itself at the very least: an assumption, well below the 100 MB that YOLOX-nano was seen to take."""


def refuse_impossible_number(pods: int) -> None:
    """Raise MachineError, with the arithmetic, when not even the smallest pods would fit into the memory that is free."""
    free_mb = available_memory_bytes() / 1e6
    if pods > 1 and pods * SMALLEST_POD_MB > free_mb:
        raise MachineError(
            f"{pods} pods do not fit into memory: even the smallest take {SMALLEST_POD_MB:.0f} MB each, {pods} x "
            f"{SMALLEST_POD_MB:.0f} = {pods * SMALLEST_POD_MB:.0f} MB, and {free_mb:.0f} MB are free; {_INSTEAD}."
        )


def refuse_if_pods_do_not_fit(pods: Sequence[PodStatus]) -> None:
    """Raise MachineError, with the arithmetic, when the pods that do not run yet need more than there is.

    Each is taken to need what the first one has for itself alone; what processes share is there already.
    """
    first = next((pod for pod in pods if pod.pid is not None), None)
    missing = sum(pod.pid is None for pod in pods)
    if first is None or first.pid is None or not missing:
        return
    each_mb = private_mb(first.pid)
    free_mb = available_memory_bytes() / 1e6
    if missing * each_mb > free_mb:
        raise MachineError(
            f"{len(pods)} pods do not fit into memory: the first takes {each_mb:.0f} MB for itself, {missing} more need "
            f"{missing} x {each_mb:.0f} = {missing * each_mb:.0f} MB, and {free_mb:.0f} MB are free; "
            f"{_INSTEAD}."
        )


def private_mb(pid: int) -> float:
    """Memory in MB (10^6 bytes) that only this process has; 0 when it is gone."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return _unique_mb(pid)
    lines = (line.split() for line in rollup.splitlines() if line.startswith("Private_"))
    return sum(int(kibibytes) for _, kibibytes, *_ in lines) * 1024 / 1e6


def _unique_mb(pid: int) -> float:
    try:
        return float(psutil.Process(pid).memory_full_info().uss) / 1e6
    except psutil.Error:
        return 0.0
