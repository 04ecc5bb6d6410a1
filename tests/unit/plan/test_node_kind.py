"""Which pods stand on a node for given streams."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camslice.fleet.types import Objective, Topology
from camslice.plan.capacity.limits import planned_pods, why_too_full
from camslice.plan.node_kind import strictest
from camslice.plan.plan import PlannedClass
from tests.unit.plan.made import HD, machine, node_kind, stream_class

CLASSES = (stream_class(fps=4), stream_class(fps=1), stream_class(model="other"))


def sizes(topology: Topology, streams_per_pod: int, contents: tuple[int, ...], **changes: object) -> list[tuple[str, int]]:
    pods = node_kind(topology, streams_per_pod, **changes).pods(contents, CLASSES)
    return [(pod.model, len(pod.streams)) for pod in pods]


@pytest.mark.parametrize(
    ("topology", "streams_per_pod", "expected"),
    [
        (Topology.SLICED, 1, [("yolov8", 1)] * 5 + [("other", 1)] * 2),
        (Topology.SLICED, 2, [("yolov8", 2), ("yolov8", 2), ("yolov8", 1), ("other", 2)]),
        (Topology.DEDICATED, 4, [("yolov8", 1)] * 5 + [("other", 1)] * 2),
        (Topology.POOLED, 1, [("yolov8", 3), ("yolov8", 2), ("other", 1), ("other", 1)]),
    ],
)
def test_streams_are_put_into_pods_as_the_topology_has_it(
    topology: Topology, streams_per_pod: int, expected: list[tuple[str, int]]
) -> None:
    assert sizes(topology, streams_per_pod, (3, 2, 2)) == expected


@given(
    st.sampled_from(list(Topology)),
    st.integers(1, 5),
    st.tuples(*[st.integers(0, 9)] * 3),
)
def test_every_stream_is_in_one_pod_of_its_model_at_its_rate(
    topology: Topology, streams_per_pod: int, contents: tuple[int, int, int]
) -> None:
    pods = node_kind(topology, streams_per_pod).pods(contents, CLASSES)
    rates = sorted((pod.model, stream.fps) for pod in pods for stream in pod.streams)
    expected = sorted((each.model, each.fps) for each, count in zip(CLASSES, contents, strict=True) for _ in range(count))
    assert rates == expected
    assert all(pod.streams for pod in pods)


def test_a_node_keeps_the_hardest_of_what_its_streams_demand() -> None:
    def demanding(objective: Objective) -> PlannedClass:
        return PlannedClass("x", "yolov8", 1.0, HD, objective, 1)

    classes = (demanding(Objective(500, 90, 0.02)), demanding(Objective(200, 95, 0.05)), demanding(Objective(50, 99, 0.0)))
    assert strictest((1, 1, 0), classes) == Objective(200, 95, 0.02)


@pytest.mark.parametrize(
    ("topology", "contents", "limit"),
    [
        (Topology.SLICED, (16, 0, 0), None),  # 16 pods have an address
        (Topology.SLICED, (17, 0, 0), "pods"),
        (Topology.DEDICATED, (2, 0, 0), None),  # two cards
        (Topology.DEDICATED, (3, 0, 0), "pods"),
        (Topology.REMOTE, (14, 0, 0), None),  # and an engine server for each card
        (Topology.REMOTE, (15, 0, 0), "pods"),
    ],
)
def test_addresses_and_devices_limit_the_pods(topology: Topology, contents: tuple[int, ...], limit: str | None) -> None:
    assert why_too_full(node_kind(topology), contents, CLASSES) == limit


def test_the_memory_of_the_fuller_card_counts() -> None:
    """A pod of the case study takes 298 MB of a card: 20 on one card of 6,000 MB."""
    from camslice.plan.catalogue.instance_type import Accelerator

    small = machine(accelerator=Accelerator("T4", 1, 6_000.0)).accelerator
    kind = node_kind(Topology.SLICED, accelerator=small)
    assert why_too_full(kind, (16, 0, 0), CLASSES) is None
    tiny = Accelerator("T4", 1, 2_000.0)
    assert why_too_full(node_kind(Topology.SLICED, accelerator=tiny), (6, 0, 0), CLASSES) is None
    assert why_too_full(node_kind(Topology.SLICED, accelerator=tiny), (7, 0, 0), CLASSES) == "accelerator_memory"


def test_pods_that_are_alike_are_planned_together_and_ask_for_the_work_of_their_streams() -> None:
    kind = node_kind(Topology.SLICED, 2)
    pods = planned_pods(kind, (3, 0, 0), CLASSES, (0.05, 0.0, 0.0))
    assert [(pod.count, pod.streams_per_pod, pod.cpu_m, pod.shares) for pod in pods] == [(1, 2, 790, 1), (1, 1, 395, 1)]
