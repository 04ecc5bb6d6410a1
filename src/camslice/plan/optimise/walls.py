"""Contents that were refused are walls: a node of that option may not hold them, nor more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from camslice.plan.optimise.problem import Contents

Walls = Sequence[Contents]
Refused = Mapping[int, Walls]
"""By option (its index in the tables)."""


def below_walls(contents: Contents, walls: Walls) -> Contents:
    """As much of the contents as reaches no wall; of the class that loses the smallest part of its streams."""
    for wall in walls:
        if all(held >= limit for held, limit in zip(contents, wall, strict=True)):
            limits = [index for index, limit in enumerate(wall) if limit]
            least = min(limits, key=lambda index: ((contents[index] - wall[index] + 1) / contents[index], index))
            contents = tuple(wall[least] - 1 if index == least else held for index, held in enumerate(contents))
    return contents


def pieces_below(contents: Contents, walls: Walls, most: int) -> list[Contents] | None:
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
