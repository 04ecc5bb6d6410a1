"""Fits the simulator to a table of pods: which parameters explain the rows used, which they leave open, what others follow.

A prediction is never one number alone: beside it stands the range over all sets of parameters that were found to explain the
rows used about equally well. It is withheld, with the reason, where it rests on something that no row used shows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from camslice.fleet.errors import PlanError
from camslice.plan.fitting.model import Prediction, Structure, predict
from camslice.plan.fitting.parameters import spanned
from camslice.plan.fitting.sets import Told, explaining_sets
from camslice.plan.fitting.structure import alone_ms, explained, structure_of
from camslice.plan.fitting.table import Row
from camslice.plan.fitting.task import Task
from camslice.plan.fitting.withheld import why_withheld

UNIDENTIFIED = 0.6
"""A parameter is not identified if those sets span so much of its prior range."""


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
    to_predict = [row for row in rows if explained(row) and all(row is not each for each in used)]
    explained_by = explaining_sets(Task(structure, space, used, compiled), to_predict, lambda share: told(0.95 * share))
    values = explained_by.sets
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
    return Fit(structure, parameters, values, fitted, explained_by.worst, figures_of(used))


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


def _row(row: Row, used: Sequence[Row], predictions: Mapping[int, Sequence[Prediction]]) -> FittedRow:
    is_used = any(row is each for each in used)
    if not explained(row):
        return FittedRow(row, is_used, None, None, f"a fit explains time-slicing, and this row is {row.sharing}")
    own = predictions[id(row)]
    means = [each.mean_ms for each in own]
    reason = None if is_used else why_withheld(row, own, used, [predictions.get(id(each), ()) for each in used])
    return FittedRow(row, is_used, own[0] if reason is None else None, (min(means), max(means)), reason)
