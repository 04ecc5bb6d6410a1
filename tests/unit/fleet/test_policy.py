"""The ladder of policies: one rung at a time, and every rung no dearer than the one above it."""

from __future__ import annotations

from itertools import pairwise
from typing import get_args

import pytest

from camslice.fleet.policy import FULL, LADDER, Policy, PolicyName, policy_named, rung_of


def test_the_ladder_begins_with_full_frames_and_its_names_differ() -> None:
    assert LADDER[0] is FULL
    assert not FULL.regions
    assert len({policy.name for policy in LADDER}) == len(LADDER)


def test_every_rung_below_full_frames_looks_at_regions_and_at_no_more_than_the_rung_above() -> None:
    for above, below in pairwise(LADDER[1:]):
        assert above.regions
        assert below.regions
        assert below.margin <= above.margin
        assert below.full_every >= above.full_every
        assert below.carry >= above.carry
        assert below.scale <= above.scale
        assert below != above


def test_a_policy_is_found_by_its_name_and_knows_its_rung() -> None:
    for rung, policy in enumerate(LADDER):
        assert policy_named(policy.name) is policy
        assert rung_of(policy) == rung


def test_a_fleet_may_declare_every_policy_of_the_ladder() -> None:
    assert get_args(PolicyName) == ("auto", *(policy.name for policy in LADDER))


def test_a_name_or_policy_that_is_not_on_the_ladder_is_an_error() -> None:
    with pytest.raises(KeyError):
        policy_named("reckless")
    with pytest.raises(ValueError, match=r".*"):
        rung_of(Policy("reckless"))
