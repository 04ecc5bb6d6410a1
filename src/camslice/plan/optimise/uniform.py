"""Every class on nodes of its own, all alike: dear, but no more shapes than classes."""

from __future__ import annotations

import numpy as np

from camslice.plan.optimise.stacks import Stack, Stacks, stacked
from camslice.plan.optimise.tables import Ints, Tables
from camslice.plan.optimise.walls import Refused


def uniform(tables: Tables, refused: Refused) -> Stacks:
    """Each class on as many streams a node as divide it and cost the least. Every class has an option that carries it."""
    most = tables.most.copy()
    for option, walls in refused.items():
        for wall in walls:
            held = [index for index, limit in enumerate(wall) if limit]
            if len(held) == 1:
                most[option, held[0]] = min(int(most[option, held[0]]), wall[held[0]] - 1)
    found = [_alone(tables, most[:, index], index) for index in np.flatnonzero(tables.demand).tolist()]
    return stacked(found, tables.cost.tolist())


def _alone(tables: Tables, most: Ints, index: int) -> Stack:
    demand = int(tables.demand[index])
    best: tuple[int, int, int] | None = None
    sizes = np.arange(1, int(most.max()) + 1)
    for streams in sizes[demand % sizes == 0].tolist():
        cost = np.where(most >= streams, tables.cost, np.iinfo(np.int64).max)
        option = int(cost.argmin())
        usd = int(cost[option]) * (demand // streams)
        if best is None or usd < best[0]:
            best = (usd, option, streams)
    if best is None:
        raise ValueError("no option carries this class")
    _, option, streams = best
    return Stack(option, tuple(streams if other == index else 0 for other in range(len(tables.demand))), demand // streams)
