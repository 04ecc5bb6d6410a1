"""The nodes that carry a fleet, and what they cost: by the instance types and purchases that their labels name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from camslice.cluster.names import SHAPE
from camslice.cluster.verify.figures import LiveNode
from camslice.plan.catalogue.catalogue import Catalogue, price_of
from camslice.plan.catalogue.instance_type import Purchase
from camslice.plan.plan import Plan

_PURCHASES = {"spot": Purchase.SPOT, "on-demand": Purchase.ON_DEMAND, "reserved": Purchase.RESERVED}


def live_nodes(nodes: Iterable[Mapping[str, Any]], plan: Plan, catalogue: Catalogue) -> Iterator[LiveNode]:
    """Of the API server's nodes. What was planned as reserved is bought on demand at an agreed rate: that of the plan."""
    agreed = {each.instance_type: each for each in plan.nodes if each.purchase is Purchase.RESERVED}
    planned = {(each.instance_type, each.region, each.purchase): each.usd_per_hour for each in plan.nodes}
    for node in nodes:
        labels = node["metadata"].get("labels") or {}
        type_ = labels.get("node.kubernetes.io/instance-type", "")
        region = labels.get("topology.kubernetes.io/region", "")
        purchase = _PURCHASES.get(labels.get("karpenter.sh/capacity-type", ""), Purchase.ON_DEMAND)
        if type_ in agreed and purchase is Purchase.ON_DEMAND:
            purchase = Purchase.RESERVED
        usd = planned.get((type_, region, purchase))
        if usd is None and type_ in catalogue:
            price = price_of(catalogue.find(type_), region or plan.nodes[0].region, purchase)
            usd = None if price is None else price.usd_per_hour
        yield LiveNode(node["metadata"]["name"], labels.get(SHAPE), type_ or "of unknown type", purchase.value, usd)
