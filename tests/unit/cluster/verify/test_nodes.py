"""Nodes are priced by what their labels say: type, region, and how they were bought."""

from __future__ import annotations

from typing import Any

import pytest

from camslice.cluster.verify.nodes import live_nodes
from camslice.fleet.types import Topology
from camslice.plan.catalogue.catalogue import price_of
from camslice.plan.catalogue.instance_type import Purchase
from tests.unit.cluster.made_plan import CATALOGUE, node, plan


def standing(type_: str, capacity: str | None = "on-demand") -> dict[str, Any]:
    labels = {"node.kubernetes.io/instance-type": type_, "topology.kubernetes.io/region": "us-east-1"}
    labels |= {"karpenter.sh/capacity-type": capacity} if capacity else {}
    return {"metadata": {"name": "n1", "labels": {**labels, "camslice.dev/shape": "street.a"}}}


def listed(type_: str, purchase: Purchase = Purchase.ON_DEMAND) -> float:
    price = price_of(CATALOGUE.find(type_), "us-east-1", purchase)
    assert price is not None
    return price.usd_per_hour


@pytest.mark.parametrize(
    ("found", "purchase", "usd_per_hour"),
    [
        (standing("g4dn.xlarge"), "on_demand", 0.526),
        (standing("g4dn.xlarge", None), "on_demand", 0.526),
        (standing("g4dn.2xlarge"), "on_demand", listed("g4dn.2xlarge")),
        (standing("g4dn.xlarge", "spot"), "spot", listed("g4dn.xlarge", Purchase.SPOT)),
        (standing("x9.none"), "on_demand", None),
    ],
)
def test_a_node_costs_what_the_plan_or_else_the_catalogue_says(
    found: dict[str, Any], purchase: str, usd_per_hour: float | None
) -> None:
    (priced,) = live_nodes([found], plan(node(Topology.SLICED, 20)), CATALOGUE)
    assert (priced.shape, priced.purchase, priced.usd_per_hour) == ("street.a", purchase, usd_per_hour)


def test_what_was_planned_as_reserved_is_bought_on_demand_at_the_agreed_rate() -> None:
    reserved = plan(node(Topology.SLICED, 20, purchase=Purchase.RESERVED))
    (priced,) = live_nodes([standing("g4dn.xlarge")], reserved, CATALOGUE)
    assert (priced.purchase, priced.usd_per_hour) == ("reserved", 0.526)
