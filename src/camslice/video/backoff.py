"""How long to wait before connecting to a camera again."""

from __future__ import annotations

import random
from collections.abc import Callable

FIRST_S = 0.5
CAP_S = 10.0


class Backoff:
    """Waiting times that double up to a cap, each shortened by chance to between half and all of it.

    The chance keeps a fleet whose switch was restarted from knocking at the same instants.
    """

    def __init__(self, first_s: float = FIRST_S, cap_s: float = CAP_S, chance: Callable[[], float] = random.random) -> None:
        self._first_s = first_s
        self._cap_s = cap_s
        self._chance = chance
        self._next_s = first_s

    def next_s(self) -> float:
        """Seconds to wait now."""
        delay_s = self._next_s
        self._next_s = min(self._cap_s, delay_s * 2)
        return min(self._cap_s, delay_s) * (0.5 + self._chance() / 2)

    def reset(self) -> None:
        """The connection held: begin with short waits again."""
        self._next_s = self._first_s
