"""Whether a restart would help the operator. An API server that is away is no reason: it would be away for the next one too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from camslice.cluster.watching import WATCH_S

STUCK_S = 180.0
"""A request takes at most about 100 s, with all that it is repeated."""
SILENT_S = 2.0 * WATCH_S
"""A watch hears something each minute, or tries anew."""


@dataclass(frozen=True, slots=True)
class Signs:
    """`reconciling`: its thread lives (or has not begun); `stuck_s`: for how long a look at a fleet has neither ended nor asked
    for anything; by kind, whether its watch lives and for how long it has been silent; `polling`: pods are asked; `ending`: it
    leaves by itself, and its threads end one after the other."""

    reconciling: bool
    stuck_s: float
    watching: Mapping[str, bool]
    silent_s: Mapping[str, float]
    polling: bool
    ending: bool = False


def why_unwell(signs: Signs) -> str | None:
    """In a sentence what only a restart mends; None where nothing is wrong."""
    return None if signs.ending else _why(signs)


def _why(signs: Signs) -> str | None:
    if not signs.reconciling:
        return "nothing looks at fleets any more: that thread has ended"
    if signs.stuck_s > STUCK_S:
        return f"the look at a fleet has been stuck for {signs.stuck_s:.0f} s"
    for kind, alive in sorted(signs.watching.items()):
        if not alive:
            return f"nothing watches {kind} any more: that thread has ended"
    for kind, silent_s in sorted(signs.silent_s.items()):
        if silent_s > SILENT_S:
            return f"the watch of {kind} has been silent for {silent_s:.0f} s"
    if not signs.polling:
        return "nothing asks pods any more: that thread has ended"
    return None
