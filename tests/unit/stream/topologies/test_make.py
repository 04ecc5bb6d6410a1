"""What each topology asks of this machine, and what it gives its pods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from camslice.engine.nvidia import NvidiaDevice
from camslice.fleet.errors import FleetError, MachineError
from camslice.fleet.types import Backend, CameraSpec, Fleet, Topology
from camslice.stream.topologies import make
from camslice.stream.topologies.make import make_sharing
from camslice.stream.topologies.sharing import Door, Sharing
from tests.behaviour.running import scene_camera, scene_fleet

CARD = NvidiaDevice("GPU-1", "a card", 16_000)
PARTITIONS = (NvidiaDevice("MIG-1", "1g.5gb", 40_000, partition=True), NvidiaDevice("MIG-2", "1g.5gb", 40_000, partition=True))


def fleet_of(cameras: int, topology: Topology, device: str | None = None, **changes: object) -> Fleet:
    fleet = scene_fleet([scene_camera(f"c{i}") for i in range(cameras)])
    models = {name: replace(model, device=device) for name, model in fleet.models.items()}
    fleet = replace(fleet, models=models)
    return replace(fleet, topology=topology, **changes)  # type: ignore[arg-type]  # keys of Fleet, by name


def pods_of(sharing: Sharing, cameras: Sequence[CameraSpec]) -> int:
    return len(sharing.place(cameras, {}).pods)


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make, "usable_cores", lambda: 2.0)
    monkeypatch.setattr(make, "nvidia_devices", lambda: ())


@pytest.mark.parametrize(
    ("cameras", "changes", "pods", "threads"),
    [
        (1, {}, 1, 2),
        (2, {}, 2, 1),
        (54, {}, 54, 1),
        (54, {"streams_per_pod": 10}, 6, 1),
    ],
)
def test_sliced_pods_share_the_cores(cameras: int, changes: dict[str, object], pods: int, threads: int) -> None:
    fleet = fleet_of(cameras, Topology.SLICED, **changes)
    sharing = make_sharing(fleet)
    assert pods_of(sharing, fleet.cameras) == pods
    assert sharing.pod(0, pods).threads == threads
    assert sharing.engine is None


def test_a_pod_that_comes_later_gets_its_share_of_the_cores_by_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make, "usable_cores", lambda: 16.0)
    sharing = make_sharing(fleet_of(1, Topology.SLICED))
    assert (sharing.pod(0, 1).threads, sharing.pod(15, 16).threads) == (16, 1)


def test_pooled_is_one_pod_with_every_core() -> None:
    fleet = fleet_of(20, Topology.POOLED)
    sharing = make_sharing(fleet)
    assert pods_of(sharing, fleet.cameras) == 1
    assert sharing.pod(0, 1).threads == 2


def test_pooled_with_workers_has_its_engine_in_a_process_behind_slots() -> None:
    fleet = fleet_of(20, Topology.POOLED, workers=3)
    sharing = make_sharing(fleet)
    assert pods_of(sharing, fleet.cameras) == 3
    assert sharing.engine is not None
    assert (sharing.engine.door, sharing.engine.threads) == (Door.SLOTS, 2)
    assert sharing.pod(0, 1).threads == 1


def test_remote_has_a_server_and_no_more_workers_than_cores() -> None:
    fleet = fleet_of(20, Topology.REMOTE)
    sharing = make_sharing(fleet)
    assert pods_of(sharing, fleet.cameras) == 2
    assert sharing.engine is not None
    assert sharing.engine.door is Door.OIP
    assert pods_of(make_sharing(replace(fleet, workers=5)), fleet.cameras) == 5


def test_dedicated_takes_one_stream_on_a_machine_without_gpus_and_names_what_fits_more() -> None:
    assert make_sharing(fleet_of(1, Topology.DEDICATED)).pod(0, 1).threads == 2
    fleet = fleet_of(2, Topology.DEDICATED)
    with pytest.raises(FleetError, match="2 streams a device of its own, and this machine has 1; use pooled, sliced or remote"):
        make_sharing(fleet).place(fleet.cameras, {})


def test_dedicated_gives_each_stream_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make, "nvidia_devices", lambda: (CARD, replace(CARD, id="GPU-2")))
    fleet = fleet_of(2, Topology.DEDICATED, "cuda")
    sharing = make_sharing(fleet)
    assert pods_of(sharing, fleet.cameras) == 2
    assert [sharing.pod(number, 2).environment for number in (0, 1)] == [
        {"CUDA_VISIBLE_DEVICES": "GPU-1"},
        {"CUDA_VISIBLE_DEVICES": "GPU-2"},
    ]


def test_mps_needs_a_gpu_and_the_service() -> None:
    with pytest.raises(MachineError, match="mps shares an NVIDIA GPU, and this machine has none"):
        make_sharing(fleet_of(2, Topology.MPS))


def test_mps_needs_the_service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(make, "nvidia_devices", lambda: (CARD,))
    monkeypatch.setenv("CUDA_MPS_PIPE_DIRECTORY", str(tmp_path))
    with pytest.raises(MachineError, match="it does not run; start nvidia-cuda-mps-control"):
        make_sharing(fleet_of(2, Topology.MPS))
    (tmp_path / "control").touch()
    pod = make_sharing(fleet_of(4, Topology.MPS, "cuda")).pod(3, 4)
    assert pod.environment == {"CUDA_MPS_ACTIVE_THREAD_PERCENTAGE": "25", "CUDA_MPS_PINNED_DEVICE_MEM_LIMIT": "0=4000M"}
    with pytest.raises(MachineError, match="at most 48 pods on a GPU, and this fleet has 49"):
        make_sharing(fleet_of(49, Topology.MPS, "cuda"))
    with pytest.raises(FleetError, match="no model of this fleet runs on one; set `device: cuda`"):
        make_sharing(fleet_of(2, Topology.MPS))


def test_mig_needs_partitions_and_one_for_each_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make, "nvidia_devices", lambda: (CARD,))
    with pytest.raises(MachineError, match="cut into partitions"):
        make_sharing(fleet_of(2, Topology.MIG))
    monkeypatch.setattr(make, "nvidia_devices", lambda: PARTITIONS)
    fleet = fleet_of(2, Topology.MIG, "cuda")
    sharing = make_sharing(fleet)
    assert pods_of(sharing, fleet.cameras) == 2
    assert sharing.pod(1, 2).environment == {"CUDA_VISIBLE_DEVICES": "MIG-2"}
    with pytest.raises(FleetError, match="a partition for each of 3 pods, and this GPU has 2"):
        sharing.place([*fleet.cameras, scene_camera("third")], {})


def test_threads_may_be_capped() -> None:
    assert make_sharing(fleet_of(1, Topology.POOLED), threads=1).pod(0, 1).threads == 1


def test_pooled_has_a_pod_for_each_gpu_and_no_workers_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make, "nvidia_devices", lambda: (CARD, replace(CARD, id="GPU-2")))
    fleet = fleet_of(60, Topology.POOLED, "cuda")
    sharing = make_sharing(fleet)
    assert pods_of(sharing, fleet.cameras) == 2
    assert sharing.engine is None
    with pytest.raises(FleetError, match="workers cannot be shared"):
        make_sharing(replace(fleet, workers=2))


@pytest.mark.parametrize(("cameras", "fps", "workers"), [(20, 25.0, 0), (41, 25.0, 2), (200, 25.0, 2)])
def test_workers_are_chosen_from_the_load(cameras: int, fps: float, workers: int) -> None:
    fleet = scene_fleet([scene_camera(f"c{i}", fps) for i in range(cameras)])
    assert make.chosen_workers(fleet) == workers


@pytest.mark.parametrize(
    ("cameras", "recall", "policy", "cores", "workers"),
    [
        (24, 0.97, "auto", 2.0, 0),
        (25, 0.97, "auto", 2.0, 2),
        (25, 1.0, "auto", 2.0, 0),
        (25, 0.97, "full", 2.0, 0),
        (25, 1.0, "carry-1", 8.0, 2),
        (100, 0.97, "auto", 8.0, 5),
        (100, 0.97, "auto", 1.0, 0),
    ],
)
def test_where_regions_are_looked_at_fewer_frames_make_workers_worth_while(
    monkeypatch: pytest.MonkeyPatch, cameras: int, recall: float, policy: str, cores: float, workers: int
) -> None:
    monkeypatch.setattr(make, "usable_cores", lambda: cores)
    fleet = scene_fleet([scene_camera(f"c{i}", 5.0) for i in range(cameras)])
    assert make.chosen_workers(replace(fleet, objective=replace(fleet.objective, recall=recall), policy=policy)) == workers


def test_workers_are_not_chosen_where_their_slots_would_be_of_no_use() -> None:
    fleet = scene_fleet([scene_camera(f"c{i}", 25.0) for i in range(200)])
    models = {name: replace(model, backend=Backend.ULTRALYTICS) for name, model in fleet.models.items()}
    assert make.chosen_workers(replace(fleet, models=models)) == 0
