"""What a catalogue must be besides well-formed: the integrity of its data, type by type and against each other.

A fault is something that cannot be right. A remark is something odd that can be: spot prices are made by a market, and data may
lack what nobody knows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from camslice.plan.catalogue.columns import UNKNOWN
from camslice.plan.catalogue.instance_type import Accelerator, InstanceType, Purchase

_UNCUT = ("T4", "T4g", "A10G", "L4", "L40S")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about an instance type (or, with an empty name, about the catalogue)."""

    instance_type: str
    what: str


@dataclass(frozen=True, slots=True)
class Findings:
    """What is wrong, and what is odd."""

    faults: tuple[Finding, ...]
    remarks: tuple[Finding, ...]


def examine(types: Mapping[str, InstanceType], today: date, *, reference: bool = False) -> Findings:
    """Look at every type. `reference`: this is to be a catalogue of a whole provider, so a T4 must be in it."""
    faults, remarks = list[Finding](), list[Finding]()
    if reference and not any(each.accelerator_name == "T4" for each in types.values()):
        faults.append(Finding("", "no type has a T4, which the published case study needs"))
    for each in types.values():
        faults += [Finding(each.name, what) for what in (*_impossible(each), *_impossible_prices(each, today))]
        remarks += [Finding(each.name, what) for what in _odd(each)]
    for smaller, larger, region, purchase in _cheaper_though_larger(types.values()):
        what = f"costs less than {smaller.name} ({purchase.replace('_', ' ')}, {region}), which is smaller"
        (remarks if purchase is Purchase.SPOT else faults).append(Finding(larger.name, what))
    return Findings(tuple(faults), tuple(remarks))


def _impossible(each: InstanceType) -> Iterator[str]:
    if not 1 <= each.physical_cores <= each.vcpu:
        yield f"{each.physical_cores} cores are not possible with {each.vcpu} vCPU"
    if each.memory_mb < 256 * each.vcpu:
        yield f"{each.memory_mb:g} MB are hardly the memory of {each.vcpu} vCPU; is it in MB (10^6 bytes)?"
    if each.architecture not in {"x86_64", "arm64"}:
        yield f"the architecture {each.architecture} is neither x86_64 nor arm64"
    if each.accelerator is not None:
        yield from _impossible_accelerator(each.accelerator)


def _impossible_accelerator(card: Accelerator) -> Iterator[str]:
    if card.memory_mb < 512:
        yield f"{card.memory_mb:g} MB are hardly the memory of a {card.name}; is it in MB (10^6 bytes)?"
    if card.mig_profiles and (card.name in _UNCUT or card.fraction < 1):
        yield f"a {card.name} cannot be cut into partitions"


def _impossible_prices(each: InstanceType, today: date) -> Iterator[str]:
    for (region, purchase), price in each.prices.items():
        what = f"{purchase.replace('_', ' ')} price in {region}"
        if price.usd_per_hour <= 0:
            yield f"its {what} is {price.usd_per_hour:g}"
        if price.dated and date.fromisoformat(price.dated) > today:
            yield f"its {what} is of {price.dated}, which is yet to come"
        listed = each.prices.get((region, Purchase.ON_DEMAND))
        if purchase is Purchase.RESERVED and listed is not None and price.usd_per_hour > listed.usd_per_hour:
            yield f"its {what} is above on demand"


def _odd(each: InstanceType) -> Iterator[str]:
    if each.cpu_family == UNKNOWN:
        yield "its processor is not known, so no profile is for it"
    if any(not price.dated for price in each.prices.values()):
        yield "it has a price without a date"
    for (region, purchase), price in each.prices.items():
        listed = each.prices.get((region, Purchase.ON_DEMAND))
        if purchase is Purchase.SPOT and listed is not None and price.usd_per_hour > listed.usd_per_hour:
            yield (
                f"its spot price in {region} ({price.usd_per_hour:g}, {price.dated or 'without a date'}) is above on demand "
                f"({listed.usd_per_hour:g}) and counts as that"
            )


def _cheaper_though_larger(types: Iterable[InstanceType]) -> Iterator[tuple[InstanceType, InstanceType, str, Purchase]]:
    """Pairs next to each other in size, of one family and with equally many accelerators, of which the larger is cheaper."""
    alike = defaultdict[tuple[object, ...], list[InstanceType]](list)
    for each in types:
        card = each.accelerator
        for region, purchase in each.prices:
            parts = (card.name, card.count, card.fraction) if card else None
            alike[each.provider, each.family, parts, region, purchase].append(each)
    for key, group in alike.items():
        region, purchase = str(key[3]), Purchase(str(key[4]))
        group.sort(key=lambda each: (each.vcpu, each.prices[region, purchase].usd_per_hour))
        for smaller, larger in pairwise(group):
            cheaper = larger.prices[region, purchase].usd_per_hour < smaller.prices[region, purchase].usd_per_hour
            if cheaper and larger.vcpu > smaller.vcpu:
                yield smaller, larger, region, purchase
