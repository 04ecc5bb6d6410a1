"""A type must be offered in a zone in which the cluster has a subnet; whatever is amiss is one sentence."""

from __future__ import annotations

import pytest

from camslice.cluster.cloud.rented import Rented
from camslice.cluster.cloud.zones import zone_checks

T4 = [Rented("g4dn.xlarge", "us-east-1", False, 1, 4)]


@pytest.mark.parametrize(
    ("offered", "subnets", "verdicts"),
    [
        (["a", "b"], ["b", "c"], [(True, "g4dn.xlarge is offered in b, where cluster street has subnets")]),
        (["a"], ["b", "c"], [(False, "g4dn.xlarge is offered in a, and cluster street has subnets in b, c alone")]),
        ([], ["b"], [(False, "us-east-1 does not offer g4dn.xlarge in any zone")]),
        (
            ["a"],
            [],
            [
                (False, "us-east-1: no subnet has the tag karpenter.sh/discovery=street, so Karpenter can start no node there"),
                (True, "g4dn.xlarge is offered in a"),
            ],
        ),
    ],
)
def test_a_zone_counts_only_with_a_subnet_in_it(
    offered: list[str], subnets: list[str], verdicts: list[tuple[bool, str]]
) -> None:
    checks = list(zone_checks("us-east-1", T4, {"g4dn.xlarge": offered}, subnets, "street"))
    assert [(each.ok, each.detail) for each in checks] == verdicts
    assert all(bool(each.fix) is not each.ok for each in checks)


def test_each_type_is_told_once_however_it_is_bought() -> None:
    wanted = [*T4, Rented("g4dn.xlarge", "us-east-1", True, 1, 4), Rented("p5.48xlarge", "us-east-1", False, 1, 192)]
    checks = list(zone_checks("us-east-1", wanted, {"g4dn.xlarge": ["a"]}, ["a"], "street"))
    assert [(each.ok, each.detail.split(" ")[0]) for each in checks] == [(True, "g4dn.xlarge"), (False, "us-east-1")]
