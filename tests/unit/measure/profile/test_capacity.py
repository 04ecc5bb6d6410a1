"""The capacity as a profile says it, and a search that is broken off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from camslice.fleet.errors import MachineError
from camslice.fleet.figures import Provenance
from camslice.fleet.profile import Capacity, Constraint, Trial
from camslice.fleet.types import Objective, Topology
from camslice.measure.profile.agenda import Agenda
from camslice.measure.profile.capacity import CapacitySearch
from camslice.measure.profile.journal import Journal
from camslice.measure.profile.observe import Rates
from camslice.measure.profile.settings import Settings
from camslice.measure.profile.shared import Most
from tests.unit.measure.profile.machines import MadeUpMachine

QUICK = Settings.quick(Topology.POOLED, Objective(), 5.0)


class Told:
    """What somebody who waits is told."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, float, float]] = []

    def step(self, words: str, done_s: float, left_s: float) -> None:
        self.steps.append((words, done_s, left_s))


def search(
    machine: MadeUpMachine,
    settings: Settings | None = None,
    *,
    most: Most = Most(1024, by_memory=False),  # noqa: B008 (a frozen value)
    journal: Journal | None = None,
    told: Told | None = None,
    until_s: float | None = None,
    clock: Callable[[], float] = lambda: 0.0,
) -> Capacity:
    settings = settings or Settings()
    agenda = Agenda(settings, told or Told())
    begun = CapacitySearch(
        settings, machine, journal or Journal(None, {}), agenda, Rates(1.0, 5.0), until_s=until_s, clock=clock
    )
    return begun.run(machine.fps, most)


def test_the_capacity_is_measured_with_its_interval_and_its_constraint() -> None:
    capacity = search(MadeUpMachine(capacity=12.5, fps=75))
    assert capacity.streams.value == 12
    assert capacity.streams.provenance is Provenance.MEASURED
    assert capacity.streams.low is not None
    assert capacity.streams.high is not None
    assert capacity.streams.low <= 12 <= capacity.streams.high
    assert capacity.bracket == (12, 13)
    assert capacity.binding_constraint is Constraint.CPU
    assert len(capacity.trials) > 5
    assert capacity.finest_overload == pytest.approx(0.5 / (1000 / 60 + 0.7) + 0.01, rel=0.01)


def test_the_search_begins_at_the_closed_loops_rate() -> None:
    machine = MadeUpMachine(capacity=12.5, fps=75)
    search(machine)
    assert machine.asked[0] == "open pooled 15 turn 0"


def test_every_trial_has_its_own_turn_so_that_phases_differ() -> None:
    machine = MadeUpMachine()
    search(machine)
    turns = [int(asked.rsplit(" ", 1)[1]) for asked in machine.asked]
    assert turns == list(range(len(machine.asked)))


def test_a_quick_search_gives_a_bracket_and_no_interval() -> None:
    capacity = search(MadeUpMachine(), QUICK)
    assert (capacity.streams.value, capacity.streams.low, capacity.streams.high) == (12, None, None)
    assert capacity.bracket == (12, 13)


def test_no_trial_begins_that_would_end_after_the_time_allowed() -> None:
    machine = MadeUpMachine(capacity=500, fps=60)
    now = [0.0]

    def clock() -> float:
        now[0] += 5.0
        return now[0]

    capacity = search(machine, QUICK, until_s=20.0, clock=clock)
    assert 1 <= len(machine.asked) <= 3
    assert capacity.bracket[1] is None
    assert "no load that was tried broke the objective" in capacity.evidence


def test_a_machine_filled_by_memory_says_so() -> None:
    capacity = search(MadeUpMachine(capacity=500, fps=60), most=Most(20, by_memory=True))
    assert capacity.binding_constraint is Constraint.MEMORY
    assert (capacity.streams.value, capacity.bracket) == (20, (20, None))


class Small(MadeUpMachine):
    """Has no room for more than `room` streams."""

    room = 8

    def open(self, topology: Topology, streams: int, turn: int, rates: Rates) -> Trial:
        if streams > self.room:
            raise MachineError("no room for so many.")
        return super().open(topology, streams, turn, rates)


@pytest.mark.parametrize("settings", [QUICK, Settings()])
def test_a_load_that_the_machine_refuses_is_the_end_but_no_trial(settings: Settings) -> None:
    capacity = search(Small(capacity=500), settings)
    assert capacity.bracket == (8, None)
    assert capacity.streams.value == 8
    assert capacity.binding_constraint is Constraint.MEMORY
    assert all(trial.met and trial.streams <= 8 for trial in capacity.trials)


def test_a_refusal_that_passed_is_not_remembered(tmp_path: Path) -> None:
    search(Small(capacity=12.5), journal=Journal(tmp_path / "p", {}))
    assert search(MadeUpMachine(capacity=12.5), journal=Journal(tmp_path / "p", {})).bracket == (12, 13)


def test_a_machine_without_room_for_one_stream_says_so() -> None:
    machine = Small()
    machine.room = 0
    with pytest.raises(MachineError, match="no room"):
        search(machine)


@pytest.mark.parametrize("capacity", [1, 3, 40])
def test_short_of_time_a_search_goes_down_until_something_holds(capacity: float) -> None:
    machine = MadeUpMachine(capacity=capacity, fps=1000)
    found = search(machine, QUICK, until_s=1.0, clock=lambda: 100.0)
    assert 1 <= found.streams.value <= capacity
    assert found.bracket[1] is not None


def test_none_is_said_only_after_one_stream_was_tried() -> None:
    machine = MadeUpMachine(capacity=0.5, fps=1000)
    found = search(machine, QUICK, until_s=1.0, clock=lambda: 100.0)
    assert (found.streams.value, found.bracket) == (0, (0, 1))
    assert machine.asked[-1].startswith("open pooled 1 ")


def test_a_quick_search_begins_below_the_closed_loop() -> None:
    machine = MadeUpMachine(fps=100)
    search(machine, QUICK)
    assert machine.asked[0] == "open pooled 14 turn 0"


def test_trials_that_are_too_short_are_said_to_be() -> None:
    class Slow(MadeUpMachine):
        def open(self, topology: Topology, streams: int, turn: int, rates: Rates) -> Trial:
            return replace(super().open(topology, streams, turn, rates), frames=600)

    settings = Settings(fps=0.5, longest_trial_s=600)
    assert "600 s at most, and some had only 600 frames of the 1000" in search(Slow(fps=6), settings).evidence
    assert "frames of the" not in search(MadeUpMachine(fps=6), settings).evidence


@pytest.mark.parametrize("after", [1, 3, 5])
def test_a_search_that_was_broken_off_goes_on_and_comes_to_the_same_end(tmp_path: Path, after: int) -> None:
    whole = search(MadeUpMachine(), journal=Journal(tmp_path / "whole", {}))
    with pytest.raises(KeyboardInterrupt):
        search(MadeUpMachine(break_off_after=after), journal=Journal(tmp_path / "p", {}))
    rest = MadeUpMachine()
    assert search(rest, journal=Journal(tmp_path / "p", {})) == whole
    assert len(rest.asked) == len(whole.trials) - after


def test_somebody_who_waits_sees_the_end_come_nearer() -> None:
    told = Told()
    search(MadeUpMachine(), told=told)
    assert told.steps[0][0] == "12 streams at 5 frames/s"
    left = [each[2] for each in told.steps]
    assert left[0] > left[-1] > 0
    assert [each[1] for each in told.steps] == sorted(each[1] for each in told.steps)
