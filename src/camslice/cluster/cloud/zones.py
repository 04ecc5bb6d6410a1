"""Whether a type is offered in a zone in which the cluster has a network."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from camslice.cluster.cloud.rented import Rented
from camslice.measure.checks import Check


def zone_checks(
    region: str, wanted: Sequence[Rented], offered: Mapping[str, Collection[str]], subnets: Collection[str], cluster_name: str
) -> Iterator[Check]:
    """`offered`: the zones of the region by type; `subnets`: the zones in which Karpenter may start nodes of that cluster."""
    if not subnets:
        yield Check(
            "zones",
            False,
            f"{region}: no subnet has the tag karpenter.sh/discovery={cluster_name}, so Karpenter can start no node there",
            "Name the cluster with --cluster-name, or tag its subnets.",
        )
    for name in dict.fromkeys(each.instance_type for each in wanted):
        zones = set(offered.get(name, ()))
        usable = sorted(zones & set(subnets))
        if not zones:
            detail, fix = f"{region} does not offer {name} in any zone", "Plan with another type or region."
        elif not subnets:
            detail, fix = f"{name} is offered in {_listed(zones)}", ""
        elif not usable:
            detail = (
                f"{name} is offered in {_listed(zones)}, and cluster {cluster_name} has subnets in {_listed(subnets)} alone"
            )
            fix = "Give the cluster a subnet in one of these zones, or plan with another type."
        else:
            detail, fix = f"{name} is offered in {_listed(usable)}, where cluster {cluster_name} has subnets", ""
        yield Check("zones", not fix, detail, fix)


def _listed(zones: Collection[str]) -> str:
    return ", ".join(sorted(zones))
