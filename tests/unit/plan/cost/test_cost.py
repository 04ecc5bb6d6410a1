"""What a fleet costs: the published case study's figures at list price, the lines besides nodes, and which prices count."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camslice.fleet.errors import PlanError
from camslice.fleet.profile_json import load_profile
from camslice.fleet.secrets import Source
from camslice.fleet.types import CameraSpec, Ingest, StreamFormat
from camslice.plan.catalogue.catalogue import ANYWHERE
from camslice.plan.catalogue.instance_type import InstanceType, Price, Purchase
from camslice.plan.catalogue.load import load_catalogue, parse_catalogue
from camslice.plan.cost.lines import CostLines, CostSettings, NodeGroup, cost_lines, fixed_lines, node_usd_per_month
from camslice.plan.cost.network import VideoIn, gb_per_month
from camslice.plan.cost.node_price import NoPrice, PriceRules, node_usd_per_hour
from camslice.plan.cost.published import published_prices
from camslice.plan.cost.rates import packaged_rates
from camslice.plan.cost.spot import blind_minutes

CATALOGUE = load_catalogue()
TODAY = date(2026, 11, 28)
AWS = packaged_rates()["aws"]
OWN = parse_catalogue("type,vcpu,cores,memory_mb,purchase_price_usd,years\nbox,16,8,64000,8760,2\n", "own.csv")["box"]


def nodes(name: str, count: int = 1, region: str = "us-east-1") -> NodeGroup:
    instance_type = CATALOGUE[name]
    price = node_usd_per_hour(instance_type, region, Purchase.ON_DEMAND, PriceRules(TODAY))
    assert isinstance(price, float)
    return NodeGroup(instance_type, count, price, region=region)


def cost(name: str, cameras: int, count: int = 1, **settings: object) -> CostLines:
    return cost_lines([nodes(name, count)], VideoIn(cameras), replace(CostSettings(), **settings))


@pytest.mark.parametrize(
    ("name", "cameras", "usd", "published", "gap"),
    [
        ("g4dn.xlarge", 1, 383.98, 353.03, -0.081),
        ("g4dn.2xlarge", 20, 27.45, None, None),
        ("g4dn.8xlarge", 54, 29.42, 27.81, -0.055),
    ],
)
def test_the_published_case_study_at_list_price(
    name: str, cameras: int, usd: float, published: float | None, gap: float | None
) -> None:
    each = cost(name, cameras).usd_per_camera_month_nodes_only
    assert round(each, 2) == usd
    found = published_prices([load_profile("t4-case-study")], name, cameras, each)
    assert [(one.usd_per_camera_month, round(one.gap, 3)) for one in found] == ([] if published is None else [(published, gap)])
    assert all("price basis is not stated" in one.source for one in found)


def test_nothing_is_published_of_another_number_of_cameras() -> None:
    assert published_prices([load_profile("t4-case-study")], "g4dn.8xlarge", 53, 30.0) == ()


def test_54_cameras_on_one_node_miss_30_dollars_once_everything_is_counted() -> None:
    whole = cost("g4dn.8xlarge", 54)
    control_plane, disk = 0.10 * 730, 20 * 0.08
    assert whole.usd_per_month == pytest.approx(2.176 * 730 + control_plane + disk)
    assert whole.usd_per_camera_month == pytest.approx(30.77, abs=0.05)
    assert [line.usd_per_month for line in whole.rest] == pytest.approx([disk, control_plane, 0, 0])
    without_disk = cost("g4dn.8xlarge", 54, disk_gb_per_node=0.0)
    assert round(without_disk.usd_per_camera_month, 2) == 30.77


def test_lines_add_up_and_say_what_they_are() -> None:
    whole = cost_lines([nodes("g4dn.xlarge", 3), nodes("c7i.large", 2)], VideoIn(10, 40_000.0), CostSettings())
    assert sum(line.usd_per_month for line in whole.lines) == pytest.approx(whole.usd_per_month)
    assert whole.lines == whole.nodes + whole.rest
    assert [line.what for line in whole.lines] == [
        "nodes: 3 x g4dn.xlarge (on demand, us-east-1, 0.526 $/h)",
        "nodes: 2 x c7i.large (on demand, us-east-1, 0.08925 $/h)",
        "disks: 5 x 20 GB",
        "control plane (aws): 0.1 $/h",
        "video in, direct: 13140 GB x 0 $/GB",
        "traffic between zones: none",
    ]


def test_a_months_hours_may_be_others() -> None:
    assert cost("g4dn.xlarge", 1, hours_per_month=744.0).usd_per_month_nodes_only == pytest.approx(0.526 * 744)


def test_own_machines_have_no_provider_to_charge_for_anything_else() -> None:
    group = NodeGroup(OWN, 2, 0.5, Purchase.OWNED)
    whole = cost_lines([group], VideoIn(10), replace(CostSettings(), ingest=Ingest.NAT))
    assert whole.rest == ()
    assert whole.usd_per_month == whole.usd_per_month_nodes_only == 2 * 0.5 * 730


def test_system_nodes_are_counted_apart_from_those_that_carry_cameras() -> None:
    whole = cost("g4dn.xlarge", 4, system_nodes=(nodes("m5.large", 2),))
    assert whole.usd_per_month_nodes_only == pytest.approx(0.526 * 730)
    assert whole.usd_per_month == pytest.approx((0.526 + 2 * 0.096 + 0.10) * 730 + 3 * 20 * 0.08)


def test_video_through_nat_may_cost_more_than_the_nodes() -> None:
    whole = cost_lines([nodes("g4dn.8xlarge")], VideoIn(54, 54 * 4000.0), replace(CostSettings(), ingest=Ingest.NAT))
    gb = 54 * 4000e3 / 8 * 730 * 3600 / 1e9
    gateway, through = whole.rest[-3], whole.rest[-2]
    assert gateway.usd_per_month == pytest.approx(0.045 * 730)
    assert through.usd_per_month == pytest.approx(gb * 0.045)
    assert through.usd_per_month > whole.usd_per_month_nodes_only


def test_a_vpn_takes_as_many_connections_as_the_video_needs() -> None:
    lines = fixed_lines(["aws"], VideoIn(700, 700 * 4000.0), replace(CostSettings(), ingest=Ingest.VPN))
    assert lines[1].what.startswith("VPN connections: 3 x"), "2.8 Gbit/s at 1.25 each"
    assert lines[1].usd_per_month == pytest.approx(3 * 0.05 * 730)
    assert lines[2].usd_per_month == 0.0


def test_what_costs_by_the_byte_is_not_guessed() -> None:
    format_ = StreamFormat(1920, 1080, 25, "h264", 4000.0)
    said = CameraSpec("gate", Source("a", "a"), 5, ("m",), stream=format_)
    silent = CameraSpec("yard", Source("a", "a"), 5, ("m",))
    video = VideoIn.of([said, said, silent])
    assert (video.cameras, video.kbps, video.silent) == (3, 8000.0, "yard")
    assert fixed_lines(["aws"], video, CostSettings()), "direct costs nothing by the byte"
    for ingest in (Ingest.NAT, Ingest.VPN):
        with pytest.raises(PlanError, match="yard does not say what it sends"):
            fixed_lines(["aws"], video, replace(CostSettings(), ingest=ingest))


@given(kbps=st.floats(0, 1e6), hours=st.floats(1, 1000))
def test_a_gigabyte_is_ten_to_the_ninth_bytes(kbps: float, hours: float) -> None:
    assert gb_per_month(kbps, hours) == pytest.approx(kbps * 1e3 / 8 / 1e9 * hours * 3600)


@given(
    counts=st.lists(st.tuples(st.sampled_from(["g4dn.xlarge", "c7i.large", "m7g.medium"]), st.integers(0, 50)), max_size=5),
    cameras=st.integers(1, 1000),
    kbps=st.floats(0, 1e6),
    ingest=st.sampled_from(list(Ingest)),
)
def test_nodes_one_by_one_and_the_fixed_lines_add_up_to_the_whole(
    counts: list[tuple[str, int]], cameras: int, kbps: float, ingest: Ingest
) -> None:
    """What an optimiser adds up is what the bill says."""
    settings = replace(CostSettings(), ingest=ingest)
    groups = [nodes(name, count) for name, count in counts]
    whole = cost_lines(groups, VideoIn(cameras, kbps), settings)
    by_node = sum(group.count * node_usd_per_month(group.instance_type, group.usd_per_hour, settings) for group in groups)
    some = ["aws"] if any(group.count for group in groups) else []
    fixed = sum(line.usd_per_month for line in fixed_lines(some, VideoIn(cameras, kbps), settings))
    assert whole.usd_per_month == pytest.approx(by_node + fixed)
    assert whole.usd_per_month >= whole.usd_per_month_nodes_only
    alone = sum(group.count * node_usd_per_month(group.instance_type, group.usd_per_hour, settings, True) for group in groups)
    assert whole.usd_per_month_nodes_only == pytest.approx(alone)
    assert whole.usd_per_camera_month * cameras == pytest.approx(whole.usd_per_month)


# --- which price counts


def with_spot(usd: float, dated: str) -> InstanceType:
    base = CATALOGUE["g4dn.xlarge"]
    return replace(base, prices={**base.prices, ("us-east-1", Purchase.SPOT): Price(usd, dated, "a quote")})


def test_a_price_is_of_its_region_and_purchase() -> None:
    rules = PriceRules(TODAY)
    each = CATALOGUE["g4dn.xlarge"]
    assert node_usd_per_hour(each, "eu-west-1", Purchase.ON_DEMAND, rules) == 0.5865
    assert node_usd_per_hour(each, "us-east-1", Purchase.RESERVED, rules) == 0.309247
    assert node_usd_per_hour(OWN, "anything", Purchase.OWNED, rules) == OWN.prices[ANYWHERE, Purchase.OWNED].usd_per_hour


@pytest.mark.parametrize(
    ("instance_type", "region", "purchase", "reason"),
    [
        (CATALOGUE["g7.2xlarge"], "us-east-1", Purchase.RESERVED, "has no reserved price, only on demand"),
        (CATALOGUE["g4dn.xlarge"], "eu-west-1", Purchase.SPOT, "has no spot price in eu-west-1, but in us-east-1"),
        (OWN, "us-east-1", Purchase.ON_DEMAND, "has no on demand price, only owned"),
        (CATALOGUE["g4dn.xlarge"], "us-east-1", Purchase.SPOT, "has a spot price of 2025-05-01, 576 days old; renew it"),
        (with_spot(0.2, ""), "us-east-1", Purchase.SPOT, "has a spot price without a date"),
        (with_spot(0.2, "2026-11-29"), "us-east-1", Purchase.SPOT, "which is yet to come"),
        (with_spot(0.2, "2026-10-28"), "us-east-1", Purchase.SPOT, "31 days old"),
    ],
)
def test_what_has_no_price_says_why(instance_type: InstanceType, region: str, purchase: Purchase, reason: str) -> None:
    found = node_usd_per_hour(instance_type, region, purchase, PriceRules(TODAY))
    assert isinstance(found, NoPrice)
    assert reason in found.reason


@pytest.mark.parametrize("dated", ["2026-11-28", "2026-10-29"])
def test_a_spot_price_counts_for_30_days(dated: str) -> None:
    assert node_usd_per_hour(with_spot(0.2, dated), "us-east-1", Purchase.SPOT, PriceRules(TODAY)) == 0.2


def test_an_old_spot_price_may_be_accepted_and_never_exceeds_on_demand() -> None:
    rules = PriceRules(TODAY, accept_old_spot=True)
    assert node_usd_per_hour(CATALOGUE["g4dn.xlarge"], "us-east-1", Purchase.SPOT, rules) == 0.1578
    assert node_usd_per_hour(with_spot(0.2, ""), "us-east-1", Purchase.SPOT, rules) == 0.2
    dear = CATALOGUE["p5.48xlarge"]
    assert dear.prices["us-east-1", Purchase.SPOT].usd_per_hour > dear.prices["us-east-1", Purchase.ON_DEMAND].usd_per_hour
    assert node_usd_per_hour(dear, "us-east-1", Purchase.SPOT, rules) == 55.04


# --- what spot costs besides money


@pytest.mark.parametrize(
    ("words", "low", "high"),
    [("<5%", 0.0, 0.256), ("5-10%", 0.256, 0.527), ("15-20%", 0.813, 1.116), (">20%", 1.116, None), (None, 0.0, None)],
)
def test_blind_minutes_follow_from_how_often_nodes_are_taken_back(words: str | None, low: float, high: float | None) -> None:
    found = blind_minutes(words, minutes_to_replace=5)
    assert found.low == pytest.approx(low, abs=0.001)
    assert found.high == (None if high is None else pytest.approx(high, abs=0.001))
    assert found.provenance == "assumed"
    assert "assumed" in found.words


def test_every_word_of_the_catalogue_for_interruptions_is_understood() -> None:
    for words in {each.interruption for each in CATALOGUE.values()} - {None}:
        found = blind_minutes(words)
        assert found.low > 0 or found.high is not None, words


# --- the prices of everything else


def test_every_rate_says_its_date_and_source() -> None:
    for name in (
        "control_plane_per_hour",
        "disk_per_gb_month",
        "nat_per_hour",
        "nat_per_gb",
        "vpn_per_hour",
        "cross_zone_per_gb",
    ):
        rate = getattr(AWS, name)
        assert rate.usd > 0
        assert date.fromisoformat(rate.dated) <= TODAY
        assert rate.source.startswith("AWS list price: ")
