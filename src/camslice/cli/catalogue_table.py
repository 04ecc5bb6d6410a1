"""A catalogue as people read it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from rich.box import SIMPLE_HEAD
from rich.table import Table

from camslice.cli.output import stdout
from camslice.plan.catalogue.catalogue import Catalogue, price_of
from camslice.plan.catalogue.columns import UNKNOWN
from camslice.plan.catalogue.instance_type import Accelerator, InstanceType, Purchase

_FACTS = ("type", "vCPU", "GB", "accelerator", "pods")


def print_catalogue(catalogue: Catalogue, chosen: Iterable[InstanceType], region: str) -> None:
    """Print the chosen types with their prices in `region`, and below their processors and what the prices are."""
    types = list(chosen)
    purchases = [purchase for purchase in Purchase if any(price_of(each, region, purchase) for each in types)]
    table = Table(
        title=f"{catalogue.origin}: prices in {region}, $ per hour", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0)
    )
    for name in (*_FACTS, *(purchase.replace("_", " ") for purchase in purchases)):
        table.add_column(name, justify="left" if name in {"type", "accelerator"} else "right", no_wrap=name != "accelerator")
    for each in types:
        table.add_row(*_facts(each), *(_price(each, region, purchase) for purchase in purchases))
    out = stdout()
    out.print(table)
    out.print("pods: what the network interfaces have addresses for / the same with prefix delegation", soft_wrap=True)
    for processor, families in _processors(types).items():
        known = "processor not known" if processor == UNKNOWN else processor
        out.print(f"{known}: {', '.join(families)}", soft_wrap=True)
    for purchase in purchases:
        prices = [price for each in types if (price := price_of(each, region, purchase)) is not None]
        for dated, source in dict.fromkeys((price.dated, price.source) for price in prices):
            out.print(f"{purchase.replace('_', ' ')}: {dated or 'without a date'}, {source}", soft_wrap=True)
    if not purchases:
        regions = ", ".join(sorted({place for each in types for place, _ in each.prices}))
        out.print(f"none of these has a price in {region}; there are prices in {regions}", soft_wrap=True)


def _facts(each: InstanceType) -> tuple[str, ...]:
    limits = [limit for limit in (each.pod_limit, each.pod_limit_prefix) if limit is not None]
    return (
        each.name,
        str(each.vcpu),
        f"{each.memory_mb / 1000:.0f}",
        _accelerator(each.accelerator),
        "/".join(str(limit) for limit in limits),
    )


def _processors(types: Iterable[InstanceType]) -> Mapping[str, Iterable[str]]:
    """The families (types, where they have none) of each processor."""
    found = defaultdict[str, dict[str, None]](dict)
    for each in types:
        found[each.cpu_family][each.family] = None
    return found


def _accelerator(card: Accelerator | None) -> str:
    if card is None:
        return ""
    count = f"{card.fraction:g}" if card.fraction < 1 else str(card.count)
    return f"{count} x {card.name}"


def _price(each: InstanceType, region: str, purchase: Purchase) -> str:
    price = price_of(each, region, purchase)
    return "" if price is None else f"{price.usd_per_hour:.4f}"
