"""CP-SAT behind the few words that are needed here: one worker, one seed, deterministic time, so that answers repeat."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ortools.sat.python import cp_model

Variable = cp_model.IntVar
_LARGEST = 2**53
_HIGHEST = 2**62


class Budget:
    """CP-SAT's deterministic seconds, about as long as real ones, that may be spent on something in all."""

    def __init__(self, seconds: float) -> None:
        self.left = seconds

    def some(self, most: float) -> float:
        """As much as that, or what is left."""
        return min(most, self.left)


@dataclass(frozen=True, slots=True)
class Answer:
    """`found`: some solution; `proven`: the best one, or that there is none. No solution is better than `bound`."""

    found: bool
    proven: bool
    bound: int
    solver: cp_model.CpSolver

    def value(self, variable: Variable) -> int:
        """Of a variable in the solution that was found."""
        return int(self.solver.value(variable))


class ExactModel:
    """Integer variables, linear limits, one objective; solved as often as wanted, with more limits each time."""

    def __init__(self) -> None:
        self._model = cp_model.CpModel()

    def integer(self, low: int, high: int) -> Variable:
        """A new variable from `low` to `high`."""
        return self._model.new_int_var(low, high, "")

    def boolean(self) -> Variable:
        """A new variable that is 0 or 1."""
        return self._model.new_bool_var("")

    def highest(self, variable: Variable) -> int:
        """The most that a variable of this model can be."""
        return int(variable.proto.domain[-1])

    def at_most(self, variables: Sequence[Variable], weights: Sequence[int], limit: int) -> None:
        """The weighted sum is no more than `limit`."""
        self._model.add(cp_model.LinearExpr.weighted_sum(variables, weights) <= limit)

    def at_least(self, variables: Sequence[Variable], weights: Sequence[int], limit: int) -> None:
        """The weighted sum is no less than `limit`."""
        self._model.add(cp_model.LinearExpr.weighted_sum(variables, weights) >= limit)

    def exactly(self, variables: Sequence[Variable], weights: Sequence[int], total: int) -> None:
        """The weighted sum is `total`."""
        self._model.add(cp_model.LinearExpr.weighted_sum(variables, weights) == total)

    def some_at_most(self, alternatives: Sequence[tuple[Variable, int]]) -> None:
        """At least one of these variables, none of which is negative, is no more than its number."""
        self._some([(variable, 0, limit) for variable, limit in alternatives])

    def some_at_least(self, alternatives: Sequence[tuple[Variable, int]]) -> None:
        """At least one of these variables is no less than its number."""
        self._some([(variable, limit, _HIGHEST) for variable, limit in alternatives])

    def at_most_different(self, variables: Sequence[Variable], limit: int) -> None:
        """No more than so many of the variables, none of which is negative, are above 0."""
        used = []
        for variable in variables:
            true = self._model.new_bool_var("")
            self._model.add(variable == 0).only_enforce_if(~true)
            used.append(true)
        self._model.add(cp_model.LinearExpr.sum(used) <= limit)

    def hint(self, variable: Variable, value: int) -> None:
        """A value to try first."""
        self._model.add_hint(variable, value)

    def maximise(
        self, variables: Sequence[Variable], weights: Sequence[int], budget: Budget, most: float, close: float = 0.0
    ) -> Answer:
        """Solve for the greatest weighted sum, or one that is as `close` (a share), for no more than `most` seconds."""
        self._model.maximize(cp_model.LinearExpr.weighted_sum(variables, weights))
        return self._solved(budget, most, upwards=True, close=close)

    def minimise(self, variables: Sequence[Variable], weights: Sequence[int], budget: Budget, most: float) -> Answer:
        """Solve for the least weighted sum, for no more than `most` seconds."""
        self._model.minimize(cp_model.LinearExpr.weighted_sum(variables, weights))
        return self._solved(budget, most, upwards=False)

    def satisfy(self, budget: Budget, most: float) -> Answer:
        """Solve without an objective, for no more than `most` seconds."""
        return self._solved(budget, most, upwards=False)

    def _some(self, ranges: Sequence[tuple[Variable, int, int]]) -> None:
        chosen = []
        for variable, low, high in ranges:
            true = self._model.new_bool_var("")
            self._model.add_linear_expression_in_domain(variable, cp_model.Domain(low, high)).only_enforce_if(true)
            chosen.append(true)
        self._model.add_bool_or(chosen)

    def _solved(self, budget: Budget, most: float, *, upwards: bool, close: float = 0.0) -> Answer:
        solver = cp_model.CpSolver()
        parameters = solver.parameters
        parameters.num_workers = 1
        parameters.random_seed = 1
        parameters.linearization_level = 2
        parameters.relative_gap_limit = close
        parameters.max_deterministic_time = max(0.0, budget.some(most))
        status = solver.solve(self._model)
        budget.left -= solver.response_proto.deterministic_time
        if status == cp_model.MODEL_INVALID:
            raise ArithmeticError(f"the solver refuses the model: {self._model.validate()}")
        found = status in (cp_model.OPTIMAL, cp_model.FEASIBLE)
        proven = status in (cp_model.OPTIMAL, cp_model.INFEASIBLE)
        return Answer(found, proven, _whole(solver.best_objective_bound, upwards=upwards), solver)


def _whole(bound: float, *, upwards: bool) -> int:
    """Objectives are whole numbers; their bound comes as a float, which may be off in its last digits: to the safe side."""
    if not math.isfinite(bound) or abs(bound) > _LARGEST:
        return 2**63 if upwards else 0
    nearest = round(bound)
    if abs(bound - nearest) <= 1e-6 * max(1.0, abs(bound)) * 1e-3:
        return nearest
    return math.ceil(bound) if upwards else math.floor(bound)
