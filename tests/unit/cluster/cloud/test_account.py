"""An account is asked for what counts: EC2 as moto plays it; Service Quotas by botocore's stub, which holds each answer against
the API's own model, because moto knows no quotas of EC2. Neither is AWS."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from camslice.cluster.cloud.account import account_checks
from camslice.cluster.cloud.rented import Rented

boto3 = pytest.importorskip("boto3")
moto = pytest.importorskip("moto")
stub = pytest.importorskip("botocore.stub")

G = "Running On-Demand G and VT instances"
STANDARD = "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances"
REGION = "us-east-1"
T4 = [Rented("g4dn.xlarge", REGION, False, 2, 4)]


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    with moto.mock_aws():
        yield


def clients(defaults: Mapping[str, float], granted: Mapping[str, float]) -> Callable[[str, str], Any]:
    quotas = boto3.client("service-quotas", region_name=REGION)
    stubber = stub.Stubber(quotas)
    for operation, pages in (
        ("list_aws_default_service_quotas", [defaults]),
        ("list_service_quotas", [{"EC2-VPC Elastic IPs": 5.0}, granted]),  # two pages
    ):
        for number, page in enumerate(pages, 1):
            token = {"NextToken": "more"} if number < len(pages) else {}
            asked = {"ServiceCode": "ec2"} | ({"NextToken": "more"} if number > 1 else {})
            answer = {"Quotas": [{"QuotaName": name, "Value": value} for name, value in page.items()], **token}
            stubber.add_response(operation, answer, asked)
    stubber.activate()
    return lambda service, region: quotas if service == "service-quotas" else boto3.client(service, region_name=region)


def subnet(zone: str, cluster: str = "street") -> str:
    ec2 = boto3.client("ec2", region_name=REGION)
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    made = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.1.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
    ec2.create_tags(Resources=[made], Tags=[{"Key": "karpenter.sh/discovery", "Value": cluster}])
    return str(made)


def start(instance_type: str, count: int, tags: Sequence[Mapping[str, str]] = (), **further: Any) -> list[str]:
    ec2 = boto3.client("ec2", region_name=REGION)
    image = ec2.describe_images()["Images"][0]["ImageId"]
    of_tags = {"TagSpecifications": [{"ResourceType": "instance", "Tags": list(tags)}]} if tags else {}
    made = ec2.run_instances(ImageId=image, InstanceType=instance_type, MinCount=count, MaxCount=count, **of_tags, **further)
    return [each["InstanceId"] for each in made["Instances"]]


def verdicts(of: Callable[[str, str], Any], wanted: Sequence[Rented] = T4) -> list[tuple[str, bool, str]]:
    return [(each.name, each.ok, each.detail) for each in account_checks(of, wanted, "street", "street")]


def test_what_was_granted_holds_and_not_the_default() -> None:
    subnet("us-east-1a")
    (quota, zones) = verdicts(clients({G: 0.0, STANDARD: 5.0}, {G: 8.0}))
    assert quota == ("quota", True, f'us-east-1: the plan rents 8 vCPUs (2 g4dn.xlarge), and "{G}" allows 8')
    assert zones[:2] == ("zones", True)


def test_a_quota_that_was_never_changed_is_at_its_default_of_nothing() -> None:
    subnet("us-east-1a")
    (quota, _) = verdicts(clients({G: 0.0, STANDARD: 5.0}, {STANDARD: 64.0}))
    assert quota[:2] == ("quota", False)
    assert quota[2].endswith(f'"{G}" allows 0')


def test_machines_that_run_take_of_it_but_not_those_of_this_fleet_nor_those_that_ended() -> None:
    subnet("us-east-1a")
    start("g5.2xlarge", 1)
    start("m5.large", 3)
    start("g4dn.xlarge", 2, [{"Key": "camslice.dev/fleet", "Value": "street"}])
    start("g4dn.xlarge", 1, [{"Key": "camslice.dev/fleet", "Value": "another"}])
    ended = start("g5.48xlarge", 1)
    boto3.client("ec2", region_name=REGION).terminate_instances(InstanceIds=ended)
    (quota, _) = verdicts(clients({G: 16.0}, {}))
    assert quota[1] is False
    assert "of which other machines take 12" in quota[2]


def test_zones_are_those_of_the_clusters_own_subnets() -> None:
    subnet("us-east-1a", "another")
    told = verdicts(clients({G: 64.0}, {}))
    assert [each[:2] for each in told] == [("quota", True), ("zones", False), ("zones", True)]
    assert "karpenter.sh/discovery=street" in told[1][2]


def test_a_zone_without_an_offering_is_refused() -> None:
    """us-east-1e has no g5, as moto has it from EC2's own answers."""
    subnet("us-east-1e")
    (_, zones) = verdicts(clients({G: 64.0}, {}), [Rented("g5.xlarge", REGION, False, 1, 4)])
    assert zones[1] is False
    assert "cluster street has subnets in us-east-1e alone" in zones[2]


def test_nothing_is_asked_for_a_plan_that_rents_nothing() -> None:
    def nobody(service: str, region: str) -> Any:
        raise AssertionError(f"{service} in {region} was asked")

    assert account_checks(nobody, [], "street", "street") == []
