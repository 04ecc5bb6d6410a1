"""The NVIDIA devices of this machine, as its driver lists them. No CUDA is loaded for it."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass

_GPU = re.compile(r"GPU \d+: (?P<name>.+) \(UUID: (?P<id>GPU-[^)]+)\)")
_PARTITION = re.compile(r"\s+MIG (?P<name>.+?)\s+Device\s+\d+: \(UUID: (?P<id>MIG-[^)]+)\)")
_PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class NvidiaDevice:
    """A GPU, or a `partition` of one. `memory_mb` (10^6 bytes) is that of the whole GPU, 0 when the driver does not say."""

    id: str
    name: str
    memory_mb: int
    partition: bool = False


def nvidia_devices() -> tuple[NvidiaDevice, ...]:
    """GPUs and their partitions in the driver's order; none where there is no driver."""
    if shutil.which("nvidia-smi") is None:
        return ()
    memory = {}
    for line in _answer("--query-gpu=uuid,memory.total", "--format=csv,noheader,nounits").splitlines():
        identity, _, mebibytes = line.partition(",")
        if mebibytes.strip().isdigit():
            memory[identity.strip()] = round(int(mebibytes) * 1.048576)
    return parse_list(_answer("-L"), memory)


def parse_list(listing: str, memory_mb: dict[str, int]) -> tuple[NvidiaDevice, ...]:
    """The devices in the text of `nvidia-smi -L`, given each GPU's memory."""
    devices: list[NvidiaDevice] = []
    of_gpu = 0
    for line in listing.splitlines():
        if found := _GPU.match(line):
            of_gpu = memory_mb.get(found["id"], 0)
            devices.append(NvidiaDevice(found["id"], found["name"], of_gpu))
        elif found := _PARTITION.match(line):
            devices.append(NvidiaDevice(found["id"], found["name"], of_gpu, partition=True))
    return tuple(devices)


def _answer(*arguments: str) -> str:
    try:
        answer = subprocess.run(["nvidia-smi", *arguments], capture_output=True, text=True, timeout=_PATIENCE_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout if answer.returncode == 0 else ""
