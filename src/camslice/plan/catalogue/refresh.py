"""A catalogue renewed from AWS: facts from EC2, list prices from the price list, spot prices from EC2's history.

Nothing here opens a connection: the clients come from the caller, as `boto3.client("ec2", ...)` and `boto3.client("pricing",
"us-east-1")` make them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol, cast

from camslice.fleet.errors import CatalogueError
from camslice.plan.catalogue.aws_prices import FILTERS, SpotPrice, listed_prices, spot_prices
from camslice.plan.catalogue.aws_types import InstanceTypeAnswer, instance_type_of
from camslice.plan.catalogue.catalogue import Catalogue
from camslice.plan.catalogue.instance_type import InstanceType, Price, Purchase

_NAMES_AT_ONCE = 100
SOURCES = {
    "aws-list": "AWS Price List API: Linux, shared tenancy, on demand",
    "aws-reserved": "AWS Price List API: 1 year, standard, all paid upfront, spread over its hours",
    "aws-spot": "EC2 spot price history: Linux, the median of the region's zones",
}
_SOURCE_OF = {Purchase.ON_DEMAND: "aws-list", Purchase.RESERVED: "aws-reserved", Purchase.SPOT: "aws-spot"}


class Paginator(Protocol):
    """Pages of answers."""

    def paginate(self, **arguments: object) -> Iterable[Mapping[str, object]]:
        """Each page in turn."""
        ...


class AwsClient(Protocol):
    """A client of boto3, as far as it is used."""

    def get_paginator(self, operation: str) -> Paginator:
        """Pages of that operation's answers."""
        ...


@dataclass(frozen=True, slots=True)
class Clients:
    """`ec2` gives a client for a region; `pricing` knows all regions."""

    ec2: Callable[[str], AwsClient]
    pricing: AwsClient


def refreshed(
    before: Catalogue, names: Sequence[str], regions: Sequence[str], clients: Clients, now: datetime, step: Callable[[], None]
) -> Catalogue:
    """The types of these names (or patterns with `*`), with their prices in these regions as they are `now`, a time with zone.

    `before` lends what AWS does not say: processors, and how often spot capacity is taken back. `step` is called twice for each
    region. Raises CatalogueError if there is no such type.
    """
    today = now.date().isoformat()
    types: dict[str, InstanceType] = {}
    prices: dict[str, dict[tuple[str, Purchase], Price]] = {}
    for region in regions:
        ec2 = clients.ec2(region)
        answers = list(_described(ec2, names))
        for answer in answers:
            types.setdefault(answer["InstanceType"], instance_type_of(answer, before))
        step()
        here = {answer["InstanceType"] for answer in answers}
        for name, purchase, usd_per_hour in _prices(ec2, clients.pricing, region, here, now):
            price = Price(float(f"{usd_per_hour:.6g}"), today, SOURCES[_SOURCE_OF[purchase]])
            prices.setdefault(name, {})[region, purchase] = price
        step()
    found = {name: replace(each, prices=prices[name]) for name, each in types.items() if name in prices}
    if not found:
        raise CatalogueError(
            f"AWS has no type and price for {', '.join(names)[:60]} in {', '.join(regions)}; check --type and --region."
        )
    place = {name: index for index, name in enumerate(before)}
    ordered = sorted(found, key=lambda name: (place.get(name, len(place)), found[name].family, found[name].vcpu, name))
    return Catalogue(
        types={name: found[name] for name in ordered},
        origin="AWS",
        date=today,
        about=f"{len(found)} types of AWS EC2, fetched with `camslice catalogue refresh`.",
        sources=dict(SOURCES),
        system_pods=before.system_pods,
    )


@dataclass(frozen=True, slots=True)
class Change:
    """A price that is another one than before, in US dollars per hour; None where there is none."""

    instance_type: str
    region: str
    purchase: Purchase
    before: float | None
    now: float | None


def changes(before: Catalogue, now: Catalogue) -> tuple[Change, ...]:
    """The prices that differ, of the types that `now` has."""
    found = []
    for name, each in now.items():
        old = before[name].prices if name in before else {}
        regions = {region for region, _ in each.prices}
        for key in dict.fromkeys([*each.prices, *(key for key in old if key[0] in regions)]):
            then, price = _usd(old.get(key)), _usd(each.prices.get(key))
            if then != price:
                found.append(Change(name, *key, then, price))
    return tuple(found)


def _usd(price: Price | None) -> float | None:
    return None if price is None else price.usd_per_hour


def _described(ec2: AwsClient, names: Sequence[str]) -> Iterator[InstanceTypeAnswer]:
    """What EC2 says of these types in its region. One that it lacks there is left out."""
    for begin in range(0, len(names), _NAMES_AT_ONCE):
        wanted = [{"Name": "instance-type", "Values": list(names[begin : begin + _NAMES_AT_ONCE])}]
        for page in ec2.get_paginator("describe_instance_types").paginate(Filters=wanted):
            yield from cast("list[InstanceTypeAnswer]", page["InstanceTypes"])


def _prices(
    ec2: AwsClient, pricing: AwsClient, region: str, names: set[str], now: datetime
) -> Iterator[tuple[str, Purchase, float]]:
    filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in FILTERS.items()]
    filters.append({"Type": "TERM_MATCH", "Field": "regionCode", "Value": region})
    for page in pricing.get_paginator("get_products").paginate(
        ServiceCode="AmazonEC2", FormatVersion="aws_v1", Filters=filters
    ):
        for name, purchase, usd_per_hour in listed_prices(cast("list[str]", page["PriceList"])):
            if name in names:
                yield name, purchase, usd_per_hour
    for name, usd_per_hour in spot_prices(_spot_history(ec2, sorted(names), now)).items():
        yield name, Purchase.SPOT, usd_per_hour


def _spot_history(ec2: AwsClient, names: Sequence[str], now: datetime) -> Iterator[SpotPrice]:
    """The prices in force now: the history from this moment on begins with them."""
    for begin in range(0, len(names), _NAMES_AT_ONCE):
        for page in ec2.get_paginator("describe_spot_price_history").paginate(
            InstanceTypes=list(names[begin : begin + _NAMES_AT_ONCE]),
            ProductDescriptions=["Linux/UNIX"],
            StartTime=now,
        ):
            yield from cast("list[SpotPrice]", page["SpotPriceHistory"])
