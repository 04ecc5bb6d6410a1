"""The answer to a question: a plan, or that there is none and what would have to give."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass, replace

from camslice.plan.assemble import assembled
from camslice.plan.infeasible import WayOut, ways_out
from camslice.plan.judge import Lengths, Verdict
from camslice.plan.plan import Plan, Rejected
from camslice.plan.planner import Drawn, Question, draw, limits_of
from camslice.plan.reasons import rejections
from camslice.plan.search import Solve, Told


@dataclass(frozen=True, slots=True)
class Answer:
    """`plan` is None where no fleet keeps the objective at any price; else it is the cheapest that does, even when it costs
    more than was allowed (then it is not `feasible`). `ways_out`: what would have to give."""

    plan: Plan | None
    rejected: tuple[Rejected, ...]
    ways_out: tuple[WayOut, ...]
    solve_s: float
    simulations: int

    @property
    def feasible(self) -> bool:
        """Whether there is a plan that keeps everything."""
        return self.plan is not None and self.plan.feasible


def answer(
    question: Question, solve: Solve, remembered: MutableMapping[str, Verdict] | None = None, told: Told = lambda _: None
) -> Answer:
    """Plan. Raises PlanError and CatalogueError for what is wrong with the question."""
    memory: MutableMapping[str, Verdict] = {} if remembered is None else remembered
    drawn = draw(question, solve, memory, told)
    found = drawn.search.run(limits_of(drawn))
    simulations = drawn.judge.simulations
    if any(found.solution.unplaced):
        ways = ways_out(question, lambda other: _cheapest(other, solve, memory)) if drawn.candidates else ()
        return Answer(None, rejections(drawn, found.solution), ways, found.solution.seconds, simulations)
    plan = assembled(drawn, found)
    ways = ()
    if not plan.feasible:
        told("dearer than allowed; looking for what would have to give")
        ways = ways_out(question, lambda other: _cheapest(other, solve, memory))
    return Answer(plan, plan.rejected, ways, found.solution.seconds, drawn.judge.simulations)


def _cheapest(question: Question, solve: Solve, remembered: MutableMapping[str, Verdict]) -> float | None:
    """US dollars per month of the cheapest fleet, None for none. To be asked often: nothing is assembled, nor confirmed by
    longer simulations.
    """
    drawn: Drawn = draw(replace(question, lengths=Lengths(confirmed=Lengths().tried)), solve, remembered)
    found = drawn.search.run(limits_of(drawn))
    if any(found.solution.unplaced):
        return None
    return found.solution.usd_per_month + drawn.usd_fixed_per_month
