"""What nodes carry: first by their resources alone, then, for the nodes that matter, by simulation.

The bound comes first and costs nothing. It is refined for a kind of node and a class of streams when a solution wants to use
them, by a search over simulations with common random numbers; what holds with n streams is taken to hold with fewer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from camslice.plan.capacity.shares import RESOURCES, Shares
from camslice.plan.judge import Judge
from camslice.plan.node_kind import NodeKind
from camslice.plan.plan import PlannedClass

_FILLED_BY_WORK = ("cpu", "accelerator")


class CapacityTable:
    """For each kind of node and class the most streams of it alone, and how full work may make a node.

    `reach`: the share of processor or accelerator that work fills at the capacity of the class that fills it best. No mixture
    is taken to fill it more; while a class has not been simulated, it may be 1.
    """

    def __init__(
        self, judge: Judge, classes: Sequence[PlannedClass], shares: Mapping[NodeKind, tuple[Shares | None, ...]]
    ) -> None:
        """`shares` by class; None where a kind has no profile of its model."""
        self._judge = judge
        self._classes = tuple(classes)
        self._shares = shares
        self._most: dict[tuple[NodeKind, int], int] = {}

    def shares(self, kind: NodeKind, index: int) -> Shares | None:
        """Of one stream of the class with that number."""
        return self._shares[kind][index]

    def bound(self, kind: NodeKind, index: int) -> int:
        """The most streams of a class alone that resources leave room for."""
        shares = self._shares[kind][index]
        if shares is None:
            return 0
        room = [
            math.inf if use == 0.0 else 0.0 if math.isinf(use) else (1.0 - fixed) / use
            for use, fixed in zip(shares.use, shares.fixed, strict=True)
        ]
        return max(0, math.floor(min(*room, float(self._classes[index].streams)) + 1e-9))

    def most(self, kind: NodeKind, index: int) -> int:
        """The most streams of a class alone: simulated where that was asked for, else the bound."""
        return self._most.get((kind, index), self.bound(kind, index))

    def is_exact(self, kind: NodeKind, index: int) -> bool:
        """Whether `most` was simulated."""
        return (kind, index) in self._most

    def refine(self, kind: NodeKind, index: int) -> None:
        """Simulate."""
        if not self.is_exact(kind, index):
            self._most[kind, index] = self._judge.most(kind, index, self.bound(kind, index))

    def lower(self, kind: NodeKind, index: int, most: int) -> None:
        """A longer simulation has shown that it is no more than this."""
        self._most[kind, index] = min(most, self.most(kind, index))

    def reach(self, kind: NodeKind) -> float:
        """How full work may make a node of this kind, above 0 and at most 1."""
        filled = []
        for index in range(len(self._classes)):
            if not self.is_exact(kind, index):
                if self._shares[kind][index] is not None:
                    return 1.0
                continue
            most = self._most[kind, index]
            if most >= self.bound(kind, index):
                return 1.0  # something else than work binds, or all that there are fit
            filled.append((most + 1) * self._work(kind, index))
        return min(1.0, max(filled, default=1.0))

    def _work(self, kind: NodeKind, index: int) -> float:
        shares = self._shares[kind][index]
        if shares is None:
            return 0.0
        return max(shares.use[RESOURCES.index(name)] for name in _FILLED_BY_WORK)
