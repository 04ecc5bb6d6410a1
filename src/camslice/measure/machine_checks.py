"""What doctor looks at on the machine itself: processor, memory, disk, GPU, cluster."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import psutil

from camslice.engine.memory import available_memory_bytes, memory_limit_bytes
from camslice.engine.processor import cpu_features, cpu_model
from camslice.engine.threads import cgroup_quota, usable_cores
from camslice.measure.checks import Check
from camslice.measure.machine import nvidia_devices
from camslice.models.cache import cache_folder

_LEAST_MEMORY_MB = 1_000
_LEAST_SHARED_MB = 64
_LEAST_CACHE_MB = 500
_DEV_SHM = Path("/dev/shm")  # noqa: S108 - looked at, not written to
_OLDEST_PYTHON = (3, 11)


def python() -> Check:
    """The interpreter."""
    fix = None if sys.version_info >= _OLDEST_PYTHON else "Install Python 3.11 or newer."
    return Check.of("python", f"{platform.python_version()} ({platform.python_implementation()})", fix=fix)


def processor() -> Check:
    """Cores that may really be used, and what helps a detector."""
    cores, quota = usable_cores(), cgroup_quota()
    limit = "no quota" if quota is None else f"a quota of {quota:g}"
    features = ", ".join(cpu_features()) or "none of the features that speed detectors up"
    fix = None if cores >= 1 else "Give the container at least one core (docker run --cpus, resources.limits.cpu)."
    return Check.of("processor", f"{cpu_model()}: {cores:g} of {os.cpu_count()} cores usable ({limit}); {features}", fix=fix)


def memory() -> Check:
    """Memory within the control group's limit."""
    total, limit, available = psutil.virtual_memory().total, memory_limit_bytes(), available_memory_bytes()
    within = "no limit" if limit is None else f"limited to {limit / 1e6:,.0f} MB"
    fix = None if available >= _LEAST_MEMORY_MB * 1e6 else f"Free memory or raise the limit to {_LEAST_MEMORY_MB:,} MB or more."
    return Check.of("memory", f"{available / 1e6:,.0f} MB available of {total / 1e6:,.0f} MB ({within})", fix=fix)


def shared_memory() -> Check:
    """Where frames lie that several processes read."""
    chosen = os.environ.get("CAMSLICE_SHM_DIR")
    if chosen is None and hasattr(os, "memfd_create"):
        return Check.of("shared memory", f"anonymous memory, in need of no folder ({_of_dev_shm()})", fix=None)
    folder = Path(chosen) if chosen else _DEV_SHM
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        return Check.of("shared memory", f"{folder} is no folder to write to", fix="Set CAMSLICE_SHM_DIR to one that is.")
    free_mb = shutil.disk_usage(folder).free / 1e6
    fix = None if free_mb >= _LEAST_SHARED_MB else f"Make {folder} larger (docker run --shm-size=256m)."
    return Check.of("shared memory", f"{folder}: {free_mb:,.0f} MB free", fix=fix)


def cache_disk() -> Check:
    """Room for models and clips."""
    folder = cache_folder()
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not os.access(existing, os.W_OK):
        return Check.of("cache", f"{folder} cannot be written to", fix="Set CAMSLICE_CACHE to a folder that can.")
    free_mb = shutil.disk_usage(existing).free / 1e6
    fix = None if free_mb >= _LEAST_CACHE_MB else f"Free {_LEAST_CACHE_MB} MB, or set CAMSLICE_CACHE to a folder with room."
    return Check.of("cache", f"{folder}: {free_mb:,.0f} MB free", fix=fix)


def gpu() -> Check:
    """NVIDIA devices, and whether their driver answers."""
    devices = nvidia_devices()
    program = shutil.which("nvidia-smi")
    if not devices and program is None:
        return Check.of("gpu", "none; models run on the processor", fix=None)
    names = _gpu_names(program) if program else []
    if names:
        return Check.of("gpu", "; ".join(names), fix=None)
    found = ", ".join(devices) or "nvidia-smi without a device"
    return Check.of("gpu", f"{found}, but the driver does not answer", fix="Install the NVIDIA driver, or run without the GPU.")


def cluster() -> Check:
    """Whether a cluster may be within reach. Nothing is asked: `doctor --cluster` does."""
    program = "kubectl found" if shutil.which("kubectl") else "no kubectl"
    config = Path(os.environ.get("KUBECONFIG") or "~/.kube/config").expanduser()
    known = "a" if config.exists() else "no"
    return Check.of("cluster", f"{program}, {known} kubeconfig; `doctor --cluster` looks at it", fix=None)


def _of_dev_shm() -> str:
    return f"{_DEV_SHM}: {shutil.disk_usage(_DEV_SHM).free / 1e6:,.0f} MB free" if _DEV_SHM.is_dir() else f"no {_DEV_SHM}"


def _gpu_names(program: str) -> list[str]:
    try:
        answer = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.partition(" (UUID")[0] for line in answer.splitlines() if line.startswith("GPU")]
