"""From a fleet, profiles and a catalogue to the cheapest plan, with the reasons for it and against everything else."""

from __future__ import annotations

import math
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field

from camslice.fleet.errors import PlanError
from camslice.fleet.types import CameraSpec, Fleet, Objective
from camslice.plan.capacity.shares import Shares, shares_of
from camslice.plan.capacity.table import CapacityTable
from camslice.plan.catalogue.catalogue import Catalogue
from camslice.plan.catalogue.instance_type import InstanceType, Purchase
from camslice.plan.classes import Demand, demand_of
from camslice.plan.cost.lines import CostLines, CostSettings, NodeGroup, cost_lines, fixed_lines, node_usd_per_month
from camslice.plan.cost.network import VideoIn
from camslice.plan.cost.node_price import NoPrice, PriceRules, node_usd_per_hour
from camslice.plan.eligibility import KnownProfile, profiles_by_model
from camslice.plan.judge import Judge, Lengths, Verdict
from camslice.plan.keeping import KeptNodes
from camslice.plan.node_kind import NodeKind
from camslice.plan.optimise.problem import Contents
from camslice.plan.options import Candidate, NodePrice, candidates
from camslice.plan.plan import Plan, PlannedNode, Rejected
from camslice.plan.search import Limits, Search, Solve, Told
from camslice.plan.simulation.translate import node_of


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be planned. `nodes_only` leaves out what comes with nodes (control plane, disks, network) everywhere.

    `current` is a plan that stands already: its nodes stay, and as few streams as possible move. `policies` by model: where
    less than full frames is to be analysed; whether they keep the objective is for others to ask (`policies`).
    """

    fleet: Fleet
    profiles: Sequence[KnownProfile]
    catalogue: Catalogue
    rules: PriceRules
    settings: CostSettings
    budget_usd_per_month: float | None = None
    nodes_only: bool = False
    seed: int = 1
    lengths: Lengths = field(default_factory=Lengths)
    current: Plan | None = None
    policies: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Drawn:
    """Everything that was found on the way to an answer: what a plan, its reasons and its plots are made of."""

    question: Question
    demand: Demand
    candidates: tuple[Candidate, ...]
    rejected: tuple[Rejected, ...]
    table: CapacityTable
    judge: Judge
    search: Search
    remembered: MutableMapping[str, Verdict] = field(default_factory=dict)

    @property
    def usd_fixed_per_month(self) -> float:
        """What does not grow with the nodes, where it counts."""
        if self.question.nodes_only:
            return 0.0
        providers = {each.kind.instance_type.provider for each in self.candidates}
        lines = fixed_lines(sorted(providers), VideoIn.of(self.question.fleet.cameras), self.question.settings)
        return math.fsum(line.usd_per_month for line in lines)

    def candidate(self, kind: NodeKind) -> Candidate:
        """The candidate of that kind."""
        return next(each for each in self.candidates if each.kind == kind)


class AllowedPrices:
    """The cheapest of the regions and purchases that a fleet allows."""

    def __init__(self, question: Question) -> None:
        self._question = question
        planning = question.fleet.planning
        self._ways = [(region, Purchase(purchase)) for purchase in planning.purchases for region in planning.regions]

    def cheapest(self, instance_type: InstanceType) -> NodePrice | str:
        """See `Prices`."""
        question = self._question
        found: list[NodePrice] = []
        reasons: list[str] = []
        for region, purchase in self._ways:
            per_hour = node_usd_per_hour(instance_type, region, purchase, question.rules)
            if isinstance(per_hour, NoPrice):
                reasons.append(per_hour.reason)
                continue
            per_month = node_usd_per_month(instance_type, per_hour, question.settings, question.nodes_only)
            found.append(NodePrice(region, purchase, per_hour, per_month))
        if found:
            return min(found, key=lambda price: price.usd_per_month)
        return reasons[0] if reasons else "no purchase is allowed"


def draw(
    question: Question, solve: Solve, remembered: MutableMapping[str, Verdict] | None = None, told: Told = lambda _: None
) -> Drawn:
    """Sort out what may be used. Raises PlanError and CatalogueError for what is wrong with the question."""
    demand = demand_of(question.fleet)
    used = [each.model for each in demand.classes]
    profiles = profiles_by_model(question.fleet.models, used, question.profiles)
    found = candidates(question.catalogue, question.fleet.planning, profiles, AllowedPrices(question), question.policies)
    cameras_per_node = question.fleet.planning.cameras_per_node
    shares: dict[NodeKind, tuple[Shares | None, ...]] = {}
    rejected = list(found.rejected)
    usable: list[Candidate] = []
    for each in found.usable:
        kind = each.kind
        try:
            shares[kind] = tuple(
                shares_of(kind, of, lambda load, kind=kind: node_of(load, kind.profiles), cameras_per_node)  # type: ignore[misc] # the default binds the loop's kind
                if of.model in kind.profiles
                else None
                for of in demand.classes
            )
        except PlanError as error:
            rejected.append(Rejected(kind.instance_type.name, kind.topology, f"the profile does not say enough: {error}"))
            continue
        usable.append(each)
    memory: MutableMapping[str, Verdict] = {} if remembered is None else remembered
    robust = question.fleet.planning.robust
    judge = Judge(demand.classes, node_of, question.seed, question.lengths, memory, robust=robust)
    table = CapacityTable(judge, demand.classes, shares)
    search = Search(demand.classes, usable, table, judge, solve, told, question.fleet.topology)
    return Drawn(question, demand, tuple(usable), tuple(rejected), table, judge, search, memory)


def limits_of(drawn: Drawn) -> Limits:
    """What the fleet file demands of the plan as a whole, and what stands already.

    Raises PlanError for a current node that may no longer be used.
    """
    planning, current = drawn.question.fleet.planning, drawn.question.current
    return Limits(
        planning.most_shapes,
        planning.spare_nodes,
        () if current is None else tuple(_kept(node, drawn) for node in current.nodes),
    )


def _kept(node: PlannedNode, drawn: Drawn) -> KeptNodes:
    name = node.shape.rpartition("#")[0]
    if all(each.kind.name != name for each in drawn.candidates):
        raise PlanError(
            f"the current plan has nodes {name}, which may not be used here; give the profiles and the catalogue that it was "
            "made with, and allow its instance types and topologies."
        )
    return KeptNodes(name, tuple(node.contents.get(each.name, 0) for each in drawn.demand.classes), node.count)


def costs(question: Question, groups: Sequence[NodeGroup], cameras: Sequence[CameraSpec]) -> CostLines:
    """All lines of a plan's nodes."""
    return cost_lines(groups, VideoIn.of(cameras), question.settings)


def demanded_usd_per_month(question: Question, objective: Objective, cameras: int) -> float:
    """The most that a plan may cost: the budget, or what the objective allows each camera."""
    limits = [question.budget_usd_per_month]
    if objective.usd_per_camera_month is not None:
        limits.append(objective.usd_per_camera_month * cameras)
    return min((limit for limit in limits if limit is not None), default=math.inf)


def by_name(contents: Contents, names: Sequence[str]) -> Mapping[str, int]:
    """Streams by class, without those that are none."""
    return {name: count for name, count in zip(names, contents, strict=True) if count}
