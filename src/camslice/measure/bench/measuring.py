"""Measures the rows of a bench: in turns, so that a slow minute of the machine hits all of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial

from camslice.fleet.errors import CamsliceError
from camslice.measure.bench.load import phases_of
from camslice.measure.bench.trial import Trial, Wait, WarmUp, run_trial
from camslice.measure.bench.values import Load, Question, Row

log = logging.getLogger(__name__)

RunTrial = Callable[[Load, Question, int, Wait, Callable[[str], None]], Trial | None]


def this_machine(load: Load, question: Question, turn: int, wait: Wait, say: Callable[[str], None]) -> Trial | None:
    """One trial of a load, as long as a turn is."""
    return run_trial(
        load.fleet,
        {question.spec.name: question.info},
        question.seconds / question.rounds,
        wait=wait,
        say=say,
        threads=question.threads,
        phases=phases_of(question, turn),
        warm_up=WarmUp().at_rate(question.fps),
    )


def measure(
    loads: Sequence[Load],
    question: Question,
    wait: Wait,
    *,
    say: Callable[[Load, str], None] = lambda _load, _words: None,
    on_trial: Callable[[Sequence[Row]], None] = lambda _rows: None,
    run: RunTrial = this_machine,
    broken: Sequence[tuple[Load, str]] = (),
) -> list[Row]:
    """Measure every load in each round, until done or asked to stop (`wait`). Rows come back in the order of the loads.

    Every other round goes backwards, so that no row is always measured after the same other one.
    A load that cannot be measured keeps its reason and costs the others nothing; a stop leaves what was measured until then.
    So does one of the `broken` loads, which are known not to start, and why.
    `on_trial` is told after each trial what there is so far.
    """
    why = {id(load): reason for load, reason in broken}
    rows = [Row(load, question.rounds, failure=why.get(id(load))) for load in loads]
    for turn in range(question.rounds):
        for row in rows if turn % 2 == 0 else reversed(rows):
            if wait(0):
                return rows
            if row.failure is not None:
                continue
            try:
                trial = run(row.load, question, turn, wait, partial(say, row.load))
            except CamsliceError as error:
                row.failure = str(error)
                log.error("%s, %d pods: %s", row.load.topology, row.load.pods, error)
            else:
                if trial is not None:
                    row.trials.append(trial)
            on_trial(rows)
    return rows
