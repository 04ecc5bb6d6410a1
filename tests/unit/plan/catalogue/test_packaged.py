"""The catalogue that comes with camslice: its facts, against sources that had no part in making it."""

from __future__ import annotations

import csv
import gzip
import json
from importlib import resources
from pathlib import Path

import pytest

from camslice.fleet.errors import CatalogueError
from camslice.fleet.profile_json import load_profile
from camslice.plan.catalogue.allocatable import allocatable, pod_limit
from camslice.plan.catalogue.catalogue import Catalogue
from camslice.plan.catalogue.instance_type import InstanceType, Purchase
from camslice.plan.catalogue.load import load_catalogue, packaged_text
from camslice.plan.catalogue.write import catalogue_text
from tests.needs import shared_file

MB_PER_MIB = 1.048576
CATALOGUE = load_catalogue()
FAMILIES_THAT_PROFILES_NAME = {
    "AMD Zen 2", "AMD Zen 3", "AMD Zen 4", "Arm Neoverse N1", "Arm Neoverse V1", "Arm Neoverse V2", "Intel Broadwell",
    "Intel Cascade Lake", "Intel Granite Rapids", "Intel Ice Lake", "Intel Sapphire Rapids", "Intel Skylake",
}  # fmt: skip
NOT_SURE = {"unknown", "Intel Skylake or Cascade Lake"}


def named(name: str) -> InstanceType:
    return CATALOGUE[name]


@pytest.mark.parametrize(
    ("name", "limit", "pods"),
    [("g4dn.xlarge", 29, 25), ("g4dn.2xlarge", 29, 25), ("g4dn.4xlarge", 29, 25), ("g4dn.8xlarge", 58, 54)],
)
def test_the_published_case_studys_54_pods_are_58_less_4(name: str, limit: int, pods: int) -> None:
    case_study = CATALOGUE.pods_of_system("case-study")
    assert pod_limit(named(name), prefix_delegation=False) == limit
    assert allocatable(named(name), case_study, prefix_delegation=False).pods == pods
    assert pod_limit(named("g4dn.2xlarge"), prefix_delegation=True) == 110


def test_facts_agree_with_what_the_provider_answers() -> None:
    """The answers of DescribeInstanceTypes that moto carries; the types that it lacks are old ones."""
    answers = json.loads(gzip.decompress(resources.files("moto.ec2").joinpath("resources/instance_types.json.gz").read_bytes()))
    known = [each for each in CATALOGUE.values() if each.name in answers]
    assert len(known) >= 220
    for each in known:
        answer = answers[each.name]
        network, cpu = answer["NetworkInfo"], answer["VCpuInfo"]
        assert (each.vcpu, each.physical_cores) == (cpu["DefaultVCpus"], cpu["DefaultCores"]), each.name
        assert each.memory_mb == pytest.approx(answer["MemoryInfo"]["SizeInMiB"] * MB_PER_MIB, abs=1), each.name
        interfaces = network["NetworkCards"][0]["MaximumNetworkInterfaces"]
        assert each.pod_limit == interfaces * (network["Ipv4AddressesPerInterface"] - 1) + 2, each.name
        assert each.architecture in answer["ProcessorInfo"]["SupportedArchitectures"], each.name
        maker = {"AMD": "AMD", "Intel": "Intel", "AWS": "Arm"}[answer["ProcessorInfo"]["Manufacturer"]]
        assert each.cpu_family.startswith(maker) or each.cpu_family == "unknown", each.name
        assert_same_accelerator(each, answer)


def assert_same_accelerator(each: InstanceType, answer: dict[str, dict[str, list[dict[str, object]]]]) -> None:
    devices = answer.get("GpuInfo", {}).get("Gpus") or answer.get("NeuronInfo", {}).get("NeuronDevices")
    if devices is None:
        assert each.accelerator is None, each.name
        return
    (device,) = devices
    assert each.accelerator is not None, each.name
    fraction = device.get("GpuPartitionSize", 1)
    assert each.accelerator.name == device["Name"], each.name
    assert (each.accelerator.count, each.accelerator.fraction) == (device["Count"] if fraction == 1 else 1, fraction), each.name
    stated = device["MemoryInfo"]["SizeInMiB"] * MB_PER_MIB
    usable = stated * 15 / 16 if each.accelerator.name in {"T4", "T4g"} else stated
    assert each.accelerator.memory_mb == pytest.approx(usable, rel=0.001), each.name


def test_what_kubernetes_keeps_back_agrees_with_figures_computed_elsewhere() -> None:
    rows = list(csv.DictReader(shared_file("catalogue/aws_instances.csv").open()))
    assert len(rows) == len(CATALOGUE) == 235
    nothing = CATALOGUE.pods_of_system("none")
    for row in rows:
        left = allocatable(named(row["instance_type"]), nothing, prefix_delegation=False)
        assert left.cpu_m == int(row["alloc_cpu_m"]), row["instance_type"]
        assert left.memory_mb == pytest.approx(int(row["alloc_mem_mib"]) * MB_PER_MIB, abs=1.6), row["instance_type"]
        assert left.pods == int(row["max_pods_eni"]), row["instance_type"]


