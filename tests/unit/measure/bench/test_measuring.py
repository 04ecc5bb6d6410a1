"""Rows take turns; one that fails costs the others nothing; a stop keeps what there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from camslice.fleet.errors import EngineError
from camslice.fleet.types import Topology
from camslice.measure.bench.load import load_for
from camslice.measure.bench.measuring import measure
from camslice.measure.bench.trial import Trial
from camslice.measure.bench.values import Load, Question, Row
from tests.unit.measure.bench.made import QUESTION, trial

LOADS = [load_for(Topology.SLICED, 1, QUESTION), load_for(Topology.SLICED, 2, QUESTION), load_for(Topology.POOLED, 2, QUESTION)]


@dataclass
class Bench:
    """Trials that are over at once. `stop_after` so many of them; the topology `fails` in its `fails_in`-th turn."""

    stop_after: int = 1000
    fails: Topology | None = None
    fails_in: int = 0
    ran: list[tuple[Topology, int, int]] = field(default_factory=list)
    told: list[int] = field(default_factory=list)

    def measured(self, rounds: int) -> list[Row]:
        question = replace(QUESTION, rounds=rounds)
        return measure(LOADS, question, self.wait, on_trial=self.note, run=self.run)

    def run(
        self, load: Load, question: Question, turn: int, wait: Callable[[float], bool], say: Callable[[str], None]
    ) -> Trial | None:
        say("running")
        self.ran.append((load.topology, load.cameras, turn))
        if load.topology is self.fails and turn == self.fails_in:
            raise EngineError("the pod did not start")
        return trial() if len(self.ran) < self.stop_after else None

    def wait(self, seconds: float) -> bool:
        return len(self.ran) >= self.stop_after

    def note(self, rows: Sequence[Row]) -> None:
        self.told.append(sum(len(row.trials) for row in rows))


def test_rows_take_turns_so_that_a_slow_minute_hits_all_of_them() -> None:
    bench = Bench()
    rows = bench.measured(rounds=2)
    each = [(Topology.SLICED, 1), (Topology.SLICED, 2), (Topology.POOLED, 2)]
    assert bench.ran == [*((*load, 0) for load in each), *((*load, 1) for load in reversed(each))]
    assert [len(row.trials) for row in rows] == [2, 2, 2]
    assert not any(row.partial for row in rows)


def test_after_each_trial_it_is_told_what_there_is() -> None:
    bench = Bench()
    bench.measured(rounds=1)
    assert bench.told == [1, 2, 3]


def test_a_row_that_fails_keeps_its_reason_and_the_others_go_on() -> None:
    bench = Bench(fails=Topology.POOLED)
    rows = bench.measured(rounds=2)
    assert [row.problem for row in rows] == [None, None, "the pod did not start"]
    assert [len(row.trials) for row in rows] == [2, 2, 0]
    assert (Topology.POOLED, 2, 1) not in bench.ran


def test_a_load_that_is_known_not_to_start_is_not_tried() -> None:
    bench = Bench()
    rows = measure(LOADS, QUESTION, bench.wait, run=bench.run, broken=[(LOADS[1], "the model does not load there")])
    assert [row.problem for row in rows] == [None, "the model does not load there", None]
    assert (Topology.SLICED, 2, 0) not in bench.ran


def test_a_row_that_fails_later_keeps_what_was_measured() -> None:
    row = Bench(fails=Topology.POOLED, fails_in=1).measured(rounds=3)[2]
    assert (len(row.trials), row.partial, row.problem) == (1, True, "the pod did not start")


def test_a_stop_keeps_the_rows_that_are_done_and_starts_no_other() -> None:
    bench = Bench(stop_after=2)
    rows = bench.measured(rounds=1)
    assert [len(row.trials) for row in rows] == [1, 0, 0]
    assert [row.partial for row in rows] == [False, True, True]
    assert len(bench.ran) == 2
