"""Which topology a fleet asks for, made for this machine: the one place that knows them all."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path

from camslice.engine.nvidia import NvidiaDevice, nvidia_devices
from camslice.engine.threads import inference_threads, usable_cores
from camslice.fleet.errors import MachineError
from camslice.fleet.types import Fleet, Topology
from camslice.stream.topologies.dedicated import Dedicated
from camslice.stream.topologies.mig import Mig
from camslice.stream.topologies.mps import MAX_CLIENTS, Mps
from camslice.stream.topologies.placing import filled
from camslice.stream.topologies.pooled import Pooled
from camslice.stream.topologies.remote import Remote
from camslice.stream.topologies.sharing import Sharing
from camslice.stream.topologies.sliced import Sliced
from camslice.stream.topologies.workers import workers_for

_ON_GPU = ("cuda", "tensorrt", "gpu")
_MPS_PIPES = "/tmp/nvidia-mps"  # noqa: S108 (where the service's clients look by default)


def make_sharing(fleet: Fleet, *, threads: int | None = None) -> Sharing:
    """The fleet's topology on this machine; `threads` caps those of each engine.

    Raises MachineError in one sentence where the hardware for it is missing, FleetError where the cameras do not fit.
    """
    cores = usable_cores()
    whole = threads or inference_threads(cores)
    match fleet.topology:
        case Topology.POOLED:
            workers = workers_for(fleet.cameras, fleet.pace, cores) if fleet.workers is None else fleet.workers
            return Pooled(whole, workers, _gpus(fleet))
        case Topology.REMOTE:
            return Remote(whole, max(1, _remote_workers(fleet, cores)))
        case Topology.DEDICATED:
            return Dedicated(whole, _gpus(fleet))
    pods = max(1, len(set(filled(fleet.cameras, {}, fleet.streams_per_pod).values())))
    share = threads or max(1, inference_threads(cores) // pods)
    match fleet.topology:
        case Topology.MPS:
            return _mps(nvidia_devices(), share, fleet.streams_per_pod, pods)
        case Topology.MIG:
            return _mig(nvidia_devices(), share, fleet.streams_per_pod)
        case Topology.SLICED:
            return Sliced(share, fleet.streams_per_pod, _gpus(fleet))


def _remote_workers(fleet: Fleet, cores: float) -> int:
    """As many worker pods as cores, but no more than cameras."""
    return min(len(fleet.cameras), math.ceil(cores)) if fleet.workers is None else fleet.workers


def _gpus(fleet: Fleet) -> tuple[str, ...]:
    """The GPUs that pods are spread over: none where the models run on the processor."""
    if not any((model.device or "").lower().startswith(_ON_GPU) for model in fleet.models.values()):
        return ()
    return tuple(device.id for device in nvidia_devices() if not device.partition)


def _mps(devices: Sequence[NvidiaDevice], threads: int, streams_per_pod: int, pods: int) -> Mps:
    gpus = [device for device in devices if not device.partition]
    if not gpus:
        raise MachineError("topology: mps shares an NVIDIA GPU, and this machine has none; use pooled or sliced.")
    if not (Path(os.environ.get("CUDA_MPS_PIPE_DIRECTORY", _MPS_PIPES)) / "control").exists():
        raise MachineError(
            "topology: mps needs NVIDIA's Multi-Process Service, and it does not run; start nvidia-cuda-mps-control -d."
        )
    if pods > MAX_CLIENTS:
        raise MachineError(
            f"topology: mps takes at most {MAX_CLIENTS} pods on a GPU, and this fleet has {pods}; raise streams_per_pod."
        )
    return Mps(threads, streams_per_pod, pods, gpus[0].memory_mb)


def _mig(devices: Sequence[NvidiaDevice], threads: int, streams_per_pod: int) -> Mig:
    partitions = tuple(device.id for device in devices if device.partition)
    if not partitions:
        raise MachineError(
            "topology: mig needs a GPU that is cut into partitions (A100, A30, H100 or newer, with MIG switched on), and this "
            "machine has none; use pooled or sliced."
        )
    return Mig(threads, streams_per_pod, partitions)
