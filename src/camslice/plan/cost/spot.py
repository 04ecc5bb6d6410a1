"""What spot costs besides money: the minutes in which a camera is not analysed because its node was taken back.

Assumed, in both of its parts. The provider says which share p of nodes it took back within a month. If it takes them at any
time with the same chance, a node is taken back -ln(1 - p) times a month, and each time its cameras are not analysed until
another node is there: `MINUTES_TO_REPLACE`, for a machine to start, join and fetch its image. The provider's notice of two
minutes would shorten that, a region without capacity lengthen it.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from camslice.fleet.figures import Provenance

MINUTES_TO_REPLACE = 5.0
_RANGE = re.compile(r"(?P<low>\d+(\.\d+)?)-(?P<high>\d+(\.\d+)?)%")
_BELOW = re.compile(r"<(?P<high>\d+(\.\d+)?)%")
_ABOVE = re.compile(r">(?P<low>\d+(\.\d+)?)%")


@dataclass(frozen=True, slots=True)
class BlindMinutes:
    """Expected minutes per camera and month in which nobody looks, from `low` to `high` (None: nobody says how many)."""

    low: float
    high: float | None
    minutes_to_replace: float
    interruption: str | None
    provenance: Provenance = Provenance.ASSUMED

    @property
    def words(self) -> str:
        """As the end of a sentence."""
        rate = (
            "a rate that nobody states" if self.interruption is None else f"{self.interruption} of nodes taken back in a month"
        )
        basis = f"assumed: {rate}, {self.minutes_to_replace:g} minutes to replace one"
        if self.high is None:
            return f"at least {self.low:.1f} blind minutes per camera and month ({basis})"
        return f"{self.low:.1f} to {self.high:.1f} blind minutes per camera and month ({basis})"


def blind_minutes(interruption: str | None, minutes_to_replace: float = MINUTES_TO_REPLACE) -> BlindMinutes:
    """From the provider's words for how often it takes a node back in a month, such as `<5%`, `5-10%` or `>20%`."""
    low, high = _shares(interruption or "")
    return BlindMinutes(
        low=_times(low) * minutes_to_replace,
        high=None if high is None else _times(high) * minutes_to_replace,
        minutes_to_replace=minutes_to_replace,
        interruption=interruption,
    )


def _shares(words: str) -> tuple[float, float | None]:
    if match := _RANGE.fullmatch(words):
        return float(match["low"]) / 100, float(match["high"]) / 100
    if match := _BELOW.fullmatch(words):
        return 0.0, float(match["high"]) / 100
    if match := _ABOVE.fullmatch(words):
        return float(match["low"]) / 100, None
    return 0.0, None


def _times(share: float) -> float:
    return -math.log1p(-min(share, 0.999999))
