"""The integrity of catalogues: camslice's own, and what is found in one that is wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import combinations

import pytest

from camslice.plan.catalogue.checks import Findings, examine
from camslice.plan.catalogue.instance_type import InstanceType, Price, Purchase
from camslice.plan.catalogue.load import load_catalogue

CATALOGUE = load_catalogue()
TODAY = date(2026, 11, 28)
HERE = "us-east-1"
SMALL, LARGE = CATALOGUE["g4dn.xlarge"], CATALOGUE["g4dn.2xlarge"]


def found(*types: InstanceType) -> Findings:
    return examine({each.name: each for each in types}, TODAY)


def priced(each: InstanceType, purchase: Purchase, usd: float, dated: str = "2026-01-01") -> InstanceType:
    return replace(each, prices={**each.prices, (HERE, purchase): Price(usd, dated, "test")})


def test_camslices_own_catalogue_has_no_fault() -> None:
    assert examine(CATALOGUE, TODAY, reference=True).faults == ()


def test_its_oddities_are_these_and_no_more() -> None:
    remarks = examine(CATALOGUE, TODAY, reference=True).remarks
    unknown = {remark.instance_type for remark in remarks if "processor is not known" in remark.what}
    assert unknown == {name for name in CATALOGUE if name.startswith(("g7.", "g7e."))}
    rest = {remark.instance_type: remark.what for remark in remarks if remark.instance_type not in unknown}
    assert rest.keys() == {"p5.48xlarge", "c5.24xlarge", "c6g.16xlarge"}
    assert "above on demand (55.04) and counts as that" in rest["p5.48xlarge"]
    assert rest["c5.24xlarge"] == "costs less than c5.18xlarge (spot, us-east-1), which is smaller"


def test_no_larger_size_is_cheaper_on_demand_by_looking_at_every_pair() -> None:
    for one, other in combinations(CATALOGUE.values(), 2):
        cards = [(each.accelerator.count, each.accelerator.fraction) if each.accelerator else None for each in (one, other)]
        if one.family != other.family or cards[0] != cards[1] or one.vcpu == other.vcpu:
            continue
        small, large = sorted((one, other), key=lambda each: each.vcpu)
        for key in small.prices.keys() & large.prices.keys():
            if key[1] is not Purchase.SPOT:
                assert small.prices[key].usd_per_hour <= large.prices[key].usd_per_hour, (small.name, large.name, key)


@pytest.mark.parametrize(
    ("wrong", "piece"),
    [
        (replace(SMALL, physical_cores=5), "5 cores are not possible with 4 vCPU"),
        (replace(SMALL, physical_cores=0), "0 cores are not possible"),
        (replace(SMALL, memory_mb=16.0), "16 MB are hardly the memory of 4 vCPU"),
        (replace(SMALL, architecture="riscv"), "neither x86_64 nor arm64"),
        (replace(SMALL, accelerator=replace(CATALOGUE["p5.4xlarge"].accelerator, name="T4")), "cannot be cut"),
        (replace(SMALL, accelerator=replace(SMALL.accelerator, memory_mb=16.0)), "hardly the memory of a T4"),
        (priced(SMALL, Purchase.ON_DEMAND, 0.0), "its on demand price in us-east-1 is 0"),
        (priced(SMALL, Purchase.ON_DEMAND, -1.0), "its on demand price in us-east-1 is -1"),
        (priced(SMALL, Purchase.ON_DEMAND, 1.0, "2026-11-29"), "which is yet to come"),
        (priced(SMALL, Purchase.RESERVED, 0.6), "its reserved price in us-east-1 is above on demand"),
    ],
)
def test_what_cannot_be_is_a_fault(wrong: InstanceType, piece: str) -> None:
    faults = found(wrong).faults
    assert {fault.instance_type for fault in faults} == {"g4dn.xlarge"}
    assert any(piece in fault.what for fault in faults), faults


def test_a_larger_size_that_is_cheaper_is_a_fault_and_on_the_spot_market_a_remark() -> None:
    listed = found(priced(SMALL, Purchase.ON_DEMAND, 0.8), LARGE)
    assert [(fault.instance_type, "g4dn.xlarge (on demand, us-east-1)" in fault.what) for fault in listed.faults] == [
        ("g4dn.2xlarge", True)
    ]
    spot = found(priced(SMALL, Purchase.SPOT, 0.4), LARGE)
    assert spot.faults == ()
    assert [remark.instance_type for remark in spot.remarks] == ["g4dn.2xlarge"]


def test_sizes_with_other_numbers_of_accelerators_are_not_compared() -> None:
    four = CATALOGUE["g4dn.12xlarge"]
    assert found(CATALOGUE["g4dn.16xlarge"], priced(four, Purchase.ON_DEMAND, 9.0)).faults == ()


def test_a_whole_providers_catalogue_has_a_t4() -> None:
    without = {name: each for name, each in CATALOGUE.items() if each.accelerator_name != "T4"}
    assert any("no type has a T4" in fault.what for fault in examine(without, TODAY, reference=True).faults)
    assert examine(without, TODAY).faults == ()


def test_a_price_without_a_date_is_a_remark() -> None:
    assert any("without a date" in remark.what for remark in found(priced(SMALL, Purchase.ON_DEMAND, 0.5, "")).remarks)
