"""What fitted figures leave open: the sets of values that fit about as well, and how far a prediction moves with them.

The corners of the figures' ranges would not do: figures of one fit hang together, and its corners explain nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from camslice.fleet.profile import Profile

_MOST_SETS = 12


def alternatives(profiles: Mapping[str, Profile]) -> tuple[Mapping[str, Profile], ...]:
    """The profiles of a node, each with another set of its values; the n-th sets of several models together.

    Of many sets some are taken, evenly spread over all.
    """
    sets = {model: profile.alternatives for model, profile in profiles.items()}
    count = min(_MOST_SETS, max((len(each) for each in sets.values()), default=0))
    return tuple(
        {
            model: sets[model][number * len(sets[model]) // count] if sets[model] else profile
            for model, profile in profiles.items()
        }
        for number in range(count)
    )


def range_of(values_ms: Iterable[float | None]) -> tuple[float | None, float | None]:
    """The lowest and the highest in ms, None standing for infinity; None and None where there are none."""
    found = [math.inf if each is None else each for each in values_ms]
    if not found:
        return None, None
    low, high = min(found), max(found)
    return (None if math.isinf(low) else low), (None if math.isinf(high) else high)
