"""What processor this is: figures of speed mean nothing on another."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from camslice.engine.threads import usable_cores

FEATURES = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16", "asimd", "bf16", "i8mm")
"""What speeds a detector up on a processor, by the names of /proc/cpuinfo."""


def cpu_model(cpuinfo: str | None = None) -> str:
    """The processor's name as the kernel knows it, else its architecture."""
    names = _cpuinfo(cpuinfo)
    return names.get("model name") or names.get("Model") or platform.processor() or platform.machine()


def cpu_features(cpuinfo: str | None = None) -> tuple[str, ...]:
    """Those of `FEATURES` that the processor has."""
    names = _cpuinfo(cpuinfo)
    flags = set((names.get("flags") or names.get("Features") or "").split())
    return tuple(feature for feature in FEATURES if feature in flags)


def machine_key() -> str:
    """A hash of what decides which precision is the fastest: processor, its features, usable cores, OpenVINO's version."""
    decisive = cpu_model(), cpu_features(), f"{usable_cores():g}", version("openvino")
    return hashlib.sha256(repr(decisive).encode()).hexdigest()[:12]


def _cpuinfo(text: str | None) -> Mapping[str, str]:
    """The first processor's lines of /proc/cpuinfo."""
    first = (_read(Path("/proc/cpuinfo")) if text is None else text).partition("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
