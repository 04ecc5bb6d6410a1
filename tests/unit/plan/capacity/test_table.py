"""What nodes carry: bounds by resources, refined by simulation where it matters."""

from __future__ import annotations

import math
from typing import cast

import pytest

from camslice.fleet.types import Topology
from camslice.plan.capacity.shares import RESOURCES, Shares, shares_of
from camslice.plan.capacity.table import CapacityTable
from camslice.plan.judge import Judge
from camslice.plan.node_kind import NodeKind
from camslice.plan.simulation.translate import node_of
from tests.unit.plan.made import node_kind, stream_class

KIND = node_kind(Topology.SLICED)
CLASSES = (stream_class(100, 4.0), stream_class(100, 1.0, name="slow"))


class Simulator:
    """Stands in for a judge: says what it was told, and counts how often it was asked."""

    def __init__(self, *most: int) -> None:
        self.most_of = most
        self.asked = 0

    def most(self, _kind: NodeKind, index: int, at_most: int) -> int:
        self.asked += 1
        return min(self.most_of[index], at_most)


def shares(fixed: float = 0.0, **use: float) -> Shares:
    return Shares(
        tuple(use.get(name, 0.0) for name in RESOURCES), tuple(fixed if name == "memory" else 0.0 for name in RESOURCES)
    )


def table(simulator: Simulator, *of: Shares | None) -> CapacityTable:
    return CapacityTable(cast("Judge", simulator), CLASSES[: len(of)], {KIND: of})


@pytest.mark.parametrize(
    ("of", "bound"),
    [
        (shares(cpu=0.03, accelerator=0.05), 20),
        (shares(0.5, memory=0.1), 5),
        (shares(memory=math.inf), 0),
        (shares(1.5, memory=0.1), 0),
        (shares(cpu=0.001), 100),  # all that there are
        (shares(cpu=1 / 3), 3),  # not 2 for a rounding
        (None, 0),
    ],
)
def test_the_scarcest_resource_bounds(of: Shares | None, bound: int) -> None:
    assert table(Simulator(), of).bound(KIND, 0) == bound


def test_nothing_is_simulated_that_nobody_asked_for_and_nothing_twice() -> None:
    simulator = Simulator(12)
    found = table(simulator, shares(cpu=0.05))
    assert (found.most(KIND, 0), found.is_exact(KIND, 0), simulator.asked) == (20, False, 0)
    found.refine(KIND, 0)
    found.refine(KIND, 0)
    assert (found.most(KIND, 0), found.is_exact(KIND, 0), simulator.asked) == (12, True, 1)
    found.lower(KIND, 0, 10)
    assert found.most(KIND, 0) == 10


def test_work_fills_a_node_no_further_than_the_class_that_fills_it_best() -> None:
    found = table(Simulator(15, 45), shares(cpu=0.05), shares(cpu=0.02))
    assert found.reach(KIND) == 1.0
    found.refine(KIND, 0)
    assert found.reach(KIND) == 1.0, "the other class might fill it entirely"
    found.refine(KIND, 1)
    assert found.reach(KIND) == pytest.approx(46 * 0.02)


def test_a_class_that_work_does_not_bind_leaves_the_reach_alone() -> None:
    found = table(Simulator(100), shares(cpu=0.001, pods=0.1))
    found.refine(KIND, 0)
    assert found.reach(KIND) == 1.0


def test_shares_of_the_case_study_follow_from_its_figures() -> None:
    """4 frames/s on two T4: of the 3.80 ms on the accelerator the switches of all visits are no work; one address of 16."""
    profile = KIND.profiles["yolov8"]
    visits = sum(cost.visits.value for cost in profile.stages if cost.visits is not None)
    switch_ms = profile.contexts.switch_ms
    assert switch_ms is not None
    found = shares_of(KIND, CLASSES[0], lambda load: node_of(load, KIND.profiles), 8)
    use = dict(zip(RESOURCES, found.use, strict=True))
    assert use["accelerator"] == pytest.approx(4 * (3.80 - visits * switch_ms.value) / 1000 / 2, rel=0.05)
    assert use["pods"] == pytest.approx(1 / 16)
    assert use["accelerator_memory"] == pytest.approx(298 / 32_000)
    assert use["network"] == pytest.approx(2 / 5_000)
    assert use["fault domain"] == pytest.approx(1 / 8)
    assert use["memory"] == 0.0, "the article says nothing of it"
