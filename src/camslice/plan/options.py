"""Every way to use a node that profiles, catalogue and the user's wishes leave, and why the others are out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from camslice.fleet.profile import Profile
from camslice.fleet.types import Planning, Topology
from camslice.plan.catalogue.allocatable import allocatable
from camslice.plan.catalogue.catalogue import Catalogue
from camslice.plan.catalogue.instance_type import InstanceType, MigProfile, Purchase
from camslice.plan.eligibility import Covering, KnownProfile, covering
from camslice.plan.node_kind import SHARED_BY_PODS, NodeKind
from camslice.plan.plan import Rejected
from camslice.plan.policies import looking_of
from camslice.plan.ranges import alternatives
from camslice.plan.scaling import scaled


@dataclass(frozen=True, slots=True)
class NodePrice:
    """How a node is paid for. `usd_per_month`: with what each node has beside it (its disk), where that is to be counted."""

    region: str
    purchase: Purchase
    usd_per_hour: float
    usd_per_month: float


class Prices(Protocol):
    """What a node costs; raises nothing."""

    def cheapest(self, instance_type: InstanceType) -> NodePrice | str:
        """The cheapest way to pay that is allowed, or why there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Candidate:
    """A kind of node, its price, and the profiles that it rests on, by model."""

    kind: NodeKind
    price: NodePrice
    coverings: Mapping[str, Covering]


@dataclass(frozen=True, slots=True)
class Candidates:
    """What may be used, in the catalogue's order, and what may not."""

    usable: tuple[Candidate, ...]
    rejected: tuple[Rejected, ...]


def candidates(
    catalogue: Catalogue,
    planning: Planning,
    profiles: Mapping[str, Sequence[KnownProfile]],
    prices: Prices,
    policies: Mapping[str, str] | None = None,
) -> Candidates:
    """Go through all instance types and topologies. `policies` by model: where less than full frames is to be analysed; not
    on machines whose profile does not know them. Raises CatalogueError for a name or pattern that the catalogue lacks."""
    usable: list[Candidate] = []
    rejected: list[Rejected] = []
    allowed = catalogue.matching(planning.instance_types)
    names = {each.name for each in allowed}
    system_pods = catalogue.pods_of_system(planning.system_pods)
    scaled_profiles: dict[tuple[str, float], Profile] = {}

    known_alternatives: dict[tuple[tuple[str, str, float], ...], tuple[Mapping[str, Profile], ...]] = {}

    def alternatives_of(found: Mapping[str, Covering], by_model: Mapping[str, Profile]) -> tuple[Mapping[str, Profile], ...]:
        key = tuple((model, each.known.where, each.factor) for model, each in found.items())
        if key not in known_alternatives:
            known_alternatives[key] = alternatives(by_model)
        return known_alternatives[key]

    def profile_of(found: Covering) -> Profile:
        key = (found.known.where, found.factor)
        if key not in scaled_profiles:
            scaled_profiles[key] = scaled(found.known.profile, found.factor)
        return scaled_profiles[key]

    for machine in catalogue.values():
        for topology in Topology:
            reason = _why_not(machine, topology, planning, names)
            found = {} if reason else {model: covering(of, machine, topology, planning.scale) for model, of in profiles.items()}
            covered = {model: each for model, each in found.items() if isinstance(each, Covering)}
            price = prices.cheapest(machine)
            if reason is None and not covered:
                reason = next(str(each) for each in found.values())
            if reason is None and isinstance(price, str):
                reason = price
            if reason is not None or isinstance(price, str):
                rejected.append(Rejected(machine.name, topology, reason or str(price)))
                continue
            offered = allocatable(machine, system_pods, planning.prefix_delegation)
            by_model = {model: profile_of(each) for model, each in covered.items()}
            others = alternatives_of(covered, by_model)
            looking = looking_of(by_model, policies or {})
            for streams_per_pod, partition in _ways(machine, topology, planning):
                kind = NodeKind(machine, topology, streams_per_pod, offered, by_model, others, partition, looking)
                usable.append(Candidate(kind, price, covered))
    return Candidates(tuple(usable), tuple(rejected))


def _ways(machine: InstanceType, topology: Topology, planning: Planning) -> Iterator[tuple[int, MigProfile | None]]:
    sizes = planning.streams_per_pod if topology in SHARED_BY_PODS else (1,)
    partitions: tuple[MigProfile | None, ...] = (None,)
    if topology is Topology.MIG and machine.accelerator is not None:
        partitions = machine.accelerator.mig_profiles
    for size in sizes:
        for partition in partitions:
            yield size, partition


def _why_not(machine: InstanceType, topology: Topology, planning: Planning, names: set[str]) -> str | None:
    if machine.name not in names:
        return "not among `planning.instance_types`"
    if planning.topologies and topology not in planning.topologies:
        return "not among `planning.topologies`"
    if topology in (Topology.MPS, Topology.MIG) and machine.accelerator is None:
        return f"{topology} needs an NVIDIA GPU, and this machine has none"
    if topology is Topology.MIG and machine.accelerator is not None and not machine.accelerator.mig_profiles:
        return f"a {machine.accelerator.name} cannot be partitioned (MIG)"
    return None
