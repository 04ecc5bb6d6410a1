"""A plan's nodes as a cluster has them."""

from __future__ import annotations

from camslice.cluster.objects import NodeShape, Slot
from camslice.cluster.shapes import node_shapes
from camslice.fleet.types import Planning, Topology
from camslice.plan.catalogue.allocatable import allocatable
from camslice.plan.plan import PlannedNode
from tests.unit.cluster import made_plan as made


def shapes(*nodes: PlannedNode) -> tuple[NodeShape, ...]:
    return node_shapes(made.plan(*nodes), made.CATALOGUE)


def test_a_shape_has_the_plans_pods_and_room_for_the_streams_that_were_simulated() -> None:
    [shape] = shapes(made.node(Topology.SLICED, 20, streams_per_pod=2, count=3))
    assert (shape.name, shape.instance_type, shape.nodes) == ("g4dn-xlarge-sliced-1", "g4dn.xlarge", 3)
    [pod] = shape.pods
    assert (pod.count, pod.cpu_m, pod.memory_mb, pod.shares) == (20, 100, 400.5, 1)
    assert pod.slots == (Slot("people", 4.0, 2, made.HD),)


def test_remote_has_an_engine_server_for_each_accelerator_beside_its_workers() -> None:
    [shape] = shapes(made.node(Topology.REMOTE, 8, instance_type="g4dn.12xlarge", shares=0))
    workers, engine = shape.pods
    assert (workers.role, workers.shares, workers.count) == ("camera", 0, 8)
    assert (engine.role, engine.shares, engine.count, engine.slots) == ("engine", 1, 4, ())


def test_engine_servers_ask_for_no_more_than_the_workers_leave() -> None:
    machine = made.CATALOGUE.find("g4dn.xlarge")
    offered = allocatable(machine, made.CATALOGUE.pods_of_system(Planning().system_pods), prefix_delegation=False).cpu_m
    for each in (offered // 20, offered // 24):
        [shape] = shapes(made.node(Topology.REMOTE, 20, shares=0, cpu_m=each))
        assert 0 < sum(pod.count * pod.cpu_m for pod in shape.pods) <= offered + 1


def test_mig_says_how_cards_are_cut() -> None:
    [shape] = shapes(made.node(Topology.MIG, 7, instance_type="p4d.24xlarge", partition="1g.5gb"))
    assert shape.partition == "1g.5gb"


def test_another_type_stands_in_only_with_a_verified_shape_of_as_much_room() -> None:
    small = made.node(Topology.SLICED, 20)
    large = made.node(Topology.SLICED, 40, instance_type="g5.2xlarge", first=21)
    assert [each.fallback for each in shapes(small, large)] == [("g5.2xlarge",), ()]
    other = made.node(Topology.POOLED, 1, streams_per_pod=40, instance_type="g5.2xlarge", first=21)
    assert [each.fallback for each in shapes(small, other)] == [(), ()]
    assert [each.fallback for each in shapes(small, made.of_region(large, "eu-west-1"))] == [(), ()]
