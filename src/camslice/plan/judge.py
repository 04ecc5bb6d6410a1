"""The simulator as the last judge of what a node may hold, asked once for each node and remembered.

What held once holds with fewer streams, and what broke breaks with more: so a few simulations answer many questions.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace

from camslice.fleet.profile import Profile
from camslice.fleet.types import Objective
from camslice.plan.capacity.limits import why_too_full
from camslice.plan.node_kind import NodeKind, strictest
from camslice.plan.optimise.problem import Contents
from camslice.plan.plan import Latency, PlannedClass, Predicted
from camslice.plan.simulation.enough import Enough, simulate_enough
from camslice.plan.simulation.load import NodeLoad
from camslice.plan.simulation.node import SimulatedNode
from camslice.plan.simulation.result import Outcome, Simulated
from camslice.plan.simulation.simulate import quickest_way

_LEAST_PERCENTILE = 95.0
_MOST_FRAMES = 60_000.0
"""A node that is nearly full has a tail that no length pins down: more than so many frames are simulated only where the length
that shows an overload asks for them."""
_FINEST_OVERLOAD_S = 100.0
"""An overload of a share e piles up e seconds of work in each second: of latency L it is seen after L / e. So many times L show
one of a hundredth."""
_SEEDS_CONFIRMED = 3
"""What is to be rented is simulated with so many sets of phases; the worst one counts."""
_SKETCH_S = 15.0
_STALL_MS = 1_000.0
_RECOVERED_AFTER_S = 10.0
"""A node must find back from a stall of a second (of its network, say) within so long; only then it is looked at."""

Translate = Callable[[NodeLoad, Mapping[str, Profile]], SimulatedNode]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a simulation of one node says. `utilisation` of `cpu` and `accelerator`. `broke` names the limit that does not let
    it be simulated at all, or `latency` / `drops` where the objective broke."""

    holds: bool
    broke: str | None
    predicted: Predicted | None
    utilisation: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Lengths:
    """For how long nodes are simulated that are only tried, and those that are to be rented."""

    tried: Enough = field(default_factory=lambda: Enough(least_s=20.0, most_s=120.0))
    confirmed: Enough = field(default_factory=lambda: Enough(within=0.03, least_s=60.0))


