"""AWS's price list and spot history, as prices."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from statistics import median
from typing import Protocol

from camslice.fleet.types import HOURS_PER_MONTH
from camslice.plan.catalogue.instance_type import Purchase

HOURS_PER_YEAR = 12 * HOURS_PER_MONTH

FILTERS = {
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "preInstalledSw": "NA",
    "capacitystatus": "Used",
}
"""Attributes of a product that is a plain machine with Linux, on demand."""
_RESERVATION = {"LeaseContractLength": "1yr", "OfferingClass": "standard", "PurchaseOption": "All Upfront"}


class SpotPrice(Protocol):
    """An entry of DescribeSpotPriceHistory."""

    def __getitem__(self, key: str, /) -> object:
        """`InstanceType`, `SpotPrice`, `AvailabilityZone`, `Timestamp`."""
        ...


def listed_prices(products: Iterable[str]) -> Iterator[tuple[str, Purchase, float]]:
    """Type, purchase and US dollars per hour from entries of the price list (JSON texts): on demand, and reserved for a year.

    A reservation is standard and all paid upfront, spread over its hours. Products with another system, tenancy or market, and
    prices of 0 (which stand for what is included elsewhere) are left out.
    """
    for text in products:
        entry = json.loads(text)
        attributes = entry.get("product", {}).get("attributes", {})
        if any(attributes.get(name, wanted) != wanted for name, wanted in FILTERS.items()):
            continue
        if attributes.get("marketoption", "OnDemand") != "OnDemand" or "instanceType" not in attributes:
            continue
        terms = entry.get("terms", {})
        for purchase, usd_per_hour in (
            (Purchase.ON_DEMAND, _on_demand(terms.get("OnDemand", {}))),
            (Purchase.RESERVED, _reserved(terms.get("Reserved", {}))),
        ):
            if usd_per_hour:
                yield attributes["instanceType"], purchase, usd_per_hour


def spot_prices(history: Iterable[SpotPrice]) -> Mapping[str, float]:
    """US dollars per hour by type: the median over the zones of the newest price in each."""
    newest: dict[tuple[str, str], tuple[str, float]] = {}
    for entry in history:
        key = str(entry["InstanceType"]), str(entry["AvailabilityZone"])
        found = str(entry["Timestamp"]), float(str(entry["SpotPrice"]))
        newest[key] = max(newest.get(key, found), found)
    by_type = defaultdict[str, list[float]](list)
    for (name, _), (_, usd_per_hour) in newest.items():
        by_type[name].append(usd_per_hour)
    return {name: median(prices) for name, prices in by_type.items() if median(prices) > 0}


def _on_demand(terms: Mapping[str, Mapping[str, Mapping[str, object]]]) -> float | None:
    for term in terms.values():
        for dimension in term["priceDimensions"].values():
            if _field(dimension, "unit") == "Hrs" and (usd := _usd(dimension)):
                return usd
    return None


def _reserved(terms: Mapping[str, Mapping[str, Mapping[str, object]]]) -> float | None:
    for term in terms.values():
        if any(term["termAttributes"].get(name) != wanted for name, wanted in _RESERVATION.items()):
            continue
        dimensions = term["priceDimensions"].values()
        upfront = sum(_usd(each) for each in dimensions if _field(each, "unit") == "Quantity")
        by_hour = sum(_usd(each) for each in dimensions if _field(each, "unit") == "Hrs")
        return upfront / HOURS_PER_YEAR + by_hour
    return None


def _usd(dimension: object) -> float:
    prices = _field(dimension, "pricePerUnit")
    return float(str(_field(prices, "USD") or 0))


def _field(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, Mapping) else None
