"""A user's own catalogue: CSV and YAML in one schema, own machines, and what each mistake is told."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camslice.fleet.errors import CatalogueError
from camslice.plan.catalogue.allocatable import allocatable, cpu_reserved_m, pod_limit
from camslice.plan.catalogue.catalogue import ANYWHERE, Catalogue, price_of
from camslice.plan.catalogue.instance_type import Purchase
from camslice.plan.catalogue.load import load_catalogue, parse_catalogue
from camslice.plan.catalogue.write import catalogue_text

HEADER = "type,vcpu,cores,memory_mb,on_demand@here\n"
BOX = HEADER + "box,16,8,64000,0.5\n"
OWN = "type,vcpu,cores,memory_mb,purchase_price_usd,years,watts,usd_per_kwh\nbox,16,8,64000,3504,4,250,0.2\n"


def parsed(text: str, *, yaml: bool = False) -> Catalogue:
    return parse_catalogue(text, "own.yaml" if yaml else "own.csv", yaml=yaml)


def complaint(text: str, *, yaml: bool = False) -> str:
    with pytest.raises(CatalogueError) as caught:
        parsed(text, yaml=yaml)
    return str(caught.value)


def test_the_least_that_a_row_must_say_is_enough() -> None:
    box = parsed(BOX)["box"]
    assert (box.vcpu, box.physical_cores, box.memory_mb) == (16, 8, 64000)
    assert (box.provider, box.family, box.cpu_family, box.architecture) == ("own", "box", "unknown", "x86_64")
    assert (box.accelerator, box.pod_limit, box.pod_limit_prefix, box.network_mbps) == (None, None, None, None)
    assert box.prices["here", Purchase.ON_DEMAND].usd_per_hour == 0.5
    assert pod_limit(box, prefix_delegation=True) == 110, "the kubelet's own limit where no network interface sets one"


def test_every_column_reaches_its_place() -> None:
    text = """\
# schema: camslice.catalogue/1
# date: 2026-10-01
# about: two offers
# source letter: the letter of 2 October
# price spot@here: 2026-11-02 letter
## what begins like this is for people: it may say anything
type,provider,family,cpu_family,architecture,vcpu,cores,memory_mb,accelerator,accelerators,accelerator_fraction,accelerator_memory_mb,pod_limit,pod_limit_prefix,network_mbps,interruption,on_demand@here,spot@here

# a remark between rows
a.big,acme,a,AMD Zen 4,arm64,64,32,256000,H100,2,,85000,58,250,10000,<5%,9.5,3.5
b.part,acme,b,,,8,4,32000,L4,,0.25,6000,,,,,1.5,
"""
    catalogue = parsed(text)
    big, part = catalogue["a.big"], catalogue["b.part"]
    assert (big.provider, big.family, big.cpu_family, big.architecture) == ("acme", "a", "AMD Zen 4", "arm64")
    assert (big.pod_limit, big.pod_limit_prefix, big.network_mbps, big.interruption) == (58, 250, 10000, "<5%")
    assert big.accelerator is not None
    assert (big.accelerator.name, big.accelerator.count, big.accelerator.memory_mb) == ("H100", 2, 85000)
    assert [profile.name for profile in big.accelerator.mig_profiles][:2] == ["1g.10gb", "1g.20gb"]
    assert part.accelerator is not None
    assert (part.accelerator.count, part.accelerator.fraction, part.accelerator.memory_mb) == (1, 0.25, 6000)
    spot, listed = big.prices["here", Purchase.SPOT], big.prices["here", Purchase.ON_DEMAND]
    assert (spot.usd_per_hour, spot.dated, spot.source) == (3.5, "2026-11-02", "the letter of 2 October")
    assert (listed.usd_per_hour, listed.dated, listed.source) == (9.5, "2026-10-01", "own.csv")
    assert ("here", Purchase.SPOT) not in part.prices
    assert (catalogue.date, catalogue.about) == ("2026-10-01", "two offers")


def test_a_part_of_a_card_cannot_be_cut_further() -> None:
    part = parsed(
        "type,vcpu,cores,memory_mb,accelerator,accelerator_fraction,accelerator_memory_mb,on_demand@x\na,2,1,8000,H100,0.5,85000,1\n"
    )
    assert part["a"].accelerator is not None
    assert part["a"].accelerator.mig_profiles == ()


def test_an_own_machine_is_spread_over_its_years_with_its_power() -> None:
    price = parsed(OWN)["box"].prices[ANYWHERE, Purchase.OWNED]
    assert price.usd_per_hour == pytest.approx(3504 / (4 * 8760) + 0.250 * 0.2)
    assert price.source == "computed: 3504 US dollars over 4 years, and 250 W at 0.2 US dollars a kWh"
    silent = parsed("type,vcpu,cores,memory_mb,purchase_price_usd,years\nbox,16,8,64000,8760,1\n")["box"]
    assert silent.prices[ANYWHERE, Purchase.OWNED].usd_per_hour == pytest.approx(1.0)
    assert "power not counted" in silent.prices[ANYWHERE, Purchase.OWNED].source
    assert price_of(silent, "eu-west-1", Purchase.OWNED) == silent.prices[ANYWHERE, Purchase.OWNED], "the same in every region"
    assert price_of(silent, "eu-west-1", Purchase.ON_DEMAND) is None


def test_yaml_says_the_same_as_csv() -> None:
    text = """\