class Judge:
    """Simulates nodes of a fleet's classes. `remembered` holds verdicts by the hash of all that decides them; it may come from
    and go to a file. Not thread-safe."""

    def __init__(
        self,
        classes: Sequence[PlannedClass],
        translate: Translate,
        seed: int = 1,
        lengths: Lengths | None = None,
        remembered: MutableMapping[str, Verdict] | None = None,
        *,
        robust: bool = False,
    ) -> None:
        """`robust`: what holds must hold by every set of values for fitted figures."""
        self.classes = tuple(classes)
        self.simulations = 0
        """How many were really run."""
        self._translate = translate
        self._seed = seed
        self._lengths = lengths or Lengths()
        self._remembered: MutableMapping[str, Verdict] = {} if remembered is None else remembered
        self._robust = robust
        self._held: dict[NodeKind, list[Contents]] = {}
        self._broke: dict[NodeKind, list[Contents]] = {}

    def node(self, kind: NodeKind, contents: Contents) -> SimulatedNode:
        """The node as it is simulated. Raises PlanError when a profile lacks a figure that is needed."""
        return self._translate(kind.load(contents, self.classes), kind.profiles)

    def holds(self, kind: NodeKind, contents: Contents) -> bool:
        """Whether these streams keep their objective on one node of this kind."""
        if not any(contents):
            return True
        if any(_within(contents, held) for held in self._held.get(kind, ())):
            return True
        if any(_within(broke, contents) for broke in self._broke.get(kind, ())):
            return False
        holds = self.verdict(kind, contents).holds and self._by_every_fit(kind, contents)
        (self._held if holds else self._broke).setdefault(kind, []).append(contents)
        return holds

    def confirms(self, kind: NodeKind, contents: Contents) -> bool:
        """Whether they do by longer simulations, too."""
        return self.verdict(kind, contents, confirmed=True).holds and self._by_every_fit(kind, contents)

    def alternatives(self, kind: NodeKind, contents: Contents) -> Iterator[Verdict]:
        """What happens there by each other set of values for fitted figures."""
        for profiles in kind.alternatives:
            yield self.verdict(replace(kind, profiles=profiles), contents)

    def _by_every_fit(self, kind: NodeKind, contents: Contents) -> bool:
        return not self._robust or all(verdict.holds for verdict in self.alternatives(kind, contents))

    def refuse(self, kind: NodeKind, contents: Contents) -> None:
        """These streams do not hold there, whatever a shorter simulation said."""
        self._held[kind] = [held for held in self._held.get(kind, []) if not _within(contents, held)]
        self._broke.setdefault(kind, []).append(contents)

    def sketch(self, kind: NodeKind, contents: Contents) -> Verdict:
        """About what happens on such a node, for a picture: too short to see a slight overload."""
        if (limit := why_too_full(kind, contents, self.classes)) is not None:
            return Verdict(False, limit, None, {})
        objective = strictest(contents, self.classes)
        return self._simulated(self.node(kind, contents), objective, Enough(least_s=_SKETCH_S, most_s=_SKETCH_S), self._seed)

    def verdict(self, kind: NodeKind, contents: Contents, *, confirmed: bool = False) -> Verdict:
        """What happens on such a node; `confirmed` by longer simulations."""
        limit = why_too_full(kind, contents, self.classes)
        if limit is not None:
            return Verdict(False, limit, None, {})
        objective = strictest(contents, self.classes)
        fps = sum(each.fps * count for each, count in zip(self.classes, contents, strict=True))
        enough = self._lengths.confirmed if confirmed else self._lengths.tried
        least_s = max(enough.least_s, _FINEST_OVERLOAD_S * objective.latency_ms / 1000)
        enough = replace(
            enough,
            percentile=max(objective.percentile, _LEAST_PERCENTILE),
            least_s=least_s,
            most_s=max(least_s, min(enough.most_s, _MOST_FRAMES / fps)),
        )
        node = replace(self.node(kind, contents), stall_ms=_STALL_MS)
        seeds = range(self._seed, self._seed + (_SEEDS_CONFIRMED if confirmed else 1))
        return max((self._simulated(node, objective, enough, seed) for seed in seeds), key=_badness)

    def _simulated(self, node: SimulatedNode, objective: Objective, enough: Enough, seed: int) -> Verdict:
        key = hashlib.sha256(repr((node, objective, enough, seed)).encode()).hexdigest()
        known = self._remembered.get(key)
        if known is None:
            self.simulations += 1
            known = judged(simulate_enough(node, seed, enough, _RECOVERED_AFTER_S, quickest_way(node)), objective, seed)
            self._remembered[key] = known
        return known

    def most(self, kind: NodeKind, index: int, at_most: int) -> int:
        """The most streams of one class alone that hold, from 0 to `at_most`."""
        held, broke = 0, at_most + 1
        trial = at_most
        while broke - held > 1:
            if self.holds(kind, _alone(index, trial, len(self.classes))):
                held = trial
            else:
                broke = trial
            trial = (held + broke) // 2
        return held


def judged(simulated: Simulated, objective: Objective, seed: int) -> Verdict:
    """Whether the objective held, for the node as a whole and for each of its models."""
    outcomes = (simulated.node, *simulated.models.values())
    broke = next((why for why in (_why(outcome, objective) for outcome in outcomes) if why), None)
    node = simulated.node
    total = node.total
    latency = None
    if total.n:
        figures = {name: round(value or 0.0, 3) for name, value in total.as_latency().items() if name != "n"}
        latency = Predicted(
            Latency(total.n, **figures),
            None if node.p_all_ms is None else round(node.p_all_ms, 3),
            round(node.frames.drop_rate, 6),
            simulated.seconds,
            seed,
        )
    return Verdict(broke is None, broke, latency, {name: round(share, 4) for name, share in simulated.utilisation.items()})


def _why(outcome: Outcome, objective: Objective) -> str | None:
    if outcome.frames.drop_rate > objective.drop_rate:
        return "drops"
    p_all_ms = outcome.percentile_all(objective.percentile)
    return "latency" if p_all_ms is None or p_all_ms > objective.latency_ms else None


def _badness(verdict: Verdict) -> tuple[bool, float]:
    p_all_ms = None if verdict.predicted is None else verdict.predicted.p_all_ms
    return not verdict.holds, math.inf if p_all_ms is None else p_all_ms


def _within(contents: Contents, of: Contents) -> bool:
    return all(one <= other for one, other in zip(contents, of, strict=True))


def _alone(index: int, count: int, classes: int) -> Contents:
    return tuple(count if each == index else 0 for each in range(classes))
