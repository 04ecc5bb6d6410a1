"""Nodes that stand already: they stay, and take of the streams what they hold now, or less."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from camslice.plan.optimise.problem import Contents, Problem, Shape
from camslice.plan.optimise.tables import MICRO, Ints


@dataclass(frozen=True, slots=True)
class Kept:
    """`shapes` with what they hold in the end, empty ones included; `left` [C]: streams for other nodes. `least` [C]: as
    many as would be left if `fits` had refused nothing."""

    shapes: tuple[Shape, ...]
    left: Contents
    least: Contents
    micro: int


def keep(problem: Problem) -> Kept:
    """Fill the kept nodes: their price is paid, so whatever they can take is taken."""
    demand = np.array([each.count for each in problem.classes], np.int64)
    able = [(shape, _accepted_part(problem, shape)) for shape in problem.kept if shape.count > 0]
    whole = sum((shape.count * np.array(shape.contents, np.int64) for shape, _ in able), np.zeros_like(demand))
    surplus = sum((shape.count * np.array(part, np.int64) for shape, part in able), -demand)
    shapes = _without(able, np.maximum(surplus, 0))
    micro = sum(round(shape.option.usd_per_month * MICRO) * shape.count for shape in problem.kept)
    return Kept(shapes, _contents(np.maximum(-surplus, 0)), _contents(np.maximum(demand - whole, 0)), micro)


def _accepted_part(problem: Problem, shape: Shape) -> Contents:
    """The contents if they are accepted, else as much as is, all classes alike."""
    steps = max(shape.contents, default=0)
    accepted, refused = 0, steps + 1
    trial = steps
    while refused - accepted > 1:
        part = tuple(held * trial // steps for held in shape.contents)
        if problem.fits(shape.option, part):
            accepted = trial
        else:
            refused = trial
        trial = (accepted + refused) // 2
    return tuple(held * accepted // steps for held in shape.contents) if steps else shape.contents


def _without(able: Sequence[tuple[Shape, Contents]], surplus: Ints) -> tuple[Shape, ...]:
    """Streams that are not there any more are taken off the last nodes."""
    shapes: list[Shape] = []
    for shape, part in reversed(able):
        count, held = shape.count, np.array(part, np.int64)
        whole: list[Shape] = []
        while count and np.minimum(surplus, held).any():
            off = np.minimum(surplus, held)
            times = max(1, min(count, int((surplus[off > 0] // off[off > 0]).min())))
            whole.append(Shape(shape.option, _contents(held - off), times))
            surplus = surplus - times * off
            count -= times
        if count:
            whole.append(Shape(shape.option, part, count))
        shapes.extend(whole)
    return tuple(reversed(shapes))


def _contents(row: Ints) -> Contents:
    return tuple(int(count) for count in row)
