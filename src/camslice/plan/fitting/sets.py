"""The sets of parameters that explain the rows used: the best of them, and many others that lie apart.

The best begins with the usual values, so that what the rows do not decide stays usual. From there each parameter in turn is
held at other places of its range, while the others make up for it if they can; that shows how far the rows leave it free. Then
each row to be predicted is asked to come out lower, and higher, for as long as the rows used are still explained. That is no
proof that nothing lies farther out, but it is found by looking there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from camslice.fleet.errors import PlanError
from camslice.plan.fitting.model import predict
from camslice.plan.fitting.parameters import Floats, Scale, Space, coordinate
from camslice.plan.fitting.table import Row
from camslice.plan.fitting.task import TOTAL_TOLERANCE, Held, Task

Told = Callable[[float], None]
"""Gets the share of the work that is done, 0 to 1."""

_NEAR_TRIALS = 24
_NEAR = 0.5
"""How far from the usual values the near ones may begin, as a share of the way to anywhere."""
_PLACES = (0.03, 0.25, 0.5, 0.75, 0.97)
"""Where each parameter is held in turn."""
_USUAL, _FREE, _HELD = 0.3, 0.03, 100.0
"""How strongly a search is pulled to where it began: to the usual values, to any, to a place that is held."""
_ENDS, _STRETCHES, _STRIDE = 3, 6, 0.16
_HARDLY = 0.1
_PROMISING, _LONGER = 16, 4.0
_GOALS = (0.4, 0.55, 0.7, 0.85, 1.2, 1.5, 2.0)
"""Of what the best set predicts."""
_SEED = 1
_PLAIN = 0.5
"""Errors below this share of what is tolerated are no reason to prefer an unusual set."""


@dataclass(frozen=True, slots=True)
class Explained:
    """`sets` of parameters, the best first; `worst`: its largest error, in units of what is tolerated."""

    sets: tuple[Mapping[str, float], ...]
    worst: float


@dataclass(frozen=True, slots=True)
class _Candidate:
    held: Held
    point: Floats
    worst: float
    values: Mapping[str, float]
    unusual: float

    @property
    def preference(self) -> tuple[float, float]:
        """Small errors are all the same; then the more usual set is preferred."""
        return (max(_PLAIN, self.worst), self.unusual)


def explaining_sets(task: Task, to_predict: Sequence[Row], told: Told) -> Explained:
    """Find them. The same task gives the same sets. Raises PlanError where there is none."""
    begun: list[_Candidate] = []
    begin = _near(task.space)
    for number, (held, start) in enumerate(begin):
        begun.append(_searched(task, held, start, np.full(len(start), _USUAL)))
        told(0.4 * (number + 1) / len(begin))
    best = min(begun, key=lambda each: each.preference)
    known = [best, *begun]
    for number, found in enumerate(_profiled(task, best)):
        known.append(found)
        told(0.4 + 0.4 * (number + 1) / (len(_PLACES) * len(task.space.parameters)))
    tolerable = [each for each in known if each.worst <= 1.0]
    if not tolerable:
        by = min(each.worst for each in known) * TOTAL_TOLERANCE
        names = ", ".join(str(row.pods) for row in task.used)
        raise PlanError(f"no set of parameters explains the rows of {names} pods within {by:.0%}; check them and their cores.")
    for number, row in enumerate(to_predict):
        tolerable += _asked_for(task, row, tolerable)
        tolerable += _stretched(task, row, tolerable)
        told(0.8 + 0.2 * (number + 1) / len(to_predict))
    first = _confirmed(task, tolerable)
    unique = dict.fromkeys(tuple(each.values.items()) for each in (first, *tolerable))
    return Explained(tuple(dict(each) for each in unique), first.worst)


def _confirmed(task: Task, tolerable: Sequence[_Candidate]) -> _Candidate:
    """The one to prefer, of those that seem so, by longer simulations: pods fall slowly into patterns."""
    promising = sorted(tolerable, key=lambda each: each.preference)[:_PROMISING]
    confirmed = [replace(each, worst=task.worst(each.values, _LONGER)) for each in promising]
    return min(confirmed, key=lambda each: each.preference)


def _searched(task: Task, held: Held, start: Floats, pull: Floats) -> _Candidate:
    found = task.nearest(held, start, pull)
    return _candidate(task, held, found.point, found.worst)


def _candidate(task: Task, held: Held, point: Floats, worst: float) -> _Candidate:
    values = task.space.values(point, held)
    return _Candidate(held, point, worst, values, _unusual(task.space, values))


def _near(space: Space) -> list[tuple[Held, Floats]]:
    """What to hold and where to begin: the usual values, and near them."""
    dice = np.random.default_rng(_SEED)
    usual, choices = space.usual(), _choices(space)
    nearby = sorted(choices, key=lambda held: sum(abs(held[each.name] - each.usual) for each in space.held))[:3]
    starts = [usual + _NEAR * (space.anywhere(dice) - usual) for _ in range(_NEAR_TRIALS)]
    return [(held, usual) for held in choices] + [
        (nearby[number % len(nearby)], start) for number, start in enumerate(starts)
    ]  # fmt: skip


def _profiled(task: Task, best: _Candidate) -> Iterator[_Candidate]:
    """Each parameter held at places of its range, the others free."""
    for parameter in task.space.held:
        for place in _PLACES:
            held = {**best.held, parameter.name: parameter.at(place)}
            yield _searched(task, held, best.point, np.full(len(best.point), _FREE))
    for index in range(len(best.point)):
        for place in _PLACES:
            start, pull = best.point.copy(), np.full(len(best.point), _FREE)
            start[index], pull[index] = coordinate(place), _HELD
            yield _searched(task, best.held, start, pull)


def _asked_for(task: Task, row: Row, known: Sequence[_Candidate]) -> list[_Candidate]:
    """Sets with which this row comes out as other multiples of what the best set predicts, if there are any."""
    best = known[0]
    now_ms = _mean_ms(task, best, row)
    found = [_towards(task, row, now_ms * share, best.held, best.point) for share in _GOALS]
    return [each for each in found if each.worst <= 1.0]


def _stretched(task: Task, row: Row, known: Sequence[_Candidate]) -> list[_Candidate]:
    """Sets with which this row comes out lower, and higher, than with any known one, as far as there are any: from the farthest
    ones in strides, and in shorter ones where a stride is too long."""
    found: list[_Candidate] = []
    said = sorted(((_mean_ms(task, each, row), number) for number, each in enumerate(known)))
    for sign, farthest in ((-1.0, said[:_ENDS]), (1.0, said[: -_ENDS - 1 : -1])):
        for begin_ms, number in farthest:
            at, now_ms, stride = known[number], begin_ms, _STRIDE
            for _ in range(_STRETCHES):
                further = _towards(task, row, now_ms * math.exp(sign * stride), at.held, at.point)
                then_ms = _mean_ms(task, further, row)
                if further.worst <= 1.0 and sign * math.log(then_ms / now_ms) > _HARDLY * stride:
                    found.append(further)
                    at, now_ms = further, then_ms
                else:
                    stride /= 2.0
    return found


def _towards(task: Task, row: Row, goal_ms: float, held: Held, start: Floats) -> _Candidate:
    """The set near `start` that explains the rows used and that row as if it were the goal; its errors are of the former."""
    rows = (*task.used, replace(row, mean_ms=goal_ms, stage_ms={}))
    found = Task(task.structure, task.space, rows, task.compiled).nearest(held, start, np.full(len(start), _FREE))
    return _candidate(task, held, found.point, found.worst_but(len(task.used)))


def _mean_ms(task: Task, candidate: _Candidate, row: Row) -> float:
    return predict(task.structure, candidate.values, row, compiled=task.compiled).mean_ms


def _choices(space: Space) -> list[Held]:
    """What to hold in turn beside the usual values: each number of visits; where there is one, slices that differ a little, for
    work that is just a number of slices stands on the edge to one more."""
    usual = {each.name: each.usual for each in space.held}
    for each in space.held:
        if each.scale is Scale.WHOLE:
            return [usual | {each.name: float(count)} for count in range(int(each.low), int(each.high) + 1)]
    return [usual | {"slice_ms": usual["slice_ms"] * factor} for factor in (1.0, 0.97, 1.04, 1.11)]


def _unusual(space: Space, values: Mapping[str, float]) -> float:
    """How far these lie from the usual values, as a share of the ranges."""
    away = [each.place(values[each.name]) - each.place(each.usual) for each in space.parameters]
    return math.sqrt(sum(one * one for one in away) / len(away))
