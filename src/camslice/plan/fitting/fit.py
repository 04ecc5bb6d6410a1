"""Fits the simulator to a table of pods: which parameters explain the rows used, which they leave open, what others follow.

A prediction is never one number alone: beside it stands the range over all sets of parameters that were found to explain the
rows used about equally well. It is withheld, with the reason, where it rests on something that no row used shows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from camslice.fleet.errors import PlanError
from camslice.plan.fitting.model import Prediction, Structure, predict
from camslice.plan.fitting.parameters import Floats, Space, spanned
from camslice.plan.fitting.search import GOOD_ENOUGH, Errors, Found, nearest, walk
from camslice.plan.fitting.structure import alone_ms, explained, structure_of
from camslice.plan.fitting.table import Row
from camslice.plan.fitting.withheld import why_withheld

TOTAL_TOLERANCE = 0.025
"""Sets that explain every mean of the rows used within this share are taken to fit equally well..."""
STAGE_TOLERANCE = 0.05
"""... if they explain its stages within this one."""
UNIDENTIFIED = 0.6
"""A parameter is not identified if those sets span so much of its prior range."""

_TRIALS = 24
"""Walks from the usual values, and as many from elsewhere."""
_VISITS = range(1, 13)
_POLISHED = 0.1
_APART = 0.7
"""How far elsewhere: on the way from the usual values to any."""
_SEED = 1
_MOST = 60.0
_PLAIN = 0.5
"""Errors below this share of what is tolerated are no reason to prefer an unusual whole number."""

Held = dict[str, float]
"""Parameters that a search holds fixed."""
Told = Callable[[float], None]
"""Gets the share of the work that is done, 0 to 1."""


@dataclass(frozen=True, slots=True)
class FittedParameter:
    """Of the best set, and the range over all sets. `spans`: the share of the prior range that is."""

    name: str
    value: float
    low: float
    high: float
    spans: float

    @property
    def identified(self) -> bool:
        """Whether the rows used pin it down."""
        return self.spans < UNIDENTIFIED


@dataclass(frozen=True, slots=True)
class FittedRow:
    """`predicted_ms` of the best set, None where it is withheld for a `reason`; the range over all sets is given all the same,
    if there is one. `error`: predicted over measured, less 1."""

    row: Row
    used: bool
    predicted: Prediction | None
    range_ms: tuple[float, float] | None
    reason: str | None = None

    @property
    def predicted_ms(self) -> float | None:
        """The mean; None where it is withheld."""
        return None if self.predicted is None else self.predicted.mean_ms

    @property
    def error(self) -> float | None:
        """How far the prediction lies from what was measured, as a share of it."""
        return None if self.predicted is None else self.predicted.mean_ms / self.row.mean_ms - 1.0


@dataclass(frozen=True, slots=True)
class Fit:
    """`sets` of parameters, the best first. `worst`: the largest error of the best one, in units of what is tolerated.

    `figures`: how many independent ones were used.
    """

    structure: Structure
    parameters: tuple[FittedParameter, ...]
    sets: tuple[Mapping[str, float], ...]
    rows: tuple[FittedRow, ...]
    worst: float
    figures: int

    @property
    def best(self) -> Mapping[str, float]:
        """The best set of parameters."""
        return self.sets[0]

    @property
    def unidentified(self) -> tuple[str, ...]:
        """Parameters that the rows used cannot pin down."""
        return tuple(each.name for each in self.parameters if not each.identified)


def fit(
    rows: Sequence[Row],
    used: Sequence[Row],
    told: Told = lambda _share: None,
    *,
    compiled: bool = False,
) -> Fit:
    """Fit to the rows `used`, predict all of `rows`. The same table gives the same result, `compiled` or not.

    Raises PlanError where no set explains the rows used.
    """
    if not used:
        raise PlanError("no row to fit from; name at least one with --fit-rows.")
    structure = structure_of(used)
    space = structure.space(alone_ms(used, structure))
    best, found = _search(structure, space, used, told, compiled=compiled)
    sets = tuple(dict.fromkeys(tuple(each.items()) for each in found))
    values = [dict(each) for each in sets]
    predictions = {
        id(row): [predict(structure, each, row, compiled=compiled) for each in values]
        for row in (*rows, *used)
        if explained(row)
    }
    parameters = tuple(
        FittedParameter(
            each.name,
            values[0][each.name],
            min(one[each.name] for one in values),
            max(one[each.name] for one in values),
            spanned(each, [one[each.name] for one in values]),
        )
        for each in space.parameters
    )
    fitted = tuple(_row(row, used, predictions) for row in rows)
    told(1.0)
    return Fit(structure, parameters, tuple(values), fitted, best.worst, figures_of(used))


def leave_one_out(
    rows: Sequence[Row], told: Told = lambda _share: None, *, compiled: bool = False
) -> tuple[tuple[FittedRow, Fit | None], ...]:
    """Each row from all the others, with the fit that predicts it; None where the others cannot be explained."""
    known = [row for row in rows if explained(row)]
    if len(known) < 2:
        raise PlanError("leaving one row out needs two that are time-sliced or have an accelerator each; the table has fewer.")
    answers: list[tuple[FittedRow, Fit | None]] = []
    for number, left_out in enumerate(known):
        others = [row for row in known if row is not left_out]
        try:
            found = fit([left_out], others, _part_of(told, number, len(known)), compiled=compiled)
        except PlanError as error:
            answers.append((FittedRow(left_out, False, None, None, str(error).rstrip(".")), None))
            continue
        answers.append((found.rows[0], found))
    return tuple(answers)


def _part_of(told: Told, number: int, of: int) -> Told:
    return lambda share: told((number + share) / of)


def figures_of(rows: Sequence[Row]) -> int:
    """How many independent figures these rows have: a mean that its stages add up to is none."""
    count = 0
    for row in rows:
        stages = len(row.stage_ms)
        adds_up = stages > 0 and math.isclose(sum(row.stage_ms.values()), row.in_pod_ms, rel_tol=0.02)
        count += stages + (0 if adds_up else 1)
    return count


def _search(
    structure: Structure, space: Space, used: Sequence[Row], told: Told, *, compiled: bool
) -> tuple[Found, list[dict[str, float]]]:
    """The best point, and the parameters there and at all tolerable ones found."""
    begun: list[tuple[Held, Found]] = []
    choices = _choices(structure, space)
    for number, held in enumerate(choices):
        errors = _errors(structure, space, held, used, compiled=compiled)
        begun.append((held, nearest(errors, space.usual(), good=GOOD_ENOUGH)))
        told(0.2 * (number + 1) / len(choices))
    begun.sort(key=lambda each: _preference(space, *each))
    held, best = _polished(structure, space, begun, used, compiled=compiled)
    if not best.tolerable:
        by = best.worst * TOTAL_TOLERANCE
        raise PlanError(f"no set of parameters explains {_names(used)} within {by:.0%}; check them and the cores they state.")
    found = [space.values(best.point, held)]
    good = [(held, each) for held, each in begun if each.tolerable]
    found += [space.values(each.point, held) for held, each in good]
    dice = np.random.default_rng(_SEED)
    for number in range(_TRIALS):
        usual_held, begin = good[number % len(good)]
        elsewhere = space.usual() + _APART * (space.anywhere(dice) - space.usual())
        for held, point, slopes in (
            (space.hold_anywhere(dice) | _visits(usual_held), begin.point, begin.slopes),
            (space.hold_anywhere(dice), elsewhere, None),
        ):
            errors = _errors(structure, space, held, used, compiled=compiled)
            start = nearest(errors, point, slopes, GOOD_ENOUGH)
            if start.tolerable:
                found.append(space.values(start.point, held))
                found += [space.values(each.point, held) for each in walk(errors, start, space.anywhere(dice))]
        told(0.2 + 0.75 * (number + 1) / _TRIALS)
    return best, found


def _choices(structure: Structure, space: Space) -> list[Held]:
    """What to hold in turn while the best set is looked for: each number of visits; where there is one, slices that differ a
    little, for work that is just a number of slices stands on the edge to one more."""
    usual = {each.name: each.usual for each in space.held}
    if structure.cpu:
        return [usual | {"visits": float(visits)} for visits in _VISITS]
    return [usual | {"slice_ms": usual["slice_ms"] * factor} for factor in (1.0, 0.97, 1.04, 1.11)]


def _visits(held: Held) -> Held:
    return {name: value for name, value in held.items() if name == "visits"}


def _polished(
    structure: Structure, space: Space, begun: Sequence[tuple[Held, Found]], used: Sequence[Row], *, compiled: bool
) -> tuple[Held, Found]:
    """The most usual of the beginnings that can be made to explain the figures as well as any."""
    best_held, best = begun[0]
    for held, start in begun:
        if start.worst > max(_PLAIN, best.worst):
            break
        found = nearest(_errors(structure, space, held, used, compiled=compiled), start.point, start.slopes)
        if found.worst < best.worst or best is begun[0][1]:
            best_held, best = held, found
        if best.worst <= _POLISHED:
            break
    return best_held, best


def _preference(space: Space, held: Held, found: Found) -> tuple[float, ...]:
    unusual = sum(abs(held[each.name] - each.usual) for each in space.held)
    return (0.0, unusual, found.worst) if found.worst <= _PLAIN else (found.worst, unusual, found.worst)


def _errors(structure: Structure, space: Space, held: Held, used: Sequence[Row], *, compiled: bool) -> Errors:
    def errors(point: Floats) -> Floats:
        values = space.values(point, held)
        found: list[float] = []
        for row in used:
            said = predict(structure, values, row, compiled=compiled)
            found.append(math.log(said.mean_ms / row.mean_ms) / TOTAL_TOLERANCE)
            if structure.stages:
                found += [
                    math.log(max(1e-9, said.stage_ms.get(stage, 0.0)) / stated_ms) / STAGE_TOLERANCE
                    for stage, stated_ms in row.stage_ms.items()
                    if stated_ms > 0.0
                ]
        clipped: Floats = np.clip(np.array(found), -_MOST, _MOST)
        return clipped

    return errors


def _row(row: Row, used: Sequence[Row], predictions: Mapping[int, Sequence[Prediction]]) -> FittedRow:
    is_used = any(row is each for each in used)
    if not explained(row):
        return FittedRow(row, is_used, None, None, f"a fit explains time-slicing, and this row is {row.sharing}")
    own = predictions[id(row)]
    means = [each.mean_ms for each in own]
    reason = None if is_used else why_withheld(row, own, used, [predictions.get(id(each), ()) for each in used])
    return FittedRow(row, is_used, own[0] if reason is None else None, (min(means), max(means)), reason)


def _names(rows: Sequence[Row]) -> str:
    return f"the row{'s' * (len(rows) > 1)} of {', '.join(str(row.pods) for row in rows)} pods"
