"""Spare nodes: empty, each able to take over any one of the others.

Spares make large nodes dearer, as what replaces them must be as large. So the cheapest nodes are looked for again as if every
node had to fit into a spare of a certain option too, for a few options cheaper than the one that the cheapest nodes need.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from camslice.plan.optimise.accepted import Accepted, accepted
from camslice.plan.optimise.dominance import NONE, dominators
from camslice.plan.optimise.problem import Contents
from camslice.plan.optimise.tables import Ints, Tables
from camslice.plan.optimise.verdicts import Verdicts

_TRIED = 16
_TRIED_IF_LARGE = 4
_LARGE = 16
_WORTH_IT = 0.002


@dataclass(frozen=True, slots=True)
class Spared:
    """The nodes and the option (its index in the tables) of the spares, None where no option can take what each of the others
    holds. With `micro` and `bound` of all of them."""

    found: Accepted
    option: int | None
    micro: int
    bound: int


def with_spares(
    tables: Tables, verdicts: Verdicts, most_shapes: int, spare: int, kept: Sequence[Contents], found: Accepted
) -> Spared:
    """`found`: the cheapest nodes, whatever spares cost. `kept`: what other nodes hold that spares must be able to take."""
    others = tuple(dict.fromkeys(each for each in kept if any(each)))
    if not spare or not (found.stacks or others):
        return Spared(found, None, found.micro, found.bound)
    held = (*others, *(each.contents for each in found.stacks))
    by_price = [int(option) for option in np.argsort(tables.cost, kind="stable")]
    costs = [spare * int(cost) for cost in tables.cost]
    first = next((option for option in by_price if _allows(tables, verdicts, option, held)), None)
    best = None if first is None else Spared(found, first, found.micro + costs[first], 0)
    bounds = [found.bound + costs[by_price[0]]] if others and by_price else []  # kept nodes might hold less
    untried = {option for option in by_price if tables.most[option].any()}
    for option in _worth_trying(tables, by_price, costs, found, best):
        if best is not None and found.bound + costs[option] >= best.micro:
            continue
        untried.remove(option)
        if not _allows(tables, verdicts, option, others):
            continue
        again = accepted(_within(tables, option), verdicts.both(tables, option), most_shapes)
        if again.unplaced != found.unplaced:
            continue
        bounds.append(again.bound + costs[option])
        if best is None or again.micro + costs[option] < best.micro:
            best = Spared(again, option, again.micro + costs[option], 0)
    bounds += [found.bound + costs[option] for option in untried]
    if best is None:
        return Spared(found, None, found.micro, found.bound)
    return replace(best, bound=min([best.micro, *bounds]))


def _allows(tables: Tables, verdicts: Verdicts, option: int, held: Sequence[Contents]) -> bool:
    number = int(tables.numbers[option])
    return all(verdicts.allows(number, contents) for contents in sorted(held, key=sum, reverse=True))


def _worth_trying(
    tables: Tables, by_price: Sequence[int], costs: Sequence[int], found: Accepted, best: Spared | None
) -> list[int]:
    """Options that others do not make superfluous, cheaper than the best so far; a few of them, evenly spread by price."""
    carrying = np.array([option for option in by_price if tables.most[option].any()], np.int64)
    if not carrying.size:
        return []
    large = sum(each.count for each in found.stacks) > _LARGE
    likely = [int(option) for option in carrying if best is None or found.bound + costs[option] < best.micro]
    tried = _TRIED_IF_LARGE if large else _TRIED
    if len(likely) > tried:
        able = np.array(likely, np.int64)
        likely = [int(option) for option in able[dominators(tables.only(able)) == NONE]]
    if large and likely and best is not None and best.micro - found.micro - costs[likely[0]] < _WORTH_IT * best.micro:
        return []
    if len(likely) <= tried:
        return likely
    return [likely[round(place)] for place in np.linspace(0, len(likely) - 1, tried).tolist()]


def _within(tables: Tables, option: int) -> Tables:
    """The same options, whose nodes must fit into a node of `option` too."""
    use: Ints = np.concatenate([tables.use, np.broadcast_to(tables.use[option], tables.use.shape)], axis=2)
    fixed: Ints = np.concatenate([tables.fixed, np.broadcast_to(tables.fixed[option], tables.fixed.shape)], axis=2)
    return replace(tables, use=use, fixed=fixed, most=np.minimum(tables.most, tables.most[option]))
