"""What this machine is: the fingerprint that every measurement carries, because its figures mean nothing without."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

LIBRARIES = ("camslice", "openvino", "onnxruntime", "av", "opencv-python-headless", "numpy")
FEATURES = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16", "asimd", "bf16", "i8mm")
"""What speeds a detector up on a processor, by the names of /proc/cpuinfo."""


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


def cpu_model(cpuinfo: str | None = None) -> str:
    """The processor's name as the kernel knows it, else its architecture."""
    names = _cpuinfo(cpuinfo)
    return names.get("model name") or names.get("Model") or platform.processor() or platform.machine()


def cpu_features(cpuinfo: str | None = None) -> tuple[str, ...]:
    """Those of `FEATURES` that the processor has."""
    names = _cpuinfo(cpuinfo)
    flags = set((names.get("flags") or names.get("Features") or "").split())
    return tuple(feature for feature in FEATURES if feature in flags)


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


def _cpuinfo(text: str | None) -> Mapping[str, str]:
    """The first processor's lines of /proc/cpuinfo."""
    first = (_read(Path("/proc/cpuinfo")) if text is None else text).partition("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _distribution() -> str:
    if sys.platform != "linux":
        return platform.platform()
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    except OSError:
        return "Linux"


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
