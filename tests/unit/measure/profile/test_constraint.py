"""What kept a machine from more, from how busy its resources were."""

from __future__ import annotations

import pytest

from camslice.fleet.profile import Constraint
from camslice.measure.profile.constraint import binding_constraint, busy_at
from tests.unit.measure.profile.machines import trial


@pytest.mark.parametrize(
    ("busy", "constraint"),
    [
        ({"cpu": 0.97, "inference": 0.8, "decode": 0.1}, Constraint.CPU),
        ({"cpu": 0.97, "inference": 0.3, "decode": 0.6}, Constraint.DECODE),
        ({"cpu": 0.4, "accelerator": 0.95}, Constraint.ACCELERATOR),
        ({"cpu": 0.9, "accelerator": 0.99, "inference": 0.1, "decode": 0.6}, Constraint.ACCELERATOR),
        ({"cpu": 0.99, "accelerator": 0.9, "inference": 0.1, "decode": 0.6}, Constraint.DECODE),
        ({"cpu": 0.3, "memory": 1.0}, Constraint.MEMORY),
        ({"cpu": 0.3, "inference": 0.2}, Constraint.LATENCY),
        ({"cpu": 0.4, "inference": 0.3, "machine": 1.0}, Constraint.CPU),
        ({}, Constraint.LATENCY),
    ],
)
def test_the_resource_that_was_at_its_end_is_named(busy: dict[str, float], constraint: Constraint) -> None:
    trials = [trial(9, True, {"cpu": 0.1}), trial(10, False, busy), trial(12, False, {"cpu": 0.1, "memory": 5.0})]
    named, evidence = binding_constraint(trials, 10, out_of_memory=False)
    assert named is constraint
    assert "at 10 streams, where the objective broke" in evidence


def test_the_evidence_is_the_mean_of_the_trials_that_broke_at_the_edge() -> None:
    trials = [trial(10, False, {"cpu": 0.9}), trial(10, True, {"cpu": 0.1}), trial(10, False, {"cpu": 1.0})]
    assert busy_at(trials, 10) == {"cpu": 0.95}
    assert "95% of the usable cores" in binding_constraint(trials, 10, out_of_memory=False)[1]


def test_memory_binds_where_it_forbade_more() -> None:
    named, evidence = binding_constraint([trial(64, True, {"cpu": 0.5})], None, out_of_memory=True)
    assert named is Constraint.MEMORY
    assert "do not fit into memory" in evidence


def test_where_nothing_broke_the_busiest_resource_is_named_and_it_is_said() -> None:
    named, evidence = binding_constraint([trial(5, True, {"cpu": 0.5, "memory": 0.2})], None, out_of_memory=False)
    assert named is Constraint.CPU
    assert "no load that was tried broke the objective; at 5 streams, the largest" in evidence
