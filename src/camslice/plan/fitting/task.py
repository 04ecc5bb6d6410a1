"""What a fit is to explain: rows, by a structure, within ranges; and how wrong a set of parameters is about them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from camslice.plan.fitting.model import Structure, estimate, predict
from camslice.plan.fitting.parameters import Floats, Space
from camslice.plan.fitting.search import Found, Logs, nearest
from camslice.plan.fitting.table import Row

TOTAL_TOLERANCE = 0.025
"""Sets that explain every mean of the rows used within this share are taken to fit equally well..."""
STAGE_TOLERANCE = 0.05
"""... if they explain its stages within this one."""

Held = Mapping[str, float]
"""Parameters that a search holds fixed."""

_NOTHING_MS = 1e-9


@dataclass(frozen=True, slots=True)
class Task:
    """The rows `used`, to be explained by the simulator, compiled or not."""

    structure: Structure
    space: Space
    used: Sequence[Row]
    compiled: bool

    def nearest(self, held: Held, start: Floats, pull: Floats) -> Found:
        """The point near `start` that explains the rows."""
        return nearest(self._formula(held), self._simulation(held), self._tolerances(), start, pull)

    def worst(self, values: Mapping[str, float], longer: float) -> float:
        """The largest error of these parameters in units of what is tolerated, by simulations `longer` times as long."""
        said = [predict(self.structure, values, row, compiled=self.compiled, longer=longer).stage_ms for row in self.used]
        return float(np.abs(self._logs(said) / self._tolerances()).max())

    def _formula(self, held: Held) -> Logs:
        def formula(point: Floats) -> Floats:
            values = self.space.values(point, held)
            return self._logs([estimate(self.structure, values, row) for row in self.used])

        return formula

    def _simulation(self, held: Held) -> Logs:
        def simulation(point: Floats) -> Floats:
            values = self.space.values(point, held)
            said = [predict(self.structure, values, row, compiled=self.compiled).stage_ms for row in self.used]
            return self._logs(said)

        return simulation

    def _logs(self, stage_ms: Sequence[Mapping[str, float]]) -> Floats:
        """First the means of the rows, in their order, then their stages."""
        pairs = list(zip(self.used, stage_ms, strict=True))
        means = [_log(sum(said.values()) + row.network_ms, row.mean_ms) for row, said in pairs]
        stages = [_log(said.get(name, 0.0), row.stage_ms[name]) for row, said in pairs for name in self._stages(row)]
        return np.array(means + stages)

    def _tolerances(self) -> Floats:
        stages = sum(len(self._stages(row)) for row in self.used)
        return np.array([TOTAL_TOLERANCE] * len(self.used) + [STAGE_TOLERANCE] * stages)

    def _stages(self, row: Row) -> list[str]:
        return [stage for stage, stated_ms in row.stage_ms.items() if stated_ms > 0.0] if self.structure.stages else []


def _log(said_ms: float, stated_ms: float) -> float:
    return math.log(max(_NOTHING_MS, said_ms) / stated_ms)
