"""A plan is held against the quota that its types count for; the names are EC2's own, as its console and API have them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camslice.cluster.cloud.quotas import Quota, Running, quota_checks, quota_of
from camslice.cluster.cloud.rented import Rented, rented
from camslice.fleet.types import Topology
from camslice.plan.catalogue.instance_type import Purchase
from tests.unit.cluster.made_plan import CATALOGUE, node, plan

STANDARD = "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances"
SPOT_STANDARD = "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests"
ON_DEMAND = [
    STANDARD,
    "Running On-Demand G and VT instances",
    "Running On-Demand P instances",
    "Running On-Demand F instances",
    "Running On-Demand X instances",
    "Running On-Demand Inf instances",
    "Running On-Demand Trn instances",
    "Running On-Demand DL instances",
    "Running On-Demand HPC instances",
    "Running On-Demand High Memory instances",
]
SPOT = [
    SPOT_STANDARD,
    "All G and VT Spot Instance Requests",
    "All P4, P3 and P2 Spot Instance Requests",
    "All P5 Spot Instance Requests",
    "All Inf Spot Instance Requests",
]
OTHERS = ["Running Dedicated g4dn Hosts", "EC2-VPC Elastic IPs", "All P5 Spot Instance Requests per month"]
QUOTAS = [Quota(name, 8.0) for name in (*OTHERS, *ON_DEMAND, *SPOT)]


@pytest.mark.parametrize(
    ("instance_type", "spot", "name"),
    [
        ("g4dn.xlarge", False, "Running On-Demand G and VT instances"),
        ("g6e.12xlarge", False, "Running On-Demand G and VT instances"),
        ("gr6.4xlarge", False, "Running On-Demand G and VT instances"),
        ("vt1.3xlarge", False, "Running On-Demand G and VT instances"),
        ("p5en.48xlarge", False, "Running On-Demand P instances"),
        ("m7i.large", False, STANDARD),
        ("im4gn.large", False, STANDARD),  # the I of the list, though its letters are i and m
        ("inf2.xlarge", False, "Running On-Demand Inf instances"),
        ("dl1.24xlarge", False, "Running On-Demand DL instances"),
        ("d3.xlarge", False, STANDARD),
        ("trn1.2xlarge", False, "Running On-Demand Trn instances"),
        ("hpc7g.16xlarge", False, "Running On-Demand HPC instances"),
        ("u-6tb1.metal", False, "Running On-Demand High Memory instances"),
        ("x2gd.medium", False, "Running On-Demand X instances"),
        ("g4dn.xlarge", True, "All G and VT Spot Instance Requests"),
        ("p4d.24xlarge", True, "All P4, P3 and P2 Spot Instance Requests"),
        ("p3.2xlarge", True, "All P4, P3 and P2 Spot Instance Requests"),
        ("p5.48xlarge", True, "All P5 Spot Instance Requests"),
        ("c7g.large", True, SPOT_STANDARD),
        ("p6-b200.48xlarge", True, None),
        ("x2gd.medium", True, None),
    ],
)
def test_a_type_counts_against_the_quota_that_names_its_family(instance_type: str, spot: bool, name: str | None) -> None:
    found = quota_of(instance_type, QUOTAS, spot=spot)
    assert (None if found is None else found.name) == name


def test_every_type_of_the_catalogue_counts_against_one_on_demand() -> None:
    types = [each.name for each in CATALOGUE.values() if each.provider == "aws"]
    assert len(types) > 100
    assert [name for name in types if quota_of(name, QUOTAS, spot=False) is None] == []


def test_a_plan_rents_its_nodes_and_spares_and_no_machine_of_ones_own() -> None:
    made = plan(
        node(Topology.SLICED, 2, count=3),
        node(Topology.POOLED, 1, instance_type="g5.xlarge", purchase=Purchase.SPOT, number=2),
        node(Topology.POOLED, 1, instance_type="c7i.large", purchase=Purchase.OWNED, number=3),
        node(Topology.POOLED, 1, instance_type="g4dn.xlarge", purchase=Purchase.RESERVED, number=4),
        spares=1,
    )
    assert rented(made, CATALOGUE) == (
        Rented("g4dn.xlarge", "us-east-1", False, 5, 4),  # three, one reserved, one spare: all count as on demand
        Rented("g5.xlarge", "us-east-1", True, 1, 4),
    )


def test_a_quota_of_nothing_is_refused_and_says_how_much_is_needed() -> None:
    wanted = [Rented("g4dn.xlarge", "us-east-1", False, 3, 4)]
    (check,) = quota_checks("us-east-1", wanted, [Quota("Running On-Demand G and VT instances", 0.0)], [])
    assert not check.ok
    assert check.detail == (
        'us-east-1: the plan rents 12 vCPUs (3 g4dn.xlarge), and "Running On-Demand G and VT instances" allows 0'
    )
    assert "raised to 12 or more in Service Quotas" in check.fix


def test_types_of_one_quota_are_counted_together_and_spot_apart() -> None:
    wanted = [
        Rented("g4dn.xlarge", "r", False, 1, 4),
        Rented("g5.2xlarge", "r", False, 1, 8),
        Rented("g5.xlarge", "r", True, 1, 4),
    ]
    checks = list(quota_checks("r", wanted, QUOTAS, []))
    assert [each.ok for each in checks] == [False, True]  # 12 of 8 on demand; 4 of 8 as spot
    assert "1 g4dn.xlarge and 1 g5.2xlarge" in checks[0].detail


def test_what_else_runs_takes_of_the_quota() -> None:
    wanted = [Rented("g4dn.xlarge", "r", False, 1, 4)]
    others = [Running("g5.xlarge", False, 8), Running("m7i.large", False, 2), Running("g5.xlarge", True, 64)]
    (check,) = quota_checks("r", wanted, QUOTAS, others)
    assert not check.ok
    assert "of which other machines take 8" in check.detail
    assert "raised to 12" in check.fix


def test_a_family_without_a_quota_is_said_and_not_refused() -> None:
    (check,) = quota_checks("r", [Rented("p6-b200.48xlarge", "r", True, 1, 192)], QUOTAS, [])
    assert check.ok
    assert "no quota for spot 1 p6-b200.48xlarge is listed" in check.detail


@given(allowed=st.integers(0, 64), taken=st.integers(0, 64), count=st.integers(1, 16))
def test_a_plan_passes_just_when_it_and_the_others_fit(allowed: int, taken: int, count: int) -> None:
    quota = Quota("Running On-Demand G and VT instances", float(allowed))
    (check,) = quota_checks("r", [Rented("g4dn.xlarge", "r", False, count, 4)], [quota], [Running("g5.xlarge", False, taken)])
    assert check.ok is (taken + 4 * count <= allowed)
