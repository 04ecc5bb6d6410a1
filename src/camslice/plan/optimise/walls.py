"""Contents that were refused are walls: a node of that option may not hold them, nor more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from camslice.plan.optimise.problem import Contents
from camslice.plan.optimise.tables import Floats, Ints

Refused = Mapping[int, Sequence[Contents]]
"""By option (its index in the tables)."""


def below_walls(contents: Ints, walls: Sequence[Contents], prices: Floats) -> Ints:
    """The same contents [C] or less, so that no wall is reached; of the class that loses the least at these prices [C]."""
    held = contents
    for wall in walls:
        limit = np.asarray(wall)
        if (held >= limit).all():
            off = np.where(limit > 0, held - limit + 1, 0)
            loss = np.where(limit > 0, off * prices, np.inf)
            index = int(loss.argmin())
            held = held.copy()
            held[index] -= off[index]
    return held


def is_walled(contents: Ints, walls: Sequence[Contents]) -> bool:
    """Whether a wall is reached."""
    return any((contents >= np.asarray(wall)).all() for wall in walls)


def pieces_below(contents: Contents, walls: Sequence[Contents], most: int) -> list[Contents] | None:
    """The largest contents within these that reach no wall; None if they are more than `most`."""
    pieces = {contents}
    for wall in walls:
        reached = [each for each in pieces if all(held >= limit for held, limit in zip(each, wall, strict=True))]
        for each in reached:
            pieces.remove(each)
            for index, limit in enumerate(wall):
                if limit:
                    pieces.add(tuple(limit - 1 if other == index else held for other, held in enumerate(each)))
        if len(pieces) > most:
            return None
    return sorted(each for each in pieces if any(each))