schema: camslice.catalogue/1
date: 2026-10-01
sources: {letter: the letter of 2 October}
prices: {spot@here: 2026-11-02 letter}
instance_types:
  - {type: box, vcpu: 16, cores: 8, memory_mb: 6.4e+4, on_demand@here: 0.5, spot@here: 0.2, dated: 2026-11-03}
  - {type: own, vcpu: 4, cores: 4, memory_mb: 8000, purchase_price_usd: 8760, years: 1}
system_pods:
  bare: {about: only what must be, pods: [{name: kube-proxy, cpu_m: 100, memory_mb: 50, count: 2}]}
"""
    catalogue = parsed(text, yaml=True)
    box = catalogue["box"]
    assert (box.vcpu, box.memory_mb, catalogue.date) == (16, 64000, "2026-10-01")
    assert {(price.usd_per_hour, price.dated) for price in box.prices.values()} == {(0.5, "2026-11-03"), (0.2, "2026-11-03")}
    assert box.prices["here", Purchase.SPOT].source == "the letter of 2 October"
    bare = catalogue.pods_of_system("bare")
    left = allocatable(box, bare, prefix_delegation=False)
    assert left.pods == 108
    assert left.cpu_m == 16000 - cpu_reserved_m(16) - 200
    assert left.memory_mb == pytest.approx(64000 - (255 + 11 * 110 + 100) * 1.048576 - 100)
    assert {"case-study", "eks"} < set(catalogue.system_pods), "camslice's own lists stay there"


def test_a_file_may_add_to_the_packaged_catalogue(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("# extends: packaged\n" + BOX + "g4dn.xlarge,4,2,17180,0.1\n")
    catalogue = load_catalogue(path)
    assert len(catalogue) == 236
    assert catalogue["g4dn.xlarge"].prices.keys() == {("here", Purchase.ON_DEMAND)}, "the file's own row counts"
    assert catalogue["g4dn.2xlarge"] == load_catalogue()["g4dn.2xlarge"]
    assert len(load_catalogue(path).matching(["box"])) == 1


def test_tables_of_spreadsheets_are_read() -> None:
    assert parsed("\ufeff".encode().decode("utf-8-sig") + BOX.replace("\n", "\r\n"))["box"].vcpu == 16
    assert parsed(BOX.replace("box", '"box"') + ",,,,\n\n")["box"].vcpu == 16


WRONG = [
    ("", ["own.csv: this is empty; write a header"]),
    ("# date: 2026-01-01\n\n", ["this is empty"]),
    (HEADER, ["own.csv: it has no instance type; write a row for each."]),
    ('{"a": 1}\n', ["own.csv: the column '{\"a\": 1}' is not known"]),
    ('{"a": 1}\nx\n', ["own.csv: the column type is missing"]),
    ("<html>\n<body>\n", ["own.csv: the column type is missing"]),
    ("type;vcpu;cores;memory_mb\nbox;1;1;1\n", ["the column type is missing; its cells are not separated by commas"]),
    (BOX + "c,1,1\n", ["own.csv:3: this row has 3 cells and the header 5; check the commas."]),
    (BOX + '"c,1,1,1,1\n', ["own.csv:3: this is not CSV", "check quotes and commas"]),
    (BOX.replace("vcpu,", "").replace("16,", ""), ["own.csv: the column vcpu is missing; a catalogue has at least type, vcpu"]),
    (BOX.replace("cores", "vcpu"), ["own.csv: the column cores is missing"]),
    (BOX.replace("on_demand@here", "memory_mb"), ["own.csv: the column memory_mb is given twice; keep one."]),
    (BOX.replace("memory_mb", "memory_mb,vcpus").replace("64000", "64000,1"), ["'vcpus' is not known; did you mean vcpu?"]),
    (BOX.replace("on_demand@here", "ondemand@here"), ["'ondemand@here' is not known; did you mean on_demand@REGION?"]),
    (BOX.replace("on_demand@here", "colour"), ["'colour' is not known; known are type, vcpu"]),
    (BOX + "box,1,1,1000,1\n", ["own.csv:3: box is given twice (first on line 2); keep one."]),
    (BOX.replace("0.5", "-0.5"), ["own.csv:2: on_demand@here: -0.5 is not allowed; write US dollars per hour above 0."]),
    (BOX.replace("0.5", "0"), ["own.csv:2: on_demand@here: 0 is not allowed"]),
    (BOX.replace("0.5", "NaN"), ["own.csv:2: on_demand@here: NaN is not allowed"]),
    (BOX.replace("0.5", "inf"), ["own.csv:2: on_demand@here: inf is not allowed"]),
    (BOX.replace("0.5", "1e400"), ["on_demand@here: 1e400 is not allowed"]),
    (BOX.replace("0.5", '"0,5"'), ["on_demand@here: 0,5 is not allowed"]),
    (BOX.replace("0.5", "free"), ["on_demand@here: free is not allowed"]),
    (BOX.replace("0.5", ""), ["own.csv:2: box has no price; fill in a column such as on_demand@REGION"]),
    (BOX.replace("16", "NaN"), ["own.csv:2: vcpu: NaN is not allowed; write a whole number from 1."]),
    (BOX.replace("16", "1_6"), ["own.csv:2: vcpu: 1_6 is not allowed"]),
    (BOX.replace("16", "2.5"), ["own.csv:2: vcpu: 2.5 is not allowed"]),
    (BOX.replace("16", ""), ["own.csv:2: vcpu is missing; write a whole number from 1."]),
    (BOX.replace("8,", "17,"), ["own.csv:2: cores: 17 is not allowed; write at most its 16 vCPU."]),
    (BOX.replace("64000", "-1"), ["own.csv:2: memory_mb: -1 is not allowed; write a number of MB"]),
    (BOX.replace("box", ""), ["own.csv:2: type is missing; fill it in."]),
    (BOX.replace("box", "big box"), ["own.csv:2: type: big box is not allowed; write a name of letters"]),
    ("# schema: camslice.catalogue/2\n" + BOX, ["own.csv:1: its schema is camslice.catalogue/2, and this camslice reads"]),
    ("# date: last week\n" + BOX, ["own.csv:1: last week is no date; write YYYY-MM-DD."]),
    ("# dates: 2026-01-01\n" + BOX, ["own.csv:1: 'dates' is none of schema, date", "with ##"]),
    ("# extends: gcp\n" + BOX, ["own.csv:1: gcp cannot be extended; write packaged"]),
    ("# price on_demand@here: soon\n" + BOX, ["own.csv:1: soon is no date"]),
    (BOX.replace("cores", "cores,dated").replace(",8,", ",8,2026-13-01,"), ["own.csv:2: dated: 2026-13-01 is not allowed"]),
    (
        BOX.replace("cores", "cores,accelerator").replace(",8,", ",8,T4,"),
        ["own.csv:2: accelerator_memory_mb is missing; write"],
    ),
    (BOX.replace("cores", "cores,accelerators").replace(",8,", ",8,2,"), ["accelerators: there is no accelerator here"]),
    (OWN.replace(",4,250", ",,250"), ["own.csv:2: purchase_price_usd goes with years, which is missing; fill it in."]),
    (OWN.replace("3504,4", ",4"), ["own.csv:2: years goes with purchase_price_usd, which is missing"]),
    (OWN.replace("3504,4", ","), ["own.csv:2: watts goes with purchase_price_usd, which is missing"]),
    (OWN.replace(",0.2\n", ",\n"), ["own.csv:2: watts goes with usd_per_kwh, which is missing"]),
    (OWN.replace("3504", "-1"), ["own.csv:2: purchase_price_usd: -1 is not allowed; write a number of US dollars above 0."]),
    (OWN.replace(",4,", ",0,"), ["own.csv:2: years: 0 is not allowed"]),
]


@pytest.mark.parametrize(("text", "pieces"), WRONG)
def test_a_mistake_gets_one_sentence(text: str, pieces: list[str]) -> None:
    message = complaint(text)
    assert message.startswith("own.csv")
    assert message.endswith(".")
    assert "\n" not in message
    for piece in pieces:
        assert piece in message, message


WRONG_YAML = [
    ("", "own.yaml: instance_types is missing"),
    ("instance_types: {}\n", "own.yaml: instance_types is missing"),
    ("instance_types: []\n", "own.yaml: it has no instance type"),
    ("instance_types: [5]\n", "own.yaml:1: instance_types[0]: this is not allowed; write a mapping"),
    ("instance_types: [{type: a, vcpu: [1]}]\n", "instance_types[0].vcpu: this is not allowed; write text or a number"),
    ("instance_types: [{type: a, vcpu: .nan, cores: 1, memory_mb: 1}]\n", "own.yaml:1: vcpu: nan is not allowed"),
    ("instance_types: [{type: a, vcpu: true, cores: 1, memory_mb: 1}]\n", "vcpu: this is not allowed"),
    ("instance_types: [{type: a, vcpu: 1, cores: 1}]\n", "own.yaml: the column memory_mb is missing"),
    ("instance_types: [{type: a}, {type: b, vcpu: 1, cores: 1, memory_mb: 1}]\n", "own.yaml:1: vcpu is missing; write a whole"),
    ("machines: []\ninstance_types: []\n", "own.yaml:1: machines: this is not allowed; a catalogue has schema"),
    ("a: b: c\n", "own.yaml:1: this is not YAML"),
    ("instance_types: []\nsystem_pods: {a: []}\n", "own.yaml:2: system_pods.a: this is not allowed; write a mapping"),
    ("instance_types: []\nsystem_pods: {a: {}}\n", "own.yaml:2: system_pods.a: pods is missing"),
    ("instance_types: []\nsystem_pods: {a: {pods: [{cpu_m: 1}]}}\n", "system_pods.a.pods[0]: name is missing"),
    (
        "instance_types: []\nsystem_pods: {a: {pods: [{name: b, cpu: 1}]}}\n",
        "system_pods.a.pods[0].cpu: unknown key; known here",
    ),
    (
        "instance_types: []\nsystem_pods: {a: {pods: [{name: b, cpu_m: -1}]}}\n",
        "pods[0].cpu_m: -1 is not allowed; write a whole",
    ),
    ("instance_types: []\nsystem_pods: {a: {pods: [{name: b, memory_mb: .nan}]}}\n", "memory_mb: nan is not allowed"),
    ("instance_types: []\nsystem_pods: {a: {provenance: rumour, pods: []}}\n", "rumour is not allowed; write one of measured"),
]


@pytest.mark.parametrize(("text", "piece"), WRONG_YAML)
def test_a_mistake_in_yaml_gets_one_sentence(text: str, piece: str) -> None:
    message = complaint(text, yaml=True)
    assert message.startswith("own.yaml")
    assert "\n" not in message
    assert piece in message


@pytest.mark.parametrize(("content", "piece"), [(None, "no such file"), (b"\xff\xfe\x00", "not UTF-8"), (b"", "this is empty")])
def test_an_unreadable_file_gets_one_sentence(tmp_path: Path, content: bytes | None, piece: str) -> None:
    path = tmp_path / "own.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CatalogueError) as caught:
        load_catalogue(path)
    assert str(caught.value).startswith(str(path))
    assert piece in str(caught.value)


def test_a_folder_and_a_file_without_end_are_no_catalogues(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="it cannot be read"):
        load_catalogue(tmp_path)
    with pytest.raises(CatalogueError, match="larger than a catalogue can be"):
        load_catalogue(Path("/dev/zero"))


@given(text=st.text(alphabet=st.sampled_from('type,vcpu1.5\n"#:@- \x00é'), max_size=80))
def test_whatever_stands_in_a_file_only_a_catalogue_error_comes_out(text: str) -> None:
    for yaml in (False, True):
        with suppress(CatalogueError):
            parsed(text, yaml=yaml)


@given(
    vcpu=st.integers(1, 256),
    memory_mb=st.integers(500, 10**7),
    usd=st.floats(0.0001, 1000),
    limit=st.none() | st.integers(1, 5000),
)
def test_what_is_written_is_read_again(vcpu: int, memory_mb: int, usd: float, limit: int | None) -> None:
    text = (
        "# date: 2026-01-01\ntype,vcpu,cores,memory_mb,pod_limit,reserved@a.b\n"
        f"box,{vcpu},1,{memory_mb},{'' if limit is None else limit},{usd!r}\n"
    )
    catalogue = parsed(text)
    again = parse_catalogue(catalogue_text(catalogue), "own.csv")
    box, same = catalogue["box"], again["box"]
    assert (same.vcpu, same.memory_mb, same.pod_limit) == (vcpu, memory_mb, limit)
    assert same.prices["a.b", Purchase.RESERVED].usd_per_hour == pytest.approx(
        box.prices["a.b", Purchase.RESERVED].usd_per_hour
    )
    assert catalogue_text(again) == catalogue_text(catalogue)


@given(vcpu=st.integers(1, 400))
def test_more_cpus_never_leave_less_for_pods(vcpu: int) -> None:
    assert 0 <= cpu_reserved_m(vcpu) <= cpu_reserved_m(vcpu + 1) <= cpu_reserved_m(vcpu) + 60
    by_hand = sum(60 if core == 1 else 10 if core == 2 else 5 if core <= 4 else 2.5 for core in range(1, vcpu + 1))
    assert by_hand <= cpu_reserved_m(vcpu) < by_hand + 1
