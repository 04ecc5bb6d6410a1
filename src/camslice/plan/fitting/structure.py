"""What frames of a table are taken to consist of: the simplest that the rows used allow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from camslice.fleet.errors import PlanError
from camslice.plan.fitting.model import Structure
from camslice.plan.fitting.table import Row, Sharing

_SLACK = 0.03
_WHOLE = 0.01


def explained(row: Row) -> bool:
    """Whether the model knows how the pods of this row share."""
    return row.sharing in (Sharing.TIME_SLICING, Sharing.DEDICATED)


def structure_of(used: Sequence[Row]) -> Structure:
    """Of the rows to fit from. Raises PlanError for rows that no structure explains, or that contradict each other."""
    for row in used:
        if not explained(row):
            raise PlanError(
                f"the row of {row.pods} pods is {row.sharing}, and a fit explains time-slicing; fit from other rows."
            )
    with_cores = [row for row in used if row.cores is not None]
    if with_cores and len(with_cores) < len(used):
        bare = next(row for row in used if row.cores is None)
        raise PlanError(f"the row of {bare.pods} pods states no cores, and others do; write them in, or give --cores.")
    if _says_accelerator_alone(used) or (not with_cores and _grows_with_pods(used)):
        return Structure(cpu=False, contended=False, stages=False)
    stages = any(sum(value > 0.0 for value in row.stage_ms.values()) == 3 for row in used)
    return Structure(cpu=True, contended=bool(with_cores), stages=stages)


def alone_ms(used: Sequence[Row], structure: Structure) -> float:
    """About what a frame takes alone: the row of one pod, else a guess from the fewest."""
    fewest = min(used, key=lambda row: row.pods)
    if fewest.pods == 1:
        return fewest.in_pod_ms
    return (2.0 if structure.cpu else 1.0) * fewest.in_pod_ms / fewest.pods


def _says_accelerator_alone(used: Sequence[Row]) -> bool:
    """The rows state that all of their time is inference, as tables of a model without stages do."""
    stated = [row for row in used if row.stage_ms]
    return bool(stated) and all(
        math.isclose(row.stage_ms.get("inference", 0.0), row.in_pod_ms, rel_tol=_WHOLE) for row in stated
    )


def _grows_with_pods(used: Sequence[Row]) -> bool:
    """Each pod more takes its whole time on the accelerator: nothing else is needed to explain that, and the rows say nothing
    of processors."""
    shared = sorted((row for row in used if row.sharing is Sharing.TIME_SLICING), key=lambda row: row.pods)
    per_pod = [row.in_pod_ms / row.pods for row in shared]
    return all(more >= (1.0 - _SLACK) * fewer for fewer, more in pairwise(per_pod))
