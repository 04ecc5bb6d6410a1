"""The family of a processor, in the words in which catalogues of instance types speak of it."""

from __future__ import annotations

import platform
import re
from pathlib import Path

import psutil

_AMD = {
    (23, range(0x30)): "AMD Zen",
    (23, range(0x30, 0x100)): "AMD Zen 2",
    (25, range(0x10)): "AMD Zen 3",
    (25, range(0x10, 0x20)): "AMD Zen 4",
    (25, range(0x20, 0x60)): "AMD Zen 3",
    (25, range(0x60, 0x80)): "AMD Zen 4",
    (25, range(0xA0, 0xB0)): "AMD Zen 4",
    (26, range(0x100)): "AMD Zen 5",
}
_INTEL = {
    79: "Intel Broadwell",
    106: "Intel Ice Lake",
    108: "Intel Ice Lake",
    143: "Intel Sapphire Rapids",
    207: "Intel Emerald Rapids",
    173: "Intel Granite Rapids",
}
_SKYLAKE_SERVER = 85
_ARM = {"0xd0c": "Arm Neoverse N1", "0xd40": "Arm Neoverse V1", "0xd49": "Arm Neoverse N2", "0xd4f": "Arm Neoverse V2"}


def cpu_family(cpuinfo: str | None = None) -> str:
    """The family by the numbers in /proc/cpuinfo (or the text given); the numbers themselves for one not known here."""
    lines = _first_processor(cpuinfo)
    vendor = lines.get("vendor_id", "")
    if "CPU part" in lines:
        part = lines["CPU part"]
        return _ARM.get(part, f"Arm part {part}")
    if not {"cpu family", "model"} <= lines.keys():
        return platform.machine()
    family, model, stepping = (int(lines.get(name, "0")) for name in ("cpu family", "model", "stepping"))
    unknown = f"{vendor or 'processor'} family {family} model {model}"
    if vendor == "AuthenticAMD":
        return next((name for (known, models), name in _AMD.items() if known == family and model in models), unknown)
    if vendor == "GenuineIntel" and family == 6:
        if model == _SKYLAKE_SERVER:  # three generations share this number
            return "Intel Skylake" if stepping <= 4 else "Intel Cascade Lake" if stepping <= 7 else "Intel Cooper Lake"
        return _INTEL.get(model, unknown)
    return unknown


def physical_cores() -> int | None:
    """Cores of this machine, hyper-threads not counted; None where the system does not say."""
    return psutil.cpu_count(logical=False)


def _first_processor(cpuinfo: str | None) -> dict[str, str]:
    if cpuinfo is None:
        try:
            cpuinfo = Path("/proc/cpuinfo").read_text()
        except OSError:
            return {}
    first = re.split(r"\n\s*\n", cpuinfo.strip(), maxsplit=1)[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}
