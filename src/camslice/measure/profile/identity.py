"""What a profile says of this machine and of the model as it ran here."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import cast

from camslice.engine.memory import available_memory_bytes
from camslice.engine.nvidia import nvidia_devices
from camslice.engine.protocol import EngineInfo
from camslice.fleet.profile import CPU, ProfiledMachine, ProfiledModel
from camslice.measure.machine import fingerprint
from camslice.measure.profile.cpu_family import cpu_family, physical_cores
from camslice.measure.profile.subject import Subject

_ON_GPU = ("cuda", "tensorrt", "gpu")


def this_machine(device: str) -> ProfiledMachine:
    """The machine, and its accelerator if the engine's `device` is one."""
    found = fingerprint()
    family = cpu_family()
    gpus = [each for each in nvidia_devices() if not each.partition] if device.lower().startswith(_ON_GPU) else []
    accelerator = gpus[0].name if gpus else CPU
    usable = cast("float", found["usable_cores"])
    with_accelerator = f", {len(gpus)} x {accelerator}" if gpus else ""
    return ProfiledMachine(
        name=f"{usable:g} vCPU of {family}{with_accelerator}",
        cpu=cast("str", found["cpu"]),
        cpu_family=family,
        architecture=platform.machine(),
        accelerator=accelerator,
        accelerators=len(gpus),
        accelerator_memory_mb=float(gpus[0].memory_mb) if gpus else None,
        vcpu=cast("int", found["cores"]),
        physical_cores=physical_cores(),
        usable_cores=usable,
        memory_mb=float(cast("int", found["memory_limit_mb"] or found["memory_mb"])),
        cpu_features=tuple(cast("list[str]", found["cpu_features"])),
        os=cast("str", found["os"]),
        versions=cast("Mapping[str, str | None]", found["versions"]),
    )


def as_it_ran(subject: Subject, engine: EngineInfo) -> ProfiledModel:
    """The model and the engine that computed it."""
    return ProfiledModel(
        subject.info.name,
        engine.backend,
        subject.info.sha256,
        engine.device,
        engine.precision,
        engine.input_width,
        engine.input_height,
        engine.max_batch,
        engine.threads,
        subject.spec.classes,
    )


def available_memory_mb() -> float:
    """Memory that can still be taken here."""
    return available_memory_bytes() / 1e6
