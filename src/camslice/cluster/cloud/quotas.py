"""EC2's quotas of vCPUs: which one a type counts against, and whether what a plan rents fits into it.

Each quota is for some families, on demand or spot, and says which in its name, such as "Running On-Demand G and VT instances"
or "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests". The name is read, for a list of codes would grow old:
families are added and regrouped (P5 has a spot quota of its own, P4, P3 and P2 share one).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from camslice.cluster.cloud.rented import Rented
from camslice.measure.checks import Check

_ON_DEMAND = re.compile(r"^Running On-Demand (?P<families>.+?) instances$", re.IGNORECASE)
_SPOT = re.compile(r"^All (?P<families>.+?) Spot Instance Requests$", re.IGNORECASE)
_LISTED = re.compile(r"^Standard \((?P<letters>[^)]+)\)$", re.IGNORECASE)
_NAMED_OTHERWISE = {"u": "high memory", "gr": "g"}
"""Types whose quota is not called as they are: u-6tb1, and gr6, which is a g6 with more memory."""


@dataclass(frozen=True, slots=True)
class Quota:
    """How many vCPUs of some families an account may run at a time in a region."""

    name: str
    vcpus: float


@dataclass(frozen=True, slots=True)
class Running:
    """Machines of one type that run already, and are not this fleet's."""

    instance_type: str
    spot: bool
    vcpus: int


def quota_of(instance_type: str, quotas: Iterable[Quota], *, spot: bool) -> Quota | None:
    """The quota that a type counts against; None where there is none of its family."""
    found = re.match(r"([a-z]+)(\d*)", instance_type)
    if found is None:
        return None
    letters, generation = found[1], f"{found[1]}{found[2]}"
    named = {family: quota for quota in quotas for family in _families(quota.name, spot=spot)}
    for family in (generation, letters, _NAMED_OTHERWISE.get(letters), f"standard {letters[:1]}"):
        if family in named:
            return named[family]
    return None


def quota_checks(region: str, wanted: Sequence[Rented], quotas: Sequence[Quota], running: Sequence[Running]) -> Iterator[Check]:
    """One check for each quota of the region that what is wanted there counts against."""
    groups: dict[tuple[Quota | None, bool], list[Rented]] = defaultdict(list)
    for each in wanted:
        groups[quota_of(each.instance_type, quotas, spot=each.spot), each.spot].append(each)
    for (quota, spot), of_quota in groups.items():
        machines = " and ".join(f"{each.count} {each.instance_type}" for each in of_quota)
        if quota is None:
            detail = f"{region}: no quota for {'spot ' if spot else ''}{machines} is listed, so none was looked at"
            yield Check("quota", True, detail)
            continue
        vcpus = sum(each.vcpus for each in of_quota)
        others = sum(
            each.vcpus for each in running if each.spot == spot and quota_of(each.instance_type, quotas, spot=spot) == quota
        )
        taken = f", of which other machines take {others}" if others else ""
        detail = f'{region}: the plan rents {vcpus} vCPUs ({machines}), and "{quota.name}" allows {quota.vcpus:g}{taken}'
        fix = f"Have it raised to {others + vcpus} or more in Service Quotas, or plan with other types or another region."
        yield Check.of("quota", detail, fix=fix if others + vcpus > quota.vcpus else None)


def _families(name: str, *, spot: bool) -> Iterator[str]:
    """`g` and `vt`; `p4`, `p3` and `p2`; for the standard ones `standard a` and so on: there a letter stands for all that begin
    with it (im4gn counts as I), and inf1, which has a quota of its own, does not count as I."""
    found = (_SPOT if spot else _ON_DEMAND).match(name)
    if found is None:
        return
    listed = _LISTED.match(found["families"])
    for each in re.split(r",\s*|\s+and\s+", listed["letters"] if listed else found["families"]):
        yield f"standard {each.lower()}" if listed else each.lower()
