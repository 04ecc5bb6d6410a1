"""`camslice doctor --plan`: what a plan cannot have is told before money is spent.

EC2 is moto's, Service Quotas a stub: neither of them is AWS.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from camslice.fleet.types import Topology
from camslice.plan.plan import FleetFile
from camslice.plan.plan_yaml import plan_text
from tests.command_line import ended
from tests.unit.cluster.made_plan import FLEET, node
from tests.unit.cluster.made_plan import plan as planned

G = "Running On-Demand G and VT instances"


class Quotas:
    """Service Quotas of EC2, which moto has not."""

    allows = 0.0

    def get_paginator(self, operation: str) -> Quotas:
        assert operation in ("list_service_quotas", "list_aws_default_service_quotas")
        return self

    def paginate(self, **arguments: object) -> Iterator[Mapping[str, object]]:
        assert arguments == {"ServiceCode": "ec2"}
        return iter([{"Quotas": [{"QuotaName": G, "Value": self.allows}]}])


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Quotas]]:
    boto3, moto = pytest.importorskip("boto3"), pytest.importorskip("moto")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    real = boto3.client
    monkeypatch.setattr(
        boto3, "client", lambda service, **how: Quotas() if service == "service-quotas" else real(service, **how)
    )
    monkeypatch.setattr(Quotas, "allows", 0.0)
    with moto.mock_aws():
        ec2 = real("ec2", region_name="us-east-1")
        vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.1.0/24", AvailabilityZone="us-east-1a")["Subnet"]["SubnetId"]
        ec2.create_tags(Resources=[subnet], Tags=[{"Key": "karpenter.sh/discovery", "Value": "street"}])
        yield Quotas


@pytest.fixture
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    return _plan(tmp_path, Topology.SLICED)


def _plan(folder: Path, topology: Topology, pods: int = 4, partition: str | None = None) -> Path:
    """Two nodes of g4dn.xlarge, 8 vCPUs together."""
    fleet = folder / "street.yaml"
    fleet.write_text(FLEET.replace("COUNT", str(2 * pods)), "utf-8")
    known = FleetFile("street.yaml", hashlib.sha256(fleet.read_bytes()).hexdigest())
    made = planned(node(topology, pods, count=2, partition=partition))
    path = folder / "plan.yaml"
    path.write_text(plan_text(replace(made, fleet=known)), "utf-8")
    return path


def checks(capsys: pytest.CaptureFixture[str], *options: str) -> list[dict[str, Any]]:
    """Those about the plan; the machine's own come first."""
    ended("doctor", *options, "--json")
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["checks"]
    names = [each["name"] for each in found]
    return found[names.index("plan") :]


def test_a_plan_that_the_account_may_rent_is_in_order(
    plan: Path, aws: type[Quotas], capsys: pytest.CaptureFixture[str]
) -> None:
    aws.allows = 8.0
    found = checks(capsys, "--plan", str(plan), "--cluster-name", "street")
    assert [(each["name"], each["ok"]) for each in found] == [("plan", True), ("quota", True), ("zones", True)]
    assert "8 cameras in 8 pods" in found[0]["detail"]


def test_a_new_accounts_quota_of_0_is_told_and_ends_with_1(
    plan: Path, aws: type[Quotas], capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended("doctor", "--plan", str(plan), "--cluster-name", "street") == 1
    said = " ".join(capsys.readouterr().out.split())
    assert f'the plan rents 8 vCPUs (2 g4dn.xlarge), and "{G}" allows 0' in said
    assert "Have it raised to 8 or more in Service Quotas" in said


@pytest.mark.usefixtures("aws")
def test_another_clusters_subnets_do_not_count(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = checks(capsys, "--plan", str(plan), "--cluster-name", "alley")
    assert [each["fix"] for each in found if each["name"] == "zones" and not each["ok"]] == [
        "Name the cluster with --cluster-name, or tag its subnets."
    ]


@pytest.mark.usefixtures("no_credentials")
def test_without_credentials_it_says_that_aws_was_not_asked_and_finds_no_fault(
    plan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("boto3")
    _, quota = checks(capsys, "--plan", str(plan))
    assert quota["ok"]
    assert quota["detail"].startswith("AWS was not asked for quotas and zones: AWS wants credentials")
    assert quota["fix"].startswith("Set AWS_PROFILE")


def test_without_boto3_the_extra_is_named(
    plan: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    _, quota = checks(capsys, "--plan", str(plan))
    assert (quota["ok"], quota["fix"]) == (True, "Install it with: pip install 'camslice[aws]'.")


def test_credentials_without_rights_are_told_which_they_need(
    plan: Path, aws: type[Quotas], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from botocore.exceptions import ClientError

    def refuses(self: Quotas, **_: object) -> Iterator[Mapping[str, object]]:
        raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "ListServiceQuotas")

    monkeypatch.setattr(aws, "paginate", refuses)
    _, quota = checks(capsys, "--plan", str(plan))
    assert quota["ok"]
    assert "AWS refuses ListServiceQuotas (AccessDeniedException)" in quota["detail"]
    assert "servicequotas:ListServiceQuotas" in quota["fix"]


@pytest.mark.usefixtures("no_credentials")
def test_what_render_refuses_is_a_finding_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = checks(capsys, "--plan", str(_plan(tmp_path, Topology.MIG, partition="1g.5gb")))
    assert not found["ok"]
    assert "T4, which MIG cannot cut" in found["detail"]
    assert found["fix"] == "Plan with sliced or pooled."


def test_a_plan_that_is_not_there_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("doctor", "--plan", str(tmp_path / "none.yaml")) == 2
    assert capsys.readouterr().err.count("\n") == 1