def test_prefix_delegation_lifts_the_limit_to_what_the_provider_advises() -> None:
    assert pod_limit(named("g4dn.8xlarge"), prefix_delegation=True) == 250
    assert pod_limit(named("c7i.xlarge"), prefix_delegation=True) == 110
    assert pod_limit(named("c7g.medium"), prefix_delegation=True) == 2 * 3 * 16 + 2
    assert pod_limit(named("p3.2xlarge"), prefix_delegation=True) == named("p3.2xlarge").pod_limit, "not a Nitro machine"


def test_processors_are_named_as_profiles_name_them_or_said_to_be_unknown() -> None:
    assert {each.cpu_family for each in CATALOGUE.values()} == FAMILIES_THAT_PROFILES_NAME | NOT_SURE
    assert {each.family for each in CATALOGUE.values() if each.cpu_family == "unknown"} == {"g7", "g7e"}
    assert {each.family for each in CATALOGUE.values() if each.cpu_family.endswith("or Cascade Lake")} == {"c5", "m5"}
    machine = load_profile("t4-case-study").machine
    case_study = named("g4dn.8xlarge")
    assert (case_study.cpu_family, case_study.accelerator_name) == (machine.cpu_family, machine.accelerator)
    assert case_study.accelerator is not None
    assert case_study.accelerator.memory_mb == machine.accelerator_memory_mb


def test_only_cards_that_can_be_cut_have_partitions() -> None:
    cut = {each.accelerator_name for each in CATALOGUE.values() if each.accelerator and each.accelerator.mig_profiles}
    assert cut == {"A100", "H100", "H200"}
    small, large = named("p4d.24xlarge").accelerator, named("p4de.24xlarge").accelerator
    assert small is not None
    assert large is not None
    assert small.mig_profiles[0].name == "1g.5gb"
    assert large.mig_profiles[0].name == "1g.10gb"
    for card in (small, large):
        for profile in card.mig_profiles:
            assert profile.count * profile.slices <= profile.of_slices
            assert profile.count * profile.memory_mb <= card.memory_mb + 10, profile


def test_prices_say_their_date_and_who_states_them() -> None:
    prices = [(key, price) for each in CATALOGUE.values() for key, price in each.prices.items()]
    assert {key[1] for key, _ in prices} == {Purchase.ON_DEMAND, Purchase.RESERVED, Purchase.SPOT}
    assert {price.dated for key, price in prices if key[1] is Purchase.ON_DEMAND} == {"2026-07-20"}
    assert {price.dated for key, price in prices if key[1] is Purchase.SPOT} == {"2025-05-01"}
    assert all(price.source.startswith("AWS ") for _, price in prices)
    assert named("g4dn.8xlarge").prices["us-east-1", Purchase.ON_DEMAND].usd_per_hour == 2.176
    assert all(("us-east-1", Purchase.ON_DEMAND) in each.prices for each in CATALOGUE.values())


def test_the_file_is_what_the_writer_writes() -> None:
    assert catalogue_text(CATALOGUE) == packaged_text()


def test_a_type_is_found_by_name_or_the_nearest_one_is_named() -> None:
    assert CATALOGUE.find("g4dn.xlarge").vcpu == 4
    with pytest.raises(CatalogueError, match=r"no instance type g4dn.9xlarge in .*; did you mean g4dn\.\d*xlarge\?"):
        CATALOGUE.find("g4dn.9xlarge")


def test_types_are_chosen_by_patterns() -> None:
    assert [each.name for each in CATALOGUE.matching(["p5*", "g6f.large"])] == [
        "g6f.large", "p5.4xlarge", "p5.48xlarge", "p5en.48xlarge",
    ]  # fmt: skip
    assert len(CATALOGUE.matching([])) == 235
    with pytest.raises(CatalogueError, match=r"matches z9\.\*; `camslice catalogue list` shows"):
        CATALOGUE.matching(["g4dn.*", "z9.*"])


def test_lists_of_system_pods_say_what_they_are() -> None:
    gpu, cpu = named("g4dn.8xlarge"), named("c7i.4xlarge")
    eks = CATALOGUE.pods_of_system("eks")
    assert eks.count_on(gpu) == 6
    assert {pod.name for pod in eks.on(gpu)} - {pod.name for pod in eks.on(cpu)} == {"nvidia-device-plugin", "dcgm-exporter"}
    assert (eks.provenance, CATALOGUE.pods_of_system("case-study").provenance) == ("assumed", "fitted")
    assert "names neither" in CATALOGUE.pods_of_system("case-study").about
    with pytest.raises(CatalogueError, match=r"no list of system pods gke in .*; choose one of case-study, eks, none"):
        CATALOGUE.pods_of_system("gke")


def test_a_catalogue_is_a_mapping() -> None:
    assert isinstance(CATALOGUE, Catalogue)
    assert "g4dn.xlarge" in CATALOGUE
    assert len(list(CATALOGUE)) == 235
    assert Path(CATALOGUE.origin).name == "camslice's own catalogue"
    assert {"us-east-1", "eu-west-1", "eu-central-1", "ap-northeast-1", "us-west-2"} == set(CATALOGUE.regions())
