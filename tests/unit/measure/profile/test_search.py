"""The search for the capacity, on machines whose capacity is known."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camslice.fleet.profile import Trial
from camslice.measure.profile.search import Effort, find_capacity
from tests.unit.measure.profile.machines import noisy_machine, trial

BRACKET = Effort(1024, edge_trials=0)


@given(st.integers(1, 1024), st.integers(1, 1024))
def test_on_a_machine_without_noise_the_bracket_holds_the_capacity(capacity: int, first: int) -> None:
    found = find_capacity(lambda streams: trial(streams, streams <= capacity), first, BRACKET)
    if capacity == 1024:
        assert (found.held, found.broke) == (1024, None)
        return
    assert found.broke is not None
    assert found.held <= capacity < found.broke
    assert found.broke - found.held <= max(1, round(0.05 * capacity))
    assert found.streams == found.held
    assert len(found.trials) <= 24


def test_a_good_estimate_needs_few_trials() -> None:
    found = find_capacity(lambda streams: trial(streams, streams <= 40), 38, BRACKET)
    assert len(found.trials) <= 5


def test_a_machine_on_which_even_one_stream_breaks_the_objective_carries_none() -> None:
    found = find_capacity(lambda streams: trial(streams, met=False), 9, Effort(1024))
    assert (found.held, found.broke, found.streams, found.estimate) == (0, 1, 0, None)


def test_no_more_is_tried_than_is_allowed() -> None:
    tried: list[int] = []

    def make(streams: int) -> Trial:
        tried.append(streams)
        return trial(streams, met=True)

    found = find_capacity(make, 500, Effort(most_streams=30))
    assert (found.held, found.broke, found.streams) == (30, None, 30)
    assert max(tried) == 30


@pytest.mark.parametrize("allowed", range(1, 12))
def test_when_time_runs_out_what_was_found_until_then_counts(allowed: int) -> None:
    left = iter(range(allowed))

    def make(streams: int) -> Trial | None:
        return None if next(left, None) is None else trial(streams, streams <= 40)

    found = find_capacity(make, 10, Effort(1024))
    assert len(found.trials) <= allowed
    assert found.held <= 40
    assert found.broke is None or found.broke > 40


def test_trials_stop_when_the_interval_is_narrow() -> None:
    found = find_capacity(noisy_machine(150, 0.002, seed=1), 150, Effort(1024, edge_trials=100))
    assert found.estimate is not None
    assert found.estimate.width <= 0.1 * 150 + 1
    assert len(found.trials) < 25


SEARCHES = 60


@pytest.mark.parametrize("capacity", [8.7, 40.3])
@pytest.mark.parametrize(("spread", "least"), [(0.02, 0.92), (0.06, 0.85)])
def test_the_interval_in_whole_streams_holds_the_truth_as_often_as_the_documentation_says(
    capacity: float, spread: float, least: float
) -> None:
    """From estimates of 0.6 to 1.6 times the truth."""
    holds = 0
    for seed in range(SEARCHES):
        first = max(1, int(capacity * (0.6 + seed / SEARCHES)))
        found = find_capacity(noisy_machine(capacity, spread, seed), first, Effort(1024, edge_trials=8))
        assert found.estimate is not None
        assert found.estimate.low - 1 <= found.streams <= found.estimate.high
        holds += int(found.estimate.low) <= int(capacity) <= int(found.estimate.high)
    assert holds >= least * SEARCHES


@given(st.floats(1.5, 300), st.floats(0.001, 0.05), st.integers(0, 1000), st.floats(0.3, 3))
@settings(max_examples=40, deadline=None)
def test_whatever_the_noise_the_answer_is_in_order_and_near(capacity: float, spread: float, seed: int, wrong: float) -> None:
    make = noisy_machine(capacity, spread, seed)
    found = find_capacity(make, max(1, int(wrong * capacity)), Effort(1024, edge_trials=6))
    assert found.held < (found.broke or 1025)
    assert found.streams <= 1.6 * capacity + 2
    assert found.streams >= capacity / 1.6 - 2


def test_the_same_trials_lead_to_the_same_search() -> None:
    one, other = (find_capacity(noisy_machine(33, 0.03, seed=5), 20, Effort(1024)) for _ in range(2))
    assert one == other


def test_the_loads_tried_at_the_edge_lie_at_the_ends_of_the_doubt() -> None:
    found = find_capacity(lambda streams: trial(streams, streams <= 40), 40, Effort(1024, edge_trials=6))
    edge = [each.streams for each in found.trials[-4:]]
    assert min(edge) <= 40 < max(edge)
