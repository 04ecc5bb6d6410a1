"""What a plan rents from a cloud, in the cloud's terms: types, regions, spot or not, and vCPUs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from camslice.plan.catalogue.catalogue import Catalogue
from camslice.plan.catalogue.instance_type import Purchase
from camslice.plan.plan import Plan, PlannedNode, SpareNode


@dataclass(frozen=True, slots=True)
class Rented:
    """`count` machines of one type in one region. `vcpu` of one of them; `spot`: bid for, and not bought on demand (reserved
    machines are bought on demand, and cost less)."""

    instance_type: str
    region: str
    spot: bool
    count: int
    vcpu: int

    @property
    def vcpus(self) -> int:
        """Of all of them."""
        return self.count * self.vcpu


def rented(plan: Plan, catalogue: Catalogue) -> tuple[Rented, ...]:
    """What the plan rents from AWS, its spare nodes included. Machines of one's own are left out.

    Raises CatalogueError for a type that the catalogue lacks.
    """
    counts: Counter[tuple[str, str, bool]] = Counter()
    nodes: tuple[PlannedNode | SpareNode, ...] = (*plan.nodes, *plan.spares)
    for node in nodes:
        if node.purchase is not Purchase.OWNED and catalogue.find(node.instance_type).provider == "aws":
            counts[node.instance_type, node.region, node.purchase is Purchase.SPOT] += node.count
    return tuple(
        Rented(name, region, spot, count, catalogue.find(name).vcpu) for (name, region, spot), count in sorted(counts.items())
    )
