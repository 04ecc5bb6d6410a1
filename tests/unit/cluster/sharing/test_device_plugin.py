"""What the NVIDIA device plugin is told, and what it cannot do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from camslice.cluster.objects import NodeShape, PodShape
from camslice.cluster.sharing.device_plugin import DevicePlugin
from camslice.fleet.errors import ClusterError
from camslice.fleet.types import Topology

PACKAGE = Path(__file__).parents[4] / "src" / "camslice"


def shape(topology: Topology, *counts: int, shares: int = 1, partition: str | None = None) -> NodeShape:
    pods = tuple(PodShape(f"p-{index}", count, 100, 400.0, shares, ()) for index, count in enumerate(counts))
    return NodeShape("s", "g4dn.xlarge", "us-east-1", "on_demand", 1, topology, 0.5, pods, partition=partition)


def test_time_slices_are_renamed_and_given_one_to_a_pod() -> None:
    shared = DevicePlugin().node(shape(Topology.SLICED, 20), 1)
    assert shared.config == {
        "version": "v1",
        "sharing": {
            "timeSlicing": {
                "renameByDefault": True,
                "failRequestsGreaterThanOne": True,
                "resources": [{"name": "nvidia.com/gpu", "replicas": 20}],
            }
        },
    }
    assert shared.labels == {"nvidia.com/gpu.present": "true", "nvidia.com/device-plugin.config": shared.config_name}
    assert shared.capacity(1) == {"nvidia.com/gpu.shared": 20}
    assert shared.capacity(4) == {"nvidia.com/gpu.shared": 80}


@pytest.mark.parametrize("topology", [Topology.SLICED, Topology.MPS])
@given(pods=some.lists(some.integers(1, 30), min_size=1, max_size=3), accelerators=some.sampled_from([1, 4, 8]))
def test_there_is_a_share_for_every_pod_and_less_than_one_per_accelerator_is_over(
    topology: Topology, pods: list[int], accelerators: int
) -> None:
    if topology is Topology.MPS and sum(pods) > 48 * accelerators:
        return
    given_out = DevicePlugin().node(shape(topology, *pods), accelerators).capacity(accelerators)["nvidia.com/gpu.shared"]
    assert sum(pods) <= given_out < sum(pods) + accelerators


def test_mps_says_so_on_the_node_and_takes_48_clients_of_a_gpu() -> None:
    shared = DevicePlugin().node(shape(Topology.MPS, 48), 1)
    assert shared.labels["nvidia.com/mps.capable"] == "true"
    assert shared.config is not None
    assert "mps" in shared.config["sharing"]
    assert "timeSlicing" not in shared.config["sharing"]
    with pytest.raises(ClusterError, match=r"at most 48 clients of a GPU, and 54 are planned"):
        DevicePlugin().node(shape(Topology.MPS, 54), 1)
    DevicePlugin().node(shape(Topology.MPS, 54), 4)


def test_mig_asks_for_partitions_and_names_what_cuts_them() -> None:
    cut = shape(Topology.MIG, 7, partition="1g.5gb")
    shared = DevicePlugin().node(cut, 1)
    assert shared.labels["nvidia.com/mig.config"] == "all-1g.5gb"
    assert shared.capacity(8) == {"nvidia.com/mig-1g.5gb": 56}
    assert DevicePlugin().pod_resources(cut, cut.pods[0]) == {"nvidia.com/mig-1g.5gb": "1"}
    assert shared.needs is not None
    assert "MIG manager" in shared.needs


@pytest.mark.parametrize("topology", [Topology.POOLED, Topology.DEDICATED, Topology.REMOTE])
def test_whole_devices_are_what_every_instance_type_lists_already(topology: Topology) -> None:
    whole = shape(topology, 1)
    assert DevicePlugin().pod_resources(whole, whole.pods[0]) == {"nvidia.com/gpu": "1"}
    assert DevicePlugin().node(whole, 1).capacity(1) == {}
    with pytest.raises(ClusterError, match="want a device of their own"):
        DevicePlugin().node(shape(topology, 2), 1)


def test_pods_without_an_accelerator_need_nothing_of_it() -> None:
    plain = shape(Topology.POOLED, 3, shares=0)
    assert DevicePlugin().pod_resources(plain, plain.pods[0]) == {}
    assert DevicePlugin().node(plain, 0).labels == {}


def test_a_machine_without_an_accelerator_shares_none() -> None:
    with pytest.raises(ClusterError, match="has no accelerator to share"):
        DevicePlugin().node(shape(Topology.SLICED, 3), 0)


def test_nothing_but_sharing_names_its_resources() -> None:
    names = re.compile(r"nvidia\.com/(gpu\.shared|mig-|device-plugin\.config|mps\.capable|mig\.config)")
    found = [
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if names.search(path.read_text("utf-8")) and "cluster/sharing" not in str(path)
    ]
    assert found == []
