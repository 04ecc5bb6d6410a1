"""The ladder of policies as an evaluation found it: what costs more and keeps less than another is no rung of it."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from camslice.fleet.policy import FULL, LADDER, Evaluated, ladder_of, policy_named

NAMES = [policy.name for policy in LADDER]
evaluations = st.lists(
    st.builds(Evaluated, st.sampled_from(NAMES[1:]), st.floats(0, 1), st.just(0.0), st.floats(0.01, 2), st.just(100)),
    unique_by=lambda each: each.policy,
)


def test_without_an_evaluation_it_is_the_ladder_as_it_is() -> None:
    assert ladder_of(()) == LADDER


def test_a_policy_that_costs_more_and_keeps_less_than_another_is_left_out() -> None:
    found = ladder_of([Evaluated("careful", 0.98, 0.97, 0.5, 100), Evaluated("regions", 0.99, 0.98, 0.4, 100)])
    assert [policy.name for policy in found] == ["full", *NAMES[2:]]


def test_what_was_evaluated_comes_by_falling_cost() -> None:
    found = ladder_of([Evaluated("carry-1", 0.95, 0.94, 0.2, 100), Evaluated("carry-2", 0.96, 0.95, 0.3, 100)])
    names = [policy.name for policy in found]
    assert names.index("carry-2") < names.index("carry-1")
    assert sorted(names) == sorted(NAMES)


@given(evaluations, st.sampled_from(NAMES))
def test_every_rung_that_was_evaluated_is_worth_its_price(evaluated: list[Evaluated], declared: str) -> None:
    known = {each.policy: each for each in evaluated}
    found = [policy.name for policy in ladder_of(evaluated, policy_named(declared))]
    assert found[0] == FULL.name
    assert declared in found
    assert len(set(found)) == len(found)
    assert {name for name in NAMES if name not in known} <= set(found)
    priced = [known[name] for name in found if name in known and name != declared]
    for dearer, cheaper in pairwise(priced):
        assert (dearer.cost, dearer.recall) == (cheaper.cost, cheaper.recall) or (
            dearer.cost > cheaper.cost and dearer.recall > cheaper.recall
        )
    for name in set(known) - set(found):
        assert any(each.cost <= known[name].cost and each.recall >= known[name].recall for each in priced)
