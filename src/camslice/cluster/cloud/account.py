"""An AWS account, asked for what a plan needs of it. Looks only, and counts what the fleet has rented already as its own.

Nothing here makes a client or reads credentials: clients come from the caller, as `boto3.client("ec2", ...)` and
`boto3.client("service-quotas", ...)` make them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, cast

from camslice.cluster.cloud.quotas import Quota, Running, quota_checks
from camslice.cluster.cloud.rented import Rented
from camslice.cluster.cloud.zones import zone_checks
from camslice.cluster.names import FLEET
from camslice.measure.checks import Check
from camslice.plan.catalogue.refresh import AwsClient

RIGHTS = (
    "servicequotas:ListServiceQuotas, servicequotas:ListAWSDefaultServiceQuotas, ec2:DescribeInstances, "
    "ec2:DescribeInstanceTypes, ec2:DescribeInstanceTypeOfferings and ec2:DescribeSubnets"
)
_AT_ONCE = 100
Clients = Callable[[str, str], AwsClient]
"""A client for a service in a region."""


def account_checks(clients: Clients, wanted: Sequence[Rented], fleet: str, cluster_name: str) -> list[Check]:
    """Quotas and zones for what a fleet of that name rents. Raises what the clients raise."""
    found: list[Check] = []
    for region in dict.fromkeys(each.region for each in wanted):
        here = [each for each in wanted if each.region == region]
        ec2 = clients("ec2", region)
        quotas = _quotas(clients("service-quotas", region))
        found += quota_checks(region, here, quotas, _running(ec2, fleet))
        types = sorted({each.instance_type for each in here})
        found += zone_checks(region, here, _offered(ec2, types), _subnet_zones(ec2, cluster_name), cluster_name)
    return found


def _quotas(client: AwsClient) -> list[Quota]:
    """What the account was granted, and AWS's defaults for the rest: the list of granted quotas lacks those never changed."""
    names: dict[str, Quota] = {}
    for operation in ("list_aws_default_service_quotas", "list_service_quotas"):
        for each in _all(client, operation, "Quotas", ServiceCode="ec2"):
            names[each["QuotaName"]] = Quota(each["QuotaName"], float(each["Value"]))
    return list(names.values())


def _running(ec2: AwsClient, fleet: str) -> list[Running]:
    """Machines that count against quotas now. What Karpenter has started for the fleet carries its tag, and is left out."""
    states = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
    counts: Counter[tuple[str, bool]] = Counter()
    for reservation in _all(ec2, "describe_instances", "Reservations", Filters=states):
        for each in reservation["Instances"]:
            if {"Key": FLEET, "Value": fleet} not in each.get("Tags", ()):
                counts[each["InstanceType"], each.get("InstanceLifecycle") == "spot"] += 1
    vcpus = _vcpus(ec2, sorted({name for name, _ in counts}))
    return [Running(name, spot, count * vcpus.get(name, 0)) for (name, spot), count in counts.items()]


def _vcpus(ec2: AwsClient, types: Sequence[str]) -> Mapping[str, int]:
    return {
        each["InstanceType"]: int(each["VCpuInfo"]["DefaultVCpus"])
        for begin in range(0, len(types), _AT_ONCE)
        for each in _all(ec2, "describe_instance_types", "InstanceTypes", InstanceTypes=list(types[begin : begin + _AT_ONCE]))
    }


def _offered(ec2: AwsClient, types: Sequence[str]) -> Mapping[str, Collection[str]]:
    zones: dict[str, set[str]] = {}
    for begin in range(0, len(types), _AT_ONCE):
        wanted = [{"Name": "instance-type", "Values": list(types[begin : begin + _AT_ONCE])}]
        for each in _all(
            ec2,
            "describe_instance_type_offerings",
            "InstanceTypeOfferings",
            LocationType="availability-zone",
            Filters=wanted,
        ):
            zones.setdefault(each["InstanceType"], set()).add(each["Location"])
    return zones


def _subnet_zones(ec2: AwsClient, cluster_name: str) -> Collection[str]:
    """As the node classes that `render` writes choose subnets."""
    tagged = [{"Name": "tag:karpenter.sh/discovery", "Values": [cluster_name]}]
    return {each["AvailabilityZone"] for each in _all(ec2, "describe_subnets", "Subnets", Filters=tagged)}


def _all(client: AwsClient, operation: str, key: str, **arguments: object) -> Iterable[Mapping[str, Any]]:
    for page in client.get_paginator(operation).paginate(**arguments):
        yield from cast("list[Mapping[str, Any]]", page[key])
