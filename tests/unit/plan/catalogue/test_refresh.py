"""A catalogue renewed from AWS: EC2 as moto plays it, the price list by a stub, because moto has none."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from importlib import resources

import pytest

from camslice.fleet.errors import CatalogueError
from camslice.plan.catalogue.aws_prices import listed_prices, spot_prices
from camslice.plan.catalogue.aws_types import instance_type_of
from camslice.plan.catalogue.instance_type import Purchase
from camslice.plan.catalogue.load import load_catalogue, parse_catalogue
from camslice.plan.catalogue.refresh import Clients, changes, refreshed
from camslice.plan.catalogue.write import catalogue_text

CATALOGUE = load_catalogue()
NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
ANSWERS = json.loads(gzip.decompress(resources.files("moto.ec2").joinpath("resources/instance_types.json.gz").read_bytes()))


def product(name: str, usd: float, upfront: float | None = None, **attributes: str) -> str:
    """An entry of the price list, as the API answers it."""
    facts = {"instanceType": name, "operatingSystem": "Linux", "tenancy": "Shared", "preInstalledSw": "NA"}
    facts |= {"capacitystatus": "Used", **attributes}
    terms: dict[str, object] = {
        "OnDemand": {"A.B": {"priceDimensions": {"A.B.C": {"unit": "Hrs", "pricePerUnit": {"USD": f"{usd:.10f}"}}}}}
    }
    if upfront is not None:
        reserved = {"LeaseContractLength": "1yr", "OfferingClass": "standard", "PurchaseOption": "All Upfront"}
        terms["Reserved"] = {
            "A.X": {
                "termAttributes": {**reserved, "PurchaseOption": "No Upfront"},
                "priceDimensions": {"A.X.1": {"unit": "Hrs", "pricePerUnit": {"USD": "99"}}},
            },
            "A.Y": {
                "termAttributes": reserved,
                "priceDimensions": {
                    "A.Y.1": {"unit": "Quantity", "pricePerUnit": {"USD": str(upfront)}},
                    "A.Y.2": {"unit": "Hrs", "pricePerUnit": {"USD": "0.0000000000"}},
                },
            },
        }
    return json.dumps({"product": {"productFamily": "Compute Instance", "attributes": facts}, "terms": terms})


class Pages:
    def __init__(self, key: str, pages: Iterable[list[object]]) -> None:
        self.key, self.pages = key, list(pages)
        self.asked: list[dict[str, object]] = []

    def get_paginator(self, operation: str) -> Pages:
        return self

    def paginate(self, **arguments: object) -> Iterator[Mapping[str, object]]:
        self.asked.append(arguments)
        return iter([{self.key: page} for page in self.pages])


@pytest.fixture
def ec2(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    boto3, moto = pytest.importorskip("boto3"), pytest.importorskip("moto")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SECURITY_TOKEN", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    with moto.mock_aws():
        yield lambda region: boto3.client("ec2", region_name=region)


def renewed(ec2: object, products: list[str], names: list[str], regions: list[str]) -> object:
    steps: list[None] = []
    clients = Clients(ec2, Pages("PriceList", [products[:1], products[1:]]))
    catalogue = refreshed(CATALOGUE, names, regions, clients, NOW, lambda: steps.append(None))
    assert len(steps) == 2 * len(regions)
    return catalogue


def test_facts_come_from_ec2_list_prices_from_the_price_list_and_spot_from_its_history(ec2: object) -> None:
    products = [product("g4dn.xlarge", 0.6, 3504.0), product("c7i.large", 0.09), product("m5.large", 0.1)]
    catalogue = renewed(ec2, products, ["g4dn.xlarge", "c7i.large"], ["us-east-1"])
    assert list(catalogue) == ["c7i.large", "g4dn.xlarge"]
    box = catalogue["g4dn.xlarge"]
    old = CATALOGUE["g4dn.xlarge"]
    assert (box.vcpu, box.physical_cores, box.memory_mb, box.accelerator) == (4, 2, old.memory_mb, old.accelerator)
    assert (box.pod_limit, box.pod_limit_prefix, box.network_mbps) == (29, 110, 5000)
    assert (box.cpu_family, box.interruption) == ("Intel Cascade Lake", old.interruption), "what AWS does not say"
    assert {purchase: price.usd_per_hour for (_, purchase), price in box.prices.items()} == {
        Purchase.ON_DEMAND: 0.6,
        Purchase.RESERVED: 0.4,
        Purchase.SPOT: 0.00001,
    }
    assert {price.dated for price in box.prices.values()} == {"2026-11-28"}
    assert box.prices["us-east-1", Purchase.SPOT].source == "EC2 spot price history: Linux, the median of the region's zones"


def test_what_was_fetched_can_be_written_read_and_compared(ec2: object) -> None:
    catalogue = renewed(
        ec2, [product("g4dn.xlarge", 0.6), product("c7i.large", 0.08925)], ["g4dn.xl*", "c7i.large"], ["us-east-1"]
    )
    again = parse_catalogue(catalogue_text(catalogue), "fetched.csv")
    assert dict(again) == dict(catalogue)
    assert again.date == "2026-11-28"
    found = {
        (change.instance_type, change.purchase): (change.before, change.now)
        for change in changes(CATALOGUE, catalogue)
        if change.purchase is not Purchase.SPOT
    }
    assert found == {
        ("g4dn.xlarge", Purchase.ON_DEMAND): (0.526, 0.6),
        ("g4dn.xlarge", Purchase.RESERVED): (0.309247, None),
    }, "an unchanged price is no change, and one that is gone is"


def test_each_region_is_asked_for_its_own(ec2: object) -> None:
    stub = Pages("PriceList", [[product("g4dn.xlarge", 0.6)]])
    clients = Clients(ec2, stub)
    catalogue = refreshed(CATALOGUE, ["g4dn.xlarge"], ["us-east-1", "eu-west-1"], clients, NOW, lambda: None)
    assert {region for region, _ in catalogue["g4dn.xlarge"].prices} == {"us-east-1", "eu-west-1"}
    asked = [{each["Field"]: each["Value"] for each in call["Filters"]} for call in stub.asked]
    assert [filters["regionCode"] for filters in asked] == ["us-east-1", "eu-west-1"]
    assert all(filters["operatingSystem"] == "Linux" and filters["capacitystatus"] == "Used" for filters in asked)


def test_a_type_that_does_not_exist_is_told(ec2: object) -> None:
    with pytest.raises(
        CatalogueError, match=r"AWS has no type and price for z9\.large in us-east-1; check --type and --region\."
    ):
        renewed(ec2, [product("g4dn.xlarge", 0.6)], ["z9.large"], ["us-east-1"])


def test_every_type_of_the_packaged_catalogue_comes_out_as_it_is() -> None:
    """The same facts by another way: what EC2 answers, turned into types, against the file."""
    known = [name for name in CATALOGUE if name in ANSWERS]
    for name in known:
        fetched, packaged = instance_type_of(ANSWERS[name], CATALOGUE), CATALOGUE[name]
        for field in ("family", "cpu_family", "vcpu", "physical_cores", "pod_limit", "pod_limit_prefix", "interruption"):
            assert getattr(fetched, field) == getattr(packaged, field), (name, field)
        assert fetched.memory_mb == pytest.approx(packaged.memory_mb, abs=1), name
        assert fetched.accelerator == packaged.accelerator or fetched.accelerator_name in {"A10G", "L4", "L40S"}, name


def test_a_type_of_a_known_family_has_its_processor_and_one_of_a_new_family_has_none() -> None:
    lacking = {name: each for name, each in CATALOGUE.items() if name != "g4dn.xlarge"}
    assert instance_type_of(ANSWERS["g4dn.xlarge"], lacking).cpu_family == "Intel Cascade Lake"
    assert instance_type_of(ANSWERS["r5.large"], lacking).cpu_family == "unknown"
    mixed = {name: each for name, each in CATALOGUE.items() if name != "c5.large"}
    assert instance_type_of(ANSWERS["c5.large"], mixed).cpu_family == "unknown", "its family has several"


def test_other_systems_tenancies_and_markets_are_no_price_of_a_plain_machine() -> None:
    assert list(listed_prices([product("a.b", 1.0)])) == [("a.b", Purchase.ON_DEMAND, 1.0)]
    for attributes in (
        {"operatingSystem": "Windows"},
        {"tenancy": "Dedicated"},
        {"preInstalledSw": "SQL Std"},
        {"capacitystatus": "UnusedCapacityReservation"},
        {"marketoption": "CapacityBlock"},
    ):
        assert list(listed_prices([product("a.b", 1.0, **attributes)])) == [], attributes
    assert list(listed_prices([product("a.b", 0.0)])) == []
    assert list(listed_prices([json.dumps({"product": {}, "terms": {}})])) == []


def test_the_spot_price_is_the_median_of_the_zones_newest() -> None:
    history = [
        {"InstanceType": "a", "AvailabilityZone": zone, "SpotPrice": price, "Timestamp": datetime(2026, 1, day, tzinfo=UTC)}
        for zone, day, price in [("x", 1, "9"), ("x", 2, "1"), ("y", 1, "2"), ("z", 1, "6")]
    ]
    assert spot_prices(history) == {"a": 2.0}
    assert spot_prices([]) == {}
