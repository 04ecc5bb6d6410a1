"""What this machine is: the fingerprint that every measurement carries, because its figures mean nothing without."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from camslice.engine.processor import cpu_features, cpu_model

LIBRARIES = ("camslice", "openvino", "onnxruntime", "av", "opencv-python-headless", "numpy")


def fingerprint() -> dict[str, object]:
    """The machine and the libraries as plain values for JSON. Memory in MB (10^6 bytes); None where there is no limit."""
    from camslice.engine.memory import memory_limit_bytes
    from camslice.engine.threads import cgroup_quota, usable_cores

    limit = memory_limit_bytes()
    return {
        "cpu": cpu_model(),
        "cpu_features": list(cpu_features()),
        "cores": os.cpu_count() or 1,
        "usable_cores": usable_cores(),
        "cpu_quota_cores": cgroup_quota(),
        "memory_mb": round(psutil.virtual_memory().total / 1e6),
        "memory_limit_mb": None if limit is None else round(limit / 1e6),
        "os": f"{platform.system()} {platform.release()} {platform.machine()}",
        "distribution": _distribution(),
        "python": platform.python_version(),
        "versions": library_versions(),
    }


def nvidia_devices() -> list[str]:
    """The NVIDIA devices that the kernel shows."""
    return sorted(path.name for path in Path("/dev").glob("nvidia[0-9]*"))


def library_versions() -> dict[str, str | None]:
    """Versions of the libraries that decide about speed and boxes; None for one that is not installed. Imports none of them."""
    return {name: _version(name) for name in LIBRARIES}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _distribution() -> str:
    if sys.platform != "linux":
        return platform.platform()
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    except OSError:
        return "Linux"
