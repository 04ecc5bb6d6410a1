"""Which topology a fleet asks for, made for this machine: the one place that knows them all."""

from __future__ import annotations

import math
import os
from pathlib import Path

from camslice.engine.nvidia import nvidia_devices
from camslice.engine.threads import inference_threads, usable_cores
from camslice.fleet.errors import FleetError, MachineError
from camslice.fleet.types import Backend, Fleet, Topology
from camslice.stream.topologies.dedicated import Dedicated
from camslice.stream.topologies.mig import Mig
from camslice.stream.topologies.mps import MAX_CLIENTS, Mps
from camslice.stream.topologies.placing import filled
from camslice.stream.topologies.pooled import Pooled
from camslice.stream.topologies.remote import Remote
from camslice.stream.topologies.sharing import Sharing, Threads
from camslice.stream.topologies.sliced import Sliced
from camslice.stream.topologies.workers import workers_for
from camslice.stream.watching.steward import steward_of

_SEVERAL = 2
_IN_SLOTS = (Backend.OPENVINO, Backend.ONNXRUNTIME)
"""What computes on the planes that workers scale into the slots of an engine process."""
_ON_GPU = ("cuda", "tensorrt", "gpu")
_MPS_PIPES = "/tmp/nvidia-mps"  # noqa: S108 (where the service's clients look by default)


def make_sharing(fleet: Fleet, *, threads: int | None = None) -> Sharing:
    """The fleet's topology on this machine; `threads` caps those of each engine.

    Raises MachineError in one sentence where the hardware for it is missing, FleetError where the cameras do not fit.
    """
    shared = Threads(inference_threads(usable_cores()), threads)
    match fleet.topology:
        case Topology.POOLED:
            return _pooled(fleet, shared)
        case Topology.REMOTE:
            return Remote(shared, max(1, chosen_workers(fleet)))
        case Topology.DEDICATED:
            return Dedicated(shared, _gpus(fleet))
        case Topology.MPS:
            return _mps(fleet, shared)
        case Topology.MIG:
            return _mig(fleet, shared)
        case Topology.SLICED:
            return Sliced(shared, fleet.streams_per_pod, _gpus(fleet))


def chosen_workers(fleet: Fleet) -> int:
    """The decoding processes that the fleet declares, or with `auto` those that its load makes worth while."""
    if fleet.workers is not None:
        return fleet.workers
    cores = usable_cores()
    match fleet.topology:
        case Topology.REMOTE:  # as many worker pods as cores, but no more than cameras
            return min(len(fleet.cameras), math.ceil(cores))
        case Topology.POOLED:
            in_regions = steward_of(fleet.objective, fleet.policy, fleet.pace) is not None
            if len(_gpus(fleet)) >= _SEVERAL or any(model.backend not in _IN_SLOTS for model in fleet.models.values()):
                return 0
            return workers_for(fleet.cameras, fleet.pace, cores, in_regions=in_regions)
    return 0


def _pooled(fleet: Fleet, threads: Threads) -> Pooled:
    workers, gpus = chosen_workers(fleet), _gpus(fleet)
    if workers and len(gpus) >= _SEVERAL:
        raise FleetError(
            f"topology: pooled has a pod for each of the {len(gpus)} GPUs here, and workers cannot be shared by several; "
            "set workers: 0, or show each run one GPU (CUDA_VISIBLE_DEVICES)."
        )
    return Pooled(threads, workers, gpus)


def _gpus(fleet: Fleet) -> tuple[str, ...]:
    """The GPUs that pods are spread over: none where the models run on the processor."""
    return tuple(device.id for device in nvidia_devices() if not device.partition) if _on_gpu(fleet) else ()


def _on_gpu(fleet: Fleet) -> bool:
    return any((model.device or "").lower().startswith(_ON_GPU) for model in fleet.models.values())


def _mps(fleet: Fleet, threads: Threads) -> Mps:
    gpus = [device for device in nvidia_devices() if not device.partition]
    pods = max(1, len(set(filled(fleet.cameras, {}, fleet.streams_per_pod).values())))
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
    _refuse_models_on_the_processor(fleet)
    return Mps(threads, fleet.streams_per_pod, pods, gpus[0].memory_mb)


def _mig(fleet: Fleet, threads: Threads) -> Mig:
    partitions = tuple(device.id for device in nvidia_devices() if device.partition)
    if not partitions:
        raise MachineError(
            "topology: mig needs a GPU that is cut into partitions (A100, A30, H100 or newer, with MIG switched on), and this "
            "machine has none; use pooled or sliced."
        )
    _refuse_models_on_the_processor(fleet)
    return Mig(threads, fleet.streams_per_pod, partitions)


def _refuse_models_on_the_processor(fleet: Fleet) -> None:
    if not _on_gpu(fleet):
        raise FleetError(
            f"topology: {fleet.topology} shares a GPU, and no model of this fleet runs on one; set `device: cuda` (and "
            "`engine: onnxruntime`) for its models, or use pooled or sliced."
        )
