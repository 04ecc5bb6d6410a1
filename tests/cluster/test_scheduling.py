"""Time slicing and pod limits, scheduled by the real scheduler: the case study's pods on nodes of the case study's types."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from camslice.cluster.pods import preview
from camslice.cluster.rendering import RenderSettings, rendered
from camslice.fleet.errors import CamsliceError
from camslice.fleet.types import Topology
from tests.cluster.harness.plane import Plane
from tests.cluster.harness.programs import until
from tests.unit.cluster import made_plan as made

CASE_STUDY = "planning: {system_pods: case-study}\n"
SYSTEM_PODS = 4
GPUS = "nvidia.com/gpu.shared"
SHAPE = "camslice.dev/shape"


class Machine:
    """One node of a type, with the system's pods already on it and so many slices of its GPU."""

    def __init__(self, plane: Plane, namespace: str) -> None:
        self.plane = plane
        self.namespace = namespace
        self.name = f"of-{namespace}"

    def stand(self, instance_type: str, slices: int, shape: str) -> None:
        machine = made.CATALOGUE.find(instance_type)
        room = {
            "cpu": str(machine.vcpu),
            "memory": f"{machine.memory_mb:.0f}M",
            "pods": str(machine.pod_limit),
            GPUS: str(slices),
        }
        self.plane.apply([self.plane.fake_node(self.name, {SHAPE: shape, "test/machine": self.name}, room)])
        self.plane.apply(self._system_pod(index) for index in range(SYSTEM_PODS))
        until(lambda: self.phases() == {"Running": SYSTEM_PODS}, "the system's pods", 30)

    def remove(self) -> None:
        self.plane.kubectl("delete", "node", self.name, "--ignore-not-found")

    def phases(self) -> Counter[str]:
        return Counter(each["status"].get("phase", "") for each in self.plane.get("pods", "--namespace", self.namespace))

    def refusals(self) -> list[str]:
        """What the scheduler says of each pod that it could not place."""
        return [
            condition["message"]
            for pod in self.plane.get("pods", "--namespace", self.namespace)
            for condition in pod["status"].get("conditions", ())
            if condition["type"] == "PodScheduled" and condition["status"] == "False"
        ]

    def _system_pod(self, index: int) -> dict[str, Any]:
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": f"system-{index}", "namespace": self.namespace},
            "spec": {
                "nodeSelector": {"test/machine": self.name},
                "containers": [{"name": "system", "image": "system:none"}],
            },
        }


@pytest.fixture
def machine(plane: Plane, namespace: str) -> Iterator[Machine]:
    made_here = Machine(plane, namespace)
    yield made_here
    made_here.remove()


def pods_of_plan(namespace: str, pods: int, instance_type: str) -> list[dict[str, Any]]:
    """The camera pods of one node of that type, as the operator makes them."""
    planned = made.node(Topology.SLICED, pods, instance_type=instance_type)
    found = rendered(made.plan(planned), made.declared(pods, CASE_STUDY), made.CATALOGUE, RenderSettings("case", namespace))
    return [dict(each) for each in preview(found.fleet, found.cameras) if each["kind"] == "Pod"]


def shape_of(pods: Sequence[dict[str, Any]]) -> str:
    [shape] = {pod["spec"]["nodeSelector"][SHAPE] for pod in pods}
    return str(shape)


@pytest.mark.parametrize(("pods", "instance_type"), [(20, "g4dn.xlarge"), (54, "g4dn.8xlarge")])
def test_the_case_studys_pods_run_where_it_ran_them(
    plane: Plane, namespace: str, machine: Machine, pods: int, instance_type: str
) -> None:
    wanted = pods_of_plan(namespace, pods, instance_type)
    assert len(wanted) == pods
    machine.stand(instance_type, pods, shape_of(wanted))
    plane.apply(wanted)
    until(lambda: machine.phases() == {"Running": SYSTEM_PODS + pods}, lambda: f"{machine.phases()}: {machine.refusals()}", 40)


def test_one_pod_more_than_slices_pends_for_want_of_a_slice(plane: Plane, namespace: str, machine: Machine) -> None:
    wanted = pods_of_plan(namespace, 21, "g4dn.xlarge")
    machine.stand("g4dn.xlarge", 20, shape_of(wanted))
    plane.apply(wanted)
    until(lambda: machine.phases() == {"Running": SYSTEM_PODS + 20, "Pending": 1}, lambda: str(machine.phases()), 40)
    until(machine.refusals, "the scheduler's words", 20)
    [words] = machine.refusals()
    assert f"Insufficient {GPUS}" in words
    assert "Too many pods" not in words


def test_54_pods_do_not_fit_the_2xlarge_and_that_was_known(plane: Plane, namespace: str, machine: Machine) -> None:
    planned = made.node(Topology.SLICED, 54, instance_type="g4dn.2xlarge")
    with pytest.raises(CamsliceError, match=r"54 pods and 4 of the system are more than the 29 that a g4dn.2xlarge may hold"):
        rendered(made.plan(planned), made.declared(54, CASE_STUDY), made.CATALOGUE, RenderSettings("case", namespace))

    wanted = pods_of_plan(namespace, 54, "g4dn.8xlarge")
    machine.stand("g4dn.2xlarge", 54, shape_of(wanted))
    plane.apply(wanted)
    fit = made.CATALOGUE.find("g4dn.2xlarge").pod_limit - SYSTEM_PODS
    assert fit == 25
    until(lambda: machine.phases() == {"Running": SYSTEM_PODS + fit, "Pending": 54 - fit}, lambda: str(machine.phases()), 40)
    until(lambda: len(machine.refusals()) == 54 - fit, "the scheduler's words", 20)
    assert all("Too many pods" in words and GPUS not in words for words in machine.refusals())
