"""What `cost` does: look the price up, add the lines, and set beside them what was published of the same deployment."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from camslice.cli.catalogue_options import today
from camslice.cli.cost_table import print_cost
from camslice.cli.options import one_of
from camslice.cli.output import print_json
from camslice.fleet.errors import CatalogueError
from camslice.fleet.profile_json import load_profile, shipped_profiles
from camslice.fleet.types import HOURS_PER_MONTH, Ingest
from camslice.plan.catalogue.catalogue import Catalogue, price_of
from camslice.plan.catalogue.instance_type import InstanceType, Price, Purchase
from camslice.plan.catalogue.load import load_catalogue
from camslice.plan.cost.lines import CostLines, CostSettings, NodeGroup, cost_lines
from camslice.plan.cost.network import VideoIn
from camslice.plan.cost.node_price import NoPrice, PriceRules, node_usd_per_hour
from camslice.plan.cost.published import PublishedPrice, published_prices
from camslice.plan.cost.spot import BlindMinutes, blind_minutes

_PUBLISHED_REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class Asked:
    """The options as they were written; see `camslice cost --help`."""

    instance_type: str
    cameras: int
    nodes: int
    region: str
    purchase: str
    ingest: str
    kbps: float | None
    disk_gb: float
    system_nodes: int
    system_instance_type: str | None
    hours_per_month: float
    accept_old_spot: bool
    full: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes out: the lines, the price that they rest on, and what else to know."""

    asked: Asked
    group: NodeGroup
    price: Price
    lines: CostLines
    blind: BlindMinutes | None
    published: tuple[PublishedPrice, ...]

    @property
    def usd_per_camera_month(self) -> float:
        """The figure that counts: the nodes alone, or with `--full` everything."""
        return self.lines.usd_per_camera_month if self.asked.full else self.lines.usd_per_camera_month_nodes_only


def run_cost(asked: Asked, path: Path | None, *, as_json: bool) -> None:
    """Compute and print. Raises CamsliceError for what is not in the catalogue, or has no price that may be used."""
    answer = _answer(asked, load_catalogue(path))
    if as_json:
        print_json(_object(answer))
    else:
        print_cost(answer)


def _answer(asked: Asked, catalogue: Catalogue) -> Answer:
    purchase = one_of(Purchase, asked.purchase, "--purchase")
    rules = PriceRules(today(), asked.accept_old_spot)
    instance_type = catalogue.find(asked.instance_type)
    group = _nodes(instance_type, asked.nodes, asked.region, purchase, rules)
    settings = CostSettings(
        hours_per_month=asked.hours_per_month,
        disk_gb_per_node=asked.disk_gb,
        ingest=one_of(Ingest, asked.ingest, "--ingest"),
        system_nodes=_system_nodes(asked, catalogue, rules),
    )
    silent = "a camera" if asked.kbps is None else None
    video = VideoIn(asked.cameras, (asked.kbps or 0.0) * asked.cameras, silent)
    if silent and settings.ingest is not Ingest.DIRECT:
        raise CatalogueError(f"--ingest {asked.ingest}: each GB costs, so what a camera sends must be known; add --kbps.")
    lines = cost_lines([group], video, settings)
    price = price_of(instance_type, asked.region, purchase) or Price(group.usd_per_hour, "", "")
    return Answer(
        asked=asked,
        group=group,
        price=price,
        lines=lines,
        blind=blind_minutes(instance_type.interruption) if purchase is Purchase.SPOT else None,
        published=_published(asked, group, lines),
    )


def _nodes(instance_type: InstanceType, count: int, region: str, purchase: Purchase, rules: PriceRules) -> NodeGroup:
    usd_per_hour = node_usd_per_hour(instance_type, region, purchase, rules)
    if isinstance(usd_per_hour, NoPrice):
        raise CatalogueError(f"{instance_type.name} {usd_per_hour.reason}.")
    return NodeGroup(instance_type, count, usd_per_hour, purchase, "" if purchase is Purchase.OWNED else region)


def _system_nodes(asked: Asked, catalogue: Catalogue, rules: PriceRules) -> tuple[NodeGroup, ...]:
    if not asked.system_nodes:
        return ()
    if asked.system_instance_type is None:
        raise CatalogueError("--system-nodes: of which type they are is not said; add --system-instance-type.")
    found = catalogue.find(asked.system_instance_type)
    return (_nodes(found, asked.system_nodes, asked.region, Purchase.ON_DEMAND, rules),)


def _published(asked: Asked, group: NodeGroup, lines: CostLines) -> tuple[PublishedPrice, ...]:
    """What the shipped profiles state of this deployment: at list price, where the nodes share the cameras evenly."""
    at_list_price = group.purchase is Purchase.ON_DEMAND and asked.region == _PUBLISHED_REGION
    if not at_list_price or asked.hours_per_month != HOURS_PER_MONTH or asked.cameras % asked.nodes:
        return ()
    profiles = [load_profile(name) for name in shipped_profiles()]
    per_node = asked.cameras // asked.nodes
    return published_prices(profiles, group.instance_type.name, per_node, lines.usd_per_camera_month_nodes_only)


def _object(answer: Answer) -> dict[str, object]:
    asked, lines = answer.asked, answer.lines
    counted = lines.lines if asked.full else lines.nodes
    return {
        "instance_type": asked.instance_type,
        "cameras": asked.cameras,
        "nodes": asked.nodes,
        "region": asked.region,
        "purchase": asked.purchase,
        "hours_per_month": asked.hours_per_month,
        "counted": "everything" if asked.full else "nodes",
        "lines": [asdict(line) for line in counted],
        "usd_per_month": lines.usd_per_month if asked.full else lines.usd_per_month_nodes_only,
        "usd_per_camera_month": answer.usd_per_camera_month,
        "usd_per_camera_month_nodes_only": lines.usd_per_camera_month_nodes_only,
        "usd_per_camera_month_full": lines.usd_per_camera_month,
        "full_lines": [asdict(line) for line in lines.lines],
        "price": asdict(replace(answer.price, usd_per_hour=answer.group.usd_per_hour)),
        "blind_minutes_per_camera_month": None if answer.blind is None else asdict(answer.blind),
        "published": [asdict(each) for each in answer.published],
    }
