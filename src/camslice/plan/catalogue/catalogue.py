"""What there is to rent or to own: instance types by name, and what else runs on their nodes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase

from camslice.fleet.errors import CatalogueError
from camslice.plan.catalogue.instance_type import InstanceType, Price, Purchase
from camslice.plan.catalogue.system_pods import SystemPods

ANYWHERE = "anywhere"
"""The region of a price that is the same everywhere: that of an own machine."""


@dataclass(frozen=True, slots=True, eq=False)
class Catalogue(Mapping[str, InstanceType]):
    """Instance types by name, in the order of their file. `date` (YYYY-MM-DD, or empty) is that of its on-demand prices.

    `sources` says in words what the prices' sources are. `system_pods` are lists of what runs on every node besides our pods.
    """

    types: Mapping[str, InstanceType]
    origin: str
    date: str = ""
    about: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)
    system_pods: Mapping[str, SystemPods] = field(default_factory=dict)

    def __getitem__(self, name: str) -> InstanceType:
        return self.types[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.types)

    def __len__(self) -> int:
        return len(self.types)

    def find(self, name: str) -> InstanceType:
        """The type of that name. Raises CatalogueError that names the nearest one."""
        found = self.types.get(name)
        if found is None:
            raise CatalogueError(f"there is no instance type {name} in {self.origin}; {_advice(name, self.types)}")
        return found

    def matching(self, patterns: Iterable[str]) -> tuple[InstanceType, ...]:
        """The types whose names match one of these shell patterns, all for no pattern. CatalogueError if one has no match."""
        wanted = tuple(patterns)
        for pattern in wanted:
            if not any(fnmatchcase(name, pattern) for name in self.types):
                raise CatalogueError(f"no instance type in {self.origin} matches {pattern}; {_advice(pattern, self.types)}")
        return tuple(
            each for name, each in self.types.items() if not wanted or any(fnmatchcase(name, pattern) for pattern in wanted)
        )

    def pods_of_system(self, name: str) -> SystemPods:
        """The list of system pods of that name. Raises CatalogueError with those there are."""
        found = self.system_pods.get(name)
        if found is None:
            known = ", ".join(sorted(self.system_pods))
            raise CatalogueError(f"there is no list of system pods {name} in {self.origin}; choose one of {known}.")
        return found

    def regions(self) -> tuple[str, ...]:
        """The regions in which anything has a price, in alphabetical order."""
        return tuple(sorted({region for each in self.types.values() for region, _ in each.prices}))


def price_of(instance_type: InstanceType, region: str, purchase: Purchase) -> Price | None:
    """The price in that region, else the one that holds anywhere; None if there is neither."""
    prices = instance_type.prices
    return prices.get((region, purchase)) or prices.get((ANYWHERE, purchase))


def _advice(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else "`camslice catalogue list` shows what it has."
