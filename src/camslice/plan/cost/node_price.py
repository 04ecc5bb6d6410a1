"""Which price of a node counts: by region and purchase, and for spot only a fresh one, never above on demand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from camslice.plan.catalogue.catalogue import price_of
from camslice.plan.catalogue.instance_type import InstanceType, Purchase

SPOT_DAYS = 30
"""A spot price older than this says little of today's."""


@dataclass(frozen=True, slots=True)
class PriceRules:
    """`today` is the day on which prices are judged. With `accept_old_spot` a spot price may have any date, or none."""

    today: date
    accept_old_spot: bool = False


@dataclass(frozen=True, slots=True)
class NoPrice:
    """Why a node cannot be had this way: the end of a sentence that began with its type."""

    reason: str


def node_usd_per_hour(instance_type: InstanceType, region: str, purchase: Purchase, rules: PriceRules) -> float | NoPrice:
    """US dollars per hour of a node of this type.

    A spot price above on demand counts as on demand: nobody need pay more.
    """
    price = price_of(instance_type, region, purchase)
    if price is None:
        return NoPrice(_missing(instance_type, region, purchase))
    if purchase is not Purchase.SPOT:
        return price.usd_per_hour
    if not rules.accept_old_spot and (old := _too_old(price.dated, rules.today)):
        return NoPrice(old)
    on_demand = price_of(instance_type, region, Purchase.ON_DEMAND)
    return price.usd_per_hour if on_demand is None else min(price.usd_per_hour, on_demand.usd_per_hour)


def _missing(instance_type: InstanceType, region: str, purchase: Purchase) -> str:
    elsewhere = sorted(place for place, kind in instance_type.prices if kind is purchase)
    if elsewhere:
        return f"has no {_words(purchase)} price in {region}, but in {', '.join(elsewhere)}"
    kinds = sorted({_words(kind) for place, kind in instance_type.prices})
    return f"has no {_words(purchase)} price, only {', '.join(kinds) or 'none at all'}"


def _too_old(dated: str, today: date) -> str | None:
    advice = "renew it with `camslice catalogue refresh`, or take it as it is with --accept-old-spot"
    if not dated:
        return f"has a spot price without a date; {advice}"
    days = (today - date.fromisoformat(dated)).days
    if days > SPOT_DAYS:
        return f"has a spot price of {dated}, {days} days old; {advice}"
    return f"has a spot price of {dated}, which is yet to come; {advice}" if days < 0 else None


def _words(purchase: Purchase) -> str:
    return purchase.replace("_", " ")
