"""From values to pixels, and where an axis has its marks."""

from __future__ import annotations

import math
from dataclasses import dataclass

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Linear:
    """Values from 0 to `highest` over the pixels from `left` to `right`."""

    highest: float
    left: float
    right: float

    def at(self, value: float) -> float:
        """The pixel of a value; one beyond the end stays at the end."""
        share = min(value / self.highest, 1.0) if self.highest > 0 else 0.0
        return self.left + share * (self.right - self.left)

    def marks(self, about: int = 5) -> list[float]:
        """Round values at equal distances."""
        if self.highest <= 0:
            return [0.0]
        rough = self.highest / about
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(factor * power for factor in _STEPS if factor * power >= rough * (1 - 1e-9))
        return [index * step for index in range(math.floor(self.highest / step * (1 + 1e-9)) + 1)]


@dataclass(frozen=True, slots=True)
class Logarithmic:
    """Values from `lowest` (above 0) to `highest`, equal ratios at equal distances."""

    lowest: float
    highest: float
    left: float
    right: float

    def at(self, value: float) -> float:
        """The pixel of a value; one beyond an end stays at that end."""
        share = math.log(max(value, self.lowest) / self.lowest) / math.log(self.highest / self.lowest)
        return self.left + min(share, 1.0) * (self.right - self.left)

    def value(self, pixel: float) -> float:
        """The value at a pixel."""
        return float(self.lowest * (self.highest / self.lowest) ** ((pixel - self.left) / (self.right - self.left)))

    def marks(self) -> list[float]:
        """1, 2 and 5 times every power of ten in range."""
        powers = range(math.floor(math.log10(self.lowest)), math.ceil(math.log10(self.highest)) + 1)
        marks = [factor * 10.0**power for power in powers for factor in (1, 2, 5)]
        return [mark for mark in marks if self.lowest <= mark <= self.highest]
