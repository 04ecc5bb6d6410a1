"""The answer to a question: a plan, or that there is none and what would have to give.

Where the objective lets recall go, two plans are made: at full frames, and with the cheapest policy that was measured to keep
what is demanded. The cheaper one is the answer, full frames where they cost the same.
"""

from __future__ import annotations

import math
from collections.abc import MutableMapping
from dataclasses import dataclass, replace

from camslice.plan.assemble import assembled
from camslice.plan.classes import demand_of
from camslice.plan.eligibility import profiles_by_model
from camslice.plan.infeasible import WayOut, ways_out
from camslice.plan.judge import Lengths, Verdict
from camslice.plan.plan import Plan, Rejected
from camslice.plan.planner import Drawn, Question, draw, limits_of
from camslice.plan.policies import Allowed, allowed_policies
from camslice.plan.reasons import rejections
from camslice.plan.search import Found, Solve, Told


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
    used = [each.model for each in demand_of(question.fleet).classes]
    allowed = allowed_policies(question.fleet, profiles_by_model(question.fleet.models, used, question.profiles))
    tries = [_tried(question, solve, memory, told)]
    if allowed.by_model:
        told("at full frames; now with less of each")
        tries.append(_tried(replace(question, policies=allowed.cheapest), solve, memory, told))
    best = min(tries, key=lambda each: each.usd_per_month)
    plan = None
    if math.isfinite(best.usd_per_month):
        others = [draw(replace(question, policies=policies), solve, memory) for policies in allowed.others]
        further = [*(each.drawn for each in tries if each is not best), *others]
        plan = assembled(best.drawn, best.found, further, tries[0].usd_per_month, _why_full(allowed, best))
        if not plan.feasible:
            told("dearer than allowed; looking for what would have to give")
    ways: tuple[WayOut, ...] = ()
    if best.drawn.candidates and (plan is None or not plan.feasible):
        ways = ways_out(best.drawn.question, lambda other: _cheapest(other, solve, memory))
    return Answer(
        plan,
        rejections(best.drawn, best.found.solution) if plan is None else plan.rejected,
        ways,
        sum(each.found.solution.seconds for each in tries),
        sum(each.drawn.judge.simulations for each in tries),
    )


@dataclass(frozen=True, slots=True)
class _Try:
    """A search for the cheapest fleet. `usd_per_month`: infinite where none keeps the objective at any price."""

    drawn: Drawn
    found: Found
    usd_per_month: float


def _tried(question: Question, solve: Solve, memory: MutableMapping[str, Verdict], told: Told) -> _Try:
    drawn = draw(question, solve, memory, told)
    found = drawn.search.run(limits_of(drawn))
    usd = math.inf if any(found.solution.unplaced) else found.solution.usd_per_month + drawn.usd_fixed_per_month
    return _Try(drawn, found, usd)


def _why_full(allowed: Allowed, best: _Try) -> tuple[str, ...]:
    if not allowed.by_model or best.drawn.question.policies:
        return allowed.why_not
    recall = best.drawn.question.fleet.objective.recall
    return (
        *allowed.why_not,
        f"full frames: looking at less (`objective.recall` is {recall:g}) would not make this fleet cheaper",
    )


def _cheapest(question: Question, solve: Solve, remembered: MutableMapping[str, Verdict]) -> float | None:
    """US dollars per month of the cheapest fleet, None for none. To be asked often: nothing is assembled, nor confirmed by
    longer simulations.
    """
    drawn: Drawn = draw(replace(question, lengths=Lengths(confirmed=Lengths().tried)), solve, remembered)
    found = drawn.search.run(limits_of(drawn))
    if any(found.solution.unplaced):
        return None
    return found.solution.usd_per_month + drawn.usd_fixed_per_month
