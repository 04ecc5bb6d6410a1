"""`camslice cost` and `camslice catalogue`: what they print, what they refuse, and in which words."""

from __future__ import annotations

import builtins
import importlib
import json
import sys
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

import pytest

from camslice.cli import catalogue_check, catalogue_refresh, cost_run
from camslice.plan.catalogue.load import load_catalogue
from tests.command_line import ended

TODAY = date(2026, 11, 28)
OWN = "type,vcpu,cores,memory_mb,purchase_price_usd,years,watts,usd_per_kwh\nbox,16,8,64000,3504,4,250,0.2\n"


@pytest.fixture(autouse=True)
def _a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost_run, "today", lambda: TODAY)
    monkeypatch.setattr(catalogue_check, "today", lambda: TODAY)


def answer(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict[str, object]:
    assert ended(*arguments, "--json") == code
    captured = capsys.readouterr()
    assert captured.out.count("\n") == 1, "one JSON object and nothing else"
    found = json.loads(captured.out)
    assert isinstance(found, dict)
    return found


def cost_of(capsys: pytest.CaptureFixture[str], instance_type: str, cameras: int, *more: str) -> dict[str, object]:
    return answer(capsys, "cost", "--instance-type", instance_type, "--cameras", str(cameras), *more)


@pytest.mark.parametrize(
    ("instance_type", "cameras", "usd", "published"),
    [
        ("g4dn.xlarge", 1, 383.98, (353.03, -0.081)),
        ("g4dn.2xlarge", 20, 27.45, None),
        ("g4dn.8xlarge", 54, 29.42, (27.81, -0.055)),
    ],
)
def test_the_published_case_study_with_its_gaps(
    instance_type: str, cameras: int, usd: float, published: tuple[float, float] | None, capsys: pytest.CaptureFixture[str]
) -> None:
    found = cost_of(capsys, instance_type, cameras)
    assert round(found["usd_per_camera_month"], 2) == usd
    assert found["counted"] == "nodes"
    assert sum(line["usd_per_month"] for line in found["lines"]) / cameras == pytest.approx(found["usd_per_camera_month"])
    shown = [(each["usd_per_camera_month"], round(each["gap"], 3), each["profile"]) for each in found["published"]]
    assert shown == ([] if published is None else [(*published, "t4-case-study")])


def test_with_everything_54_cameras_miss_30_dollars(capsys: pytest.CaptureFixture[str]) -> None:
    found = cost_of(capsys, "g4dn.8xlarge", 54, "--full")
    assert found["counted"] == "everything"
    assert found["usd_per_camera_month"] == found["usd_per_camera_month_full"] == pytest.approx(30.77, abs=0.05)
    assert round(found["usd_per_camera_month_nodes_only"], 2) == 29.42
    assert found["lines"] == found["full_lines"]
    assert sum(line["usd_per_month"] for line in found["lines"]) == pytest.approx(found["usd_per_month"])


def test_people_see_both_figures_and_the_gap(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("cost", "--instance-type", "g4dn.8xlarge", "--cameras", "54") == 0
    printed = capsys.readouterr().out
    for piece in ("29.42", "30.80", "counting the nodes alone", "27.81 $, 5.5% below", "2026-07-20", "AWS list price"):
        assert piece in printed


def test_published_figures_stay_away_from_what_they_are_not_of(capsys: pytest.CaptureFixture[str]) -> None:
    for more in (["--region", "eu-west-1"], ["--purchase", "reserved"], ["--hours-per-month", "720"], ["--nodes", "4"]):
        assert cost_of(capsys, "g4dn.8xlarge", 54, *more)["published"] == [], more
    assert len(cost_of(capsys, "g4dn.8xlarge", 540, "--nodes", "10")["published"]) == 1


def test_every_line_can_be_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    more = ["--full", "--ingest", "nat", "--kbps", "2000", "--disk-gb", "100", "--system-nodes", "2", "--system-instance-type"]
    found = cost_of(capsys, "g4dn.xlarge", 10, *more, "m5.large", "--nodes", "2", "--hours-per-month", "720")
    hours, gb = 720, 10 * 2000 * 1000 / 8 * 720 * 3600 / 1e9
    expected = 2 * 0.526 * hours + 4 * 100 * 0.08 + (0.10 + 2 * 0.096 + 0.045) * hours + gb * 0.045
    assert found["usd_per_month"] == pytest.approx(expected)
    assert found["hours_per_month"] == 720


def test_spot_is_dated_clipped_and_says_how_long_cameras_are_blind(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("cost", "--instance-type", "g4dn.xlarge", "--cameras", "1", "--purchase", "spot") == 2
    refused = capsys.readouterr().err
    assert "g4dn.xlarge has a spot price of 2025-05-01, 576 days old" in refused
    assert "--accept-old-spot" in refused
    found = cost_of(capsys, "g4dn.xlarge", 1, "--purchase", "spot", "--accept-old-spot")
    assert found["usd_per_camera_month"] == pytest.approx(0.1578 * 730)
    blind = found["blind_minutes_per_camera_month"]
    assert (blind["provenance"], blind["interruption"], blind["minutes_to_replace"]) == ("assumed", "15-20%", 5.0)
    assert blind["low"] == pytest.approx(0.813, abs=0.001)
    dear = cost_of(capsys, "p5.48xlarge", 1, "--purchase", "spot", "--accept-old-spot")
    assert dear["price"]["usd_per_hour"] == 55.04
    assert cost_of(capsys, "g4dn.xlarge", 1)["blind_minutes_per_camera_month"] is None


def test_an_own_machine_costs_what_it_costs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "own.csv").write_text(OWN)
    found = cost_of(capsys, "box", 10, "--purchase", "owned", "--catalogue", str(tmp_path / "own.csv"), "--full")
    assert found["usd_per_camera_month"] == pytest.approx((3504 / 35040 + 0.05) * 730 / 10)
    assert found["usd_per_camera_month"] == found["usd_per_camera_month_nodes_only"], "nobody charges for a control plane"
    assert found["price"]["source"].startswith("computed: 3504 US dollars over 4 years")


WRONG = [
    (["--instance-type", "g4dn.9xlarge", "--cameras", "1"], "there is no instance type g4dn.9xlarge"),
    (["--instance-type", "g4dn.xlarge", "--cameras", "0"], "cameras"),
    (["--instance-type", "g4dn.xlarge", "--cameras", "1", "--purchase", "gift"], "--purchase gift: choose one of on_demand"),
    (["--instance-type", "g4dn.xlarge", "--cameras", "1", "--region", "mars"], "has no on demand price in mars, but in"),
    (["--instance-type", "g4dn.xlarge", "--cameras", "1", "--ingest", "nat"], "add --kbps"),
    (["--instance-type", "g4dn.xlarge", "--cameras", "1", "--ingest", "post"], "--ingest post: choose one of direct, nat, vpn"),
    (["--instance-type", "g4dn.xlarge", "--cameras", "1", "--system-nodes", "1"], "add --system-instance-type"),
    (["--instance-type", "g4dn.xlarge", "--cameras", "1", "--catalogue", "nowhere.csv"], "nowhere.csv: there is no such file"),
]


@pytest.mark.parametrize(("arguments", "piece"), WRONG)
def test_what_cannot_be_priced_is_told_in_a_sentence(
    arguments: list[str], piece: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended("cost", *arguments) == 2
    assert piece in capsys.readouterr().err


BROKEN = [
    (OWN.replace("3504", "-1"), "own.csv:2: purchase_price_usd: -1 is not allowed"),
    (OWN.replace("memory_mb,", "").replace("64000,", ""), "own.csv: the column memory_mb is missing"),
    (OWN.replace("64000", "NaN"), "own.csv:2: memory_mb: NaN is not allowed"),
    (OWN + OWN.splitlines()[1] + "\n", "own.csv:3: box is given twice (first on line 2)"),
    (OWN.replace("watts", "wats"), "'wats' is not known; did you mean watts?"),
    ("", "own.csv: this is empty"),
    ("\x89PNG\r\n", "own.csv: the column type is missing"),
]


@pytest.mark.parametrize(
    "command", [["catalogue", "list"], ["catalogue", "check"], ["cost", "--instance-type", "box", "--cameras", "1"]]
)
@pytest.mark.parametrize(("text", "piece"), BROKEN)
def test_a_wrong_catalogue_is_one_sentence_and_exit_code_2(
    command: list[str],
    text: str,
    piece: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.csv").write_text(text)
    if not text.isprintable() and "PNG" in text:
        Path("own.csv").write_bytes(b"\x89PNG\r\n\x1a\n")
        piece = "this is not UTF-8 text"
    assert ended(*command, "--catalogue", "own.csv") == 2
    said = capsys.readouterr().err
    assert piece in said
    assert said.startswith("camslice: own.csv")
    assert said.count("\n") == 1


# --- catalogue


def test_the_list_shows_types_prices_and_their_dates(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("catalogue", "list", "--type", "g4dn.*") == 0
    printed = capsys.readouterr().out
    for piece in (
        "g4dn.8xlarge",
        "2.1760",
        "58/250",
        "1 x T4",
        "on demand: 2026-07-20",
        "spot: 2025-05-01",
        "Intel Cascade Lake: g4dn",
    ):
        assert piece in printed
    assert "g5." not in printed


def test_the_list_as_json_has_every_fact(capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, "catalogue", "list")
    assert len(found["instance_types"]) == 235
    box = next(each for each in found["instance_types"] if each["name"] == "g4dn.8xlarge")
    assert (box["vcpu"], box["physical_cores"], box["cpu_family"], box["pod_limit"]) == (32, 16, "Intel Cascade Lake", 58)
    assert box["accelerator"]["name"] == "T4"
    assert {"region": "us-east-1", "purchase": "on_demand", "usd_per_hour": 2.176, "dated": "2026-07-20"}.items() <= box[
        "prices"
    ][0].items()
    assert {"case-study", "eks"} <= found["system_pods"].keys()
    one = answer(capsys, "catalogue", "list", "--type", "p5.4xlarge")
    assert [each["name"] for each in one["instance_types"]] == ["p5.4xlarge"]
    assert len(one["instance_types"][0]["accelerator"]["mig_profiles"]) == 6


def test_a_pattern_without_a_type_and_a_region_without_a_price_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("catalogue", "list", "--type", "z*") == 2
    assert "no instance type in camslice's own catalogue matches z*" in capsys.readouterr().err
    assert ended("catalogue", "list", "--type", "g7e.*", "--region", "mars") == 0
    assert "none of these has a price in mars; there are prices in us-east-1" in capsys.readouterr().out


def test_the_packaged_catalogue_is_sound(capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, "catalogue", "check")
    assert (found["instance_types"], found["faults"]) == (235, [])
    assert ended("catalogue", "check") == 0
    assert "235 instance types, 0 faults, 15 remarks" in capsys.readouterr().out


def test_faults_are_printed_and_end_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "own.csv"
    path.write_text("# date: 2027-01-01\ntype,vcpu,cores,memory_mb,on_demand@x\na.small,2,2,4000,2\na.large,4,4,8000,1\n")
    found = answer(capsys, "catalogue", "check", "--catalogue", str(path), code=1)
    assert {(fault["instance_type"], fault["what"]) for fault in found["faults"]} == {
        ("a.small", "its on demand price in x is of 2027-01-01, which is yet to come"),
        ("a.large", "its on demand price in x is of 2027-01-01, which is yet to come"),
        ("a.large", "costs less than a.small (on demand, x), which is smaller"),
    }


# --- catalogue refresh


class Pages:
    """The price list, which moto has not."""

    def get_paginator(self, operation: str) -> Pages:
        assert operation == "get_products"
        return self

    def paginate(self, **_: object) -> Iterator[Mapping[str, object]]:
        facts = {"instanceType": "g4dn.xlarge", "operatingSystem": "Linux", "tenancy": "Shared", "preInstalledSw": "NA"}
        price = {"unit": "Hrs", "pricePerUnit": {"USD": "0.6000000000"}}
        terms = {"OnDemand": {"A": {"priceDimensions": {"B": price}}}}
        product = {"product": {"attributes": {**facts, "capacitystatus": "Used"}}, "terms": terms}
        return iter([{"PriceList": [json.dumps(product)]}])


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    boto3, moto = pytest.importorskip("boto3"), pytest.importorskip("moto")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    real = boto3.client
    monkeypatch.setattr(boto3, "client", lambda service, **how: Pages() if service == "pricing" else real(service, **how))
    with moto.mock_aws():
        yield


@pytest.mark.usefixtures("aws")
def test_a_refreshed_catalogue_is_a_file_that_can_be_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "now.csv"
    assert ended("catalogue", "refresh", "--out", str(out), "--type", "g4dn.xlarge") == 0
    captured = capsys.readouterr()
    assert "g4dn.xlarge, on demand, us-east-1: 0.526 -> 0.6" in captured.out
    assert "g4dn.xlarge, reserved, us-east-1: 0.309247 -> none" in captured.out
    assert load_catalogue(out)["g4dn.xlarge"].cpu_family == "Intel Cascade Lake"
    found = cost_of(capsys, "g4dn.xlarge", 1, "--catalogue", str(out))
    assert found["usd_per_camera_month"] == pytest.approx(0.6 * 730)
    assert found["price"]["source"].startswith("AWS Price List API")
    again = answer(capsys, "catalogue", "refresh", "--out", str(out), "--type", "g4dn.xlarge", "--catalogue", str(out))
    assert (again["instance_types"], again["changes"], again["path"]) == (1, [], str(out))


@pytest.mark.usefixtures("aws")
def test_without_a_type_those_at_hand_are_renewed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, "catalogue", "refresh", "--out", str(tmp_path / "now.csv"))
    assert 150 < found["instance_types"] <= 235
    assert {change["purchase"] for change in found["changes"]} == {"on_demand", "reserved", "spot"}


def test_without_boto3_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    assert ended("catalogue", "refresh", "--out", str(tmp_path / "now.csv")) == 2
    said = capsys.readouterr().err
    assert said == "camslice: prices are fetched with boto3, which is not here; install it with: pip install 'camslice[aws]'.\n"
    assert not (tmp_path / "now.csv").exists()


def test_without_credentials_it_says_what_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("boto3")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    assert ended("catalogue", "refresh", "--out", str(tmp_path / "now.csv")) == 2
    said = capsys.readouterr().err
    assert "AWS wants credentials, and none were found; set AWS_PROFILE" in said
    assert said.strip().count("\n") == 0


def test_a_refusal_and_a_dead_network_are_sentences(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    exceptions = pytest.importorskip("botocore.exceptions")
    refused = exceptions.ClientError({"Error": {"Code": "UnauthorizedOperation"}}, "DescribeInstanceTypes")
    dead = exceptions.EndpointConnectionError(endpoint_url="https://ec2.mars.amazonaws.com/")
    for error, piece in (
        (refused, "AWS refuses DescribeInstanceTypes (UnauthorizedOperation)"),
        (dead, "AWS cannot be asked (Could"),
    ):

        def fail(*_: object, error: Exception = error, **__: object) -> None:
            raise error

        monkeypatch.setattr(catalogue_refresh, "refreshed", fail)
        assert ended("catalogue", "refresh", "--out", str(tmp_path / "now.csv")) == 2
        said = capsys.readouterr().err
        assert piece in said
        assert said.strip().count("\n") == 0


def test_a_defect_of_ours_is_not_blamed_on_aws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("boto3")

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(catalogue_refresh, "refreshed", fail)
    assert ended("catalogue", "refresh", "--out", str(tmp_path / "now.csv")) == 70
    assert "this is a defect of camslice" in capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_told_before_anything_is_fetched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for out, piece in ((tmp_path, "is a folder"), (tmp_path / "no" / "now.csv", "its folder does not exist")):
        assert ended("catalogue", "refresh", "--out", str(out)) == 2
        assert piece in capsys.readouterr().err


def test_listing_pricing_and_checking_need_no_boto3(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = builtins.__import__

    def guarded(name: str, *rest: object, **more: object) -> object:
        assert not name.startswith("boto"), f"{name} is imported"
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", guarded)
    monkeypatch.setattr(importlib, "import_module", lambda name, package=None: guarded(name, fromlist=[""]))
    assert ended("catalogue", "check") == 0
    assert ended("cost", "--instance-type", "g4dn.xlarge", "--cameras", "1") == 0
    capsys.readouterr()
