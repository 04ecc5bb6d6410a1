"""Solve, simulate what was chosen, tighten what did not hold, and solve again, until everything that is rented holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from camslice.fleet.types import Topology
from camslice.plan.capacity.shares import RESOURCES, Shares
from camslice.plan.capacity.table import CapacityTable
from camslice.plan.judge import Judge
from camslice.plan.keeping import KeptNodes, topped_up
from camslice.plan.node_kind import NodeKind
from camslice.plan.optimise.problem import Contents, Option, Problem, Shape, Solution, StreamClass
from camslice.plan.options import Candidate
from camslice.plan.plan import PlannedClass

Solve = Callable[[Problem], Solution]
Told = Callable[[str], None]

_MOST_ROUNDS = 60
_WORK = (RESOURCES.index("cpu"), RESOURCES.index("accelerator"))


@dataclass(frozen=True, slots=True)
class Limits:
    """Of the plan as a whole."""

    most_shapes: int = 12
    spare: int = 0
    kept: tuple[KeptNodes, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """The last solution, every shape of which holds, and how often was solved for it."""

    solution: Solution
    rounds: int


class Search:
    """The candidates as options of the optimiser, and the rounds of solving and simulating."""

    def __init__(
        self,
        classes: Sequence[PlannedClass],
        candidates: Sequence[Candidate],
        table: CapacityTable,
        judge: Judge,
        solve: Solve,
        told: Told = lambda _: None,
        wanted: Topology = Topology.POOLED,
    ) -> None:
        """`wanted`: the topology that the fleet names, taken where two cost the same."""
        self._classes = tuple(classes)
        self._candidates: Mapping[str, Candidate] = {each.kind.name: each for each in candidates}
        self._table = table
        self._judge = judge
        self._solve = solve
        self._told = told
        self._wanted = wanted

    def kind_of(self, option: Option) -> NodeKind:
        """The kind of node that an option stands for."""
        return self._candidates[option.name].kind

    def run(self, limits: Limits) -> Found:
        """Search. A solution with `unplaced` streams means that no kind of node carries them."""
        limits = replace(limits, kept=self._topped_up(limits.kept))
        for round_ in range(1, _MOST_ROUNDS + 1):
            solution = self._solve(self._problem(limits))
            self._told(f"round {round_}: ${solution.usd_per_month:,.2f} per month, simulating what it rents")
            if not self._tightened(solution):
                break
        return Found(solution, round_)

    def _topped_up(self, kept: Sequence[KeptNodes]) -> tuple[KeptNodes, ...]:
        demand = tuple(each.streams for each in self._classes)
        return topped_up(kept, demand, lambda name, contents: self._judge.holds(self._candidates[name].kind, contents))

    def _problem(self, limits: Limits) -> Problem:
        options = {name: self._option(each) for name, each in self._candidates.items()}
        return Problem(
            tuple(StreamClass(each.name, each.model, each.streams) for each in self._classes),
            tuple(options.values()),
            limits.most_shapes,
            limits.spare,
            tuple(Shape(options[each.kind], each.contents, each.count) for each in limits.kept),
            lambda option, contents: self._judge.holds(self.kind_of(option), contents),
        )

    def _option(self, candidate: Candidate) -> Option:
        kind, table = candidate.kind, self._table
        reach = table.reach(kind)
        shares = [table.shares(kind, index) for index in range(len(self._classes))]
        return Option(
            kind.name,
            kind.instance_type.name,
            kind.topology,
            kind.streams_per_pod,
            candidate.price.purchase,
            candidate.price.region,
            candidate.price.usd_per_month + _preference(kind.topology, self._wanted),
            RESOURCES,
            tuple(_use(each, reach) for each in shares),
            tuple(tuple(0.0 for _ in RESOURCES) if each is None else each.fixed for each in shares),
            tuple(table.most(kind, index) for index in range(len(self._classes))),
        )

    def _tightened(self, solution: Solution) -> bool:
        """Simulate what was not yet. Returns whether anything was learnt that calls for another round."""
        learnt = False
        for shape in solution.shapes:
            kind = self.kind_of(shape.option)
            for index, streams in enumerate(shape.contents):
                if streams and not self._table.is_exact(kind, index):
                    before = self._table.most(kind, index)
                    self._table.refine(kind, index)
                    learnt |= self._table.most(kind, index) < before
        if learnt:
            return True
        for shape in solution.shapes:
            kind = self.kind_of(shape.option)
            if not self._judge.confirms(kind, shape.contents):
                self._judge.refuse(kind, shape.contents)
                self._lower(kind, shape.contents)
                learnt = True
        return learnt

    def _lower(self, kind: NodeKind, contents: Contents) -> None:
        """A longer simulation broke: of a class alone the capacity is less, too."""
        held = [index for index, streams in enumerate(contents) if streams]
        if len(held) == 1:
            self._table.lower(kind, held[0], contents[held[0]] - 1)


def _preference(topology: Topology, wanted: Topology) -> float:
    """Less than any price differs by: what is decided by it would be decided by chance."""
    return 0.0 if topology is wanted else 1e-6 * (1 + _FEWEST_PARTS.index(topology))


_FEWEST_PARTS = (Topology.POOLED, Topology.SLICED, Topology.MPS, Topology.MIG, Topology.DEDICATED, Topology.REMOTE)


def _use(shares: Shares | None, reach: float) -> tuple[float, ...]:
    if shares is None:
        return tuple(float("inf") for _ in RESOURCES)
    return tuple(share / reach if index in _WORK else share for index, share in enumerate(shares.use))
