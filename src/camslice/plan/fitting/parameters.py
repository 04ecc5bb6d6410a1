"""What a fit looks for: parameters with the range in which they are believed to lie before any table is read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_EDGE = 1e-6


class Scale(StrEnum):
    """How a parameter's range is measured."""

    LOG = "log"
    LINEAR = "linear"
    WHOLE = "whole"
    """Whole numbers."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """`low` to `high` is the prior range, `usual` a value to begin with where nothing speaks against it.

    `held`: a search cannot follow it, because what it changes changes in jumps, and holds it fixed.
    """

    name: str
    low: float
    high: float
    usual: float
    scale: Scale = Scale.LOG
    held: bool = False

    def place(self, value: float) -> float:
        """Where the value lies in the range, from 0 to 1."""
        if self.scale is Scale.LOG:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def at(self, place: float) -> float:
        """The value at that place of the range, 0 to 1."""
        if self.scale is Scale.LOG:
            return self.low * math.exp(place * math.log(self.high / self.low))
        value = self.low + place * (self.high - self.low)
        return float(round(value)) if self.scale is Scale.WHOLE else value


@dataclass(frozen=True, slots=True)
class Space:
    """All parameters of a fit. A point of it is an array of unbounded coordinates, one for each that is not held: the logit of
    the place, so that no step leaves the range."""

    parameters: tuple[Parameter, ...]

    @property
    def moving(self) -> tuple[Parameter, ...]:
        """Those with a coordinate."""
        return tuple(each for each in self.parameters if not each.held)

    @property
    def held(self) -> tuple[Parameter, ...]:
        """Those without."""
        return tuple(each for each in self.parameters if each.held)

    def usual(self) -> Floats:
        """The point to begin with."""
        return _logit(np.array([each.place(each.usual) for each in self.moving]))

    def anywhere(self, dice: np.random.Generator) -> Floats:
        """A point drawn from the whole range, each place as likely as any other."""
        return _logit(dice.random(len(self.moving)))

    def hold_anywhere(self, dice: np.random.Generator) -> dict[str, float]:
        """Values of those that are held, drawn from their whole ranges."""
        return {each.name: each.at(float(dice.random())) for each in self.held}

    def values(self, point: Floats, held: Mapping[str, float]) -> dict[str, float]:
        """The parameters at that point, with these held, in the order of the space."""
        places = 1.0 / (1.0 + np.exp(-point))
        moved = {each.name: each.at(float(place)) for each, place in zip(self.moving, places, strict=True)}
        return {each.name: moved[each.name] if each.name in moved else held[each.name] for each in self.parameters}


def coordinate(place: float) -> float:
    """The coordinate of a place, 0 to 1."""
    return float(_logit(np.array([place]))[0])


def spanned(parameter: Parameter, values: Sequence[float]) -> float:
    """What share of the range these values span."""
    places = [parameter.place(value) for value in values]
    return max(places) - min(places)


def _logit(places: Floats) -> Floats:
    inside = np.clip(places, _EDGE, 1.0 - _EDGE)
    logits: Floats = np.log(inside / (1.0 - inside))
    return logits
