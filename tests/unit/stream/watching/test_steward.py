"""The policy in force: as cheap as the measured recall allows, cheaper under overload, back again, and never silently."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camslice.fleet.policy import FULL, LADDER, Evaluated, policy_named, rung_of
from camslice.fleet.types import Objective, Pace
from camslice.stream.watching.steward import Steward, steward_of

LATENCY_MS = 500.0
AUDIT_S = 100 / 60
"""12 cameras at 5 frames/s: one frame in 100 is audited."""
RETRY_S = 600.0


def a_steward(policy: str = "regions", *, objective: float = 0.97, auto: bool = False) -> Steward:
    start = LADDER[1] if auto else policy_named(policy)
    return Steward(start, LADDER[-1] if auto else start, objective, LATENCY_MS, 0.01)


def audits(steward: Steward, count: int, recall: float, *, seed: int = 0, begin_s: float = 0.0, bunched: bool = False) -> int:
    """Audited frames as a policy of that recall leaves them; returns after how many it changed, `count` if it did not."""
    rng = np.random.default_rng(seed)
    before = steward.policy
    for index in range(count):
        wanted = int(1 + rng.poisson(4))
        if bunched:
            lost = int(rng.binomial(wanted, 0.5)) if rng.random() < 2 * (1 - recall) else 0
        else:
            lost = int(rng.binomial(wanted, 1 - recall))
        steward.audited(wanted - lost, wanted, begin_s + index * AUDIT_S)
        if steward.policy != before:
            return index + 1
    return count


def frames(
    steward: Steward, begin_s: float, seconds: float, *, dropped: float = 0.0, total_ms: float = 100.0, fps: float = 60
) -> float:
    """Frames that end, evenly in time, such a share of them dropped; returns the time after the last."""
    owed = 0.0
    for index in range(round(seconds * fps)):
        owed += dropped
        drop, owed = owed >= 1, owed - (owed >= 1)
        steward.ended(dropped=drop, total_ms=total_ms, now_s=begin_s + index / fps)
    return begin_s + seconds


@pytest.mark.parametrize("bunched", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_a_policy_made_bad_on_purpose_is_backed_off_within_a_minute_of_12_cameras(seed: int, bunched: bool) -> None:
    steward = a_steward("carry-3")
    after = audits(steward, 36, 0.7, seed=seed, bunched=bunched)
    assert after < 36
    assert steward.policy == policy_named("carry-2")
    state = steward.state()
    assert state.policy == "carry-2"
    assert "below 0.97" in state.reason
    assert state.changes == 1
    assert state.audited == 0
    assert not state.overloaded


def test_a_policy_that_keeps_a_little_too_little_is_backed_off_within_an_hour() -> None:
    for seed in range(5):
        assert audits(a_steward(), 2160, 0.94, seed=seed, bunched=True) < 2160


@pytest.mark.parametrize("bunched", [False, True])
def test_a_policy_that_keeps_enough_is_hardly_ever_backed_off(bunched: bool) -> None:
    given_up = sum(audits(a_steward(), 300, 0.98, seed=seed, bunched=bunched) < 300 for seed in range(20))
    assert given_up <= 2  # of 20 hours: it errs on the safe side, and tries again


def test_a_policy_that_keeps_nothing_is_backed_off_rung_by_rung_down_to_full_frames() -> None:
    steward = a_steward(LADDER[-1].name)
    seen = [steward.policy]
    for _ in range(len(LADDER) - 1):
        audits(steward, 100, 0.3)
        seen.append(steward.policy)
    assert seen == list(reversed(LADDER))
    assert steward.state().recall == 1.0


def test_with_recall_to_spare_the_ladder_is_gone_down_to_its_cheapest_rung_and_no_further() -> None:
    steward = a_steward(auto=True)
    for rung in range(1, len(LADDER) - 1):
        assert rung_of(steward.policy) == rung
        assert audits(steward, 200, 1.0) < 200
        assert "leaves room" in steward.state().reason
    assert steward.policy == LADDER[-1]
    assert audits(steward, 500, 1.0) == 500


def test_a_declared_policy_is_never_made_cheaper_for_the_recalls_sake() -> None:
    assert audits(a_steward("regions"), 500, 1.0) == 500


def test_a_rung_that_failed_is_tried_again_later_and_then_later_still() -> None:
    steward = a_steward(auto=True)
    audits(steward, 200, 1.0)
    assert rung_of(steward.policy) == 2
    audits(steward, 100, 0.5, begin_s=1000)
    assert rung_of(steward.policy) == 1
    assert audits(steward, 150, 1.0, begin_s=1100) == 150
    again = audits(steward, 2000, 1.0, begin_s=1100 + 150 * AUDIT_S)
    assert 1100 + (150 + again) * AUDIT_S >= 1000 + RETRY_S
    audits(steward, 100, 0.5, begin_s=10_000)
    assert audits(steward, 600, 1.0, begin_s=10_100) == 600
    assert audits(steward, 2000, 1.0, begin_s=10_100 + 600 * AUDIT_S) < 2000


def test_full_frames_are_left_again_after_a_while_although_they_are_never_audited() -> None:
    steward = a_steward("careful")
    audits(steward, 100, 0.5)
    assert steward.policy == FULL
    frames(steward, 100, 10)
    assert steward.policy == FULL
    frames(steward, 100 + RETRY_S, 1)
    assert steward.policy == policy_named("careful")
    assert "again" in steward.state().reason


def test_overload_goes_down_at_once_and_says_so() -> None:
    steward = a_steward(auto=True)
    frames(steward, 0, 2, dropped=0.2)
    assert rung_of(steward.policy) > 1
    state = steward.state()
    assert state.overloaded
    assert "overload" in state.reason


def test_a_fleet_of_few_frames_notices_its_overload_too() -> None:
    steward = a_steward(auto=True)
    frames(steward, 0, 15, dropped=0.4, fps=4)
    assert steward.state().overloaded


def test_lasting_overload_reaches_the_cheapest_rung_and_stays_there_until_there_is_room() -> None:
    steward = a_steward()
    now_s = frames(steward, 0, 60, dropped=0.5)
    assert steward.policy == LADDER[-1]
    now_s = frames(steward, now_s, 60, dropped=0.5)
    assert steward.policy == LADDER[-1]
    now_s = frames(steward, now_s, 120, total_ms=0.9 * LATENCY_MS)  # no drops, and no room to spare either
    assert steward.policy == LADDER[-1]
    frames(steward, now_s, 300, total_ms=0.2 * LATENCY_MS)
    assert steward.policy == policy_named("regions")
    assert not steward.state().overloaded
    assert "room" in steward.state().reason


def test_a_low_recall_under_overload_does_not_make_the_machine_do_more() -> None:
    steward = a_steward()
    frames(steward, 0, 60, dropped=0.5)
    assert audits(steward, 300, 0.5, begin_s=60) == 300
    frames(steward, 1000, 600, total_ms=50)
    assert steward.policy == policy_named("regions")


def test_few_drops_within_what_is_allowed_change_nothing() -> None:
    steward = a_steward()
    frames(steward, 0, 100, dropped=0.009)
    assert steward.state().changes == 0


def test_three_times_the_drops_that_are_allowed_are_noticed_within_half_a_minute() -> None:
    steward = a_steward()
    frames(steward, 0, 30, dropped=0.03)
    assert steward.state().overloaded


loads = st.lists(
    st.tuples(st.floats(0.2, 20), st.sampled_from([0.0, 0.0, 0.005, 0.1, 0.6]), st.sampled_from([50.0, 450.0])), max_size=12
)


@settings(max_examples=25, deadline=None)
@given(loads)
def test_under_any_load_it_never_goes_down_or_up_faster_than_its_pauses(loads: list[tuple[float, float, float]]) -> None:
    steward = a_steward(auto=True)
    fps, now_s, owed = 30, 0.0, 0.0
    changes: list[tuple[float, int]] = []
    rung = rung_of(steward.policy)
    for seconds, dropped, total_ms in loads:
        for _ in range(round(seconds * fps)):
            owed += dropped
            drop, owed = owed >= 1, owed - (owed >= 1)
            steward.ended(dropped=drop, total_ms=total_ms, now_s=now_s)
            now_s += 1 / fps
            if rung_of(steward.policy) != rung:
                changes.append((now_s, rung_of(steward.policy) - rung))
                rung = rung_of(steward.policy)
    assert steward.state().changes == len(changes)
    assert {step for _, step in changes} <= {-1, 1, 2}
    for (before_s, _), (after_s, step) in pairwise(changes):
        assert after_s - before_s >= (0.6 if step > 0 else 9.9)  # 20 frames must have come; 10 s of room


@pytest.mark.parametrize(
    ("recall", "policy", "pace", "expected"),
    [
        (1.0, "auto", Pace.LIVE, None),
        (0.97, "full", Pace.LIVE, None),
        (0.97, "auto", Pace.LOSSLESS, None),
        (0.97, "auto", Pace.LIVE, "careful"),
        (1.0, "carry-2", Pace.LIVE, "carry-2"),
    ],
)
def test_nobody_watches_where_full_frames_are_asked_for(recall: float, policy: str, pace: Pace, expected: str | None) -> None:
    steward = steward_of(Objective(latency_ms=500, recall=recall), policy, pace)
    assert (None if steward is None else steward.policy.name) == expected


def an_evaluated(*known: Evaluated, policy: str = "auto", objective: float = 0.97) -> Steward:
    steward = steward_of(Objective(LATENCY_MS, drop_rate=0.01, recall=objective), policy, Pace.LIVE, known)
    assert steward is not None
    return steward


CAREFUL = Evaluated("careful", 0.990, 0.985, 0.60, 240)
REGIONS = Evaluated("regions", 0.985, 0.978, 0.45, 240)
CARRY_1 = Evaluated("carry-1", 0.976, 0.969, 0.40, 240)
CARRY_2 = Evaluated("carry-2", 0.950, 0.940, 0.35, 240)


def test_a_fleet_begins_with_the_cheapest_policy_that_surely_keeps_enough_on_its_clips() -> None:
    steward = an_evaluated(CAREFUL, REGIONS, CARRY_1, CARRY_2)
    assert steward.policy == policy_named("regions")
    assert "0.985" in steward.state().reason


def test_a_fleet_begins_in_full_where_even_the_most_careful_policy_keeps_too_little_on_its_clips() -> None:
    steward = an_evaluated(Evaluated("careful", 0.93, 0.92, 0.7, 240))
    assert steward.policy == FULL
    frames(steward, 0, 2 * RETRY_S, fps=2)
    assert steward.policy == FULL


def test_what_an_evaluation_did_not_reach_is_begun_with_as_without_one() -> None:
    assert an_evaluated(CARRY_2).policy == policy_named("careful")


def test_a_policy_that_keeps_too_little_on_the_clips_is_not_tried_for_the_recalls_sake() -> None:
    steward = an_evaluated(CAREFUL, REGIONS, CARRY_1, CARRY_2)
    assert audits(steward, 2000, 1.0) < 2000
    assert steward.policy == policy_named("carry-1")  # it may keep enough, and now it is seen to
    assert audits(steward, 2000, 1.0, begin_s=2000 * AUDIT_S) == 2000


def test_under_overload_a_policy_of_poor_value_is_passed_over_and_the_price_is_said() -> None:
    poor = Evaluated("regions", 0.970, 0.960, 0.65, 240)
    steward = an_evaluated(CAREFUL, poor, CARRY_1, policy="careful")
    frames(steward, 0, 1.5, dropped=0.2)
    assert steward.policy == policy_named("carry-1")
    assert "0.976 for 0.40" in steward.state().reason


def test_a_declared_policy_is_in_force_whatever_was_evaluated() -> None:
    assert an_evaluated(Evaluated("carry-3", 0.5, 0.4, 0.9, 240), CAREFUL, policy="carry-3").policy == policy_named("carry-3")


def test_frames_that_were_due_before_a_relief_do_not_speak_for_another() -> None:
    steward = a_steward("careful")
    now_s = 0.0
    while steward.policy == policy_named("careful"):
        now_s = frames(steward, now_s, 0.1, dropped=0.2)
    assert steward.policy == policy_named("regions")
    now_s = frames(steward, now_s, LATENCY_MS / 1000 - 0.2, dropped=0.9)
    frames(steward, now_s + 0.2, 3)
    assert steward.policy == policy_named("regions")


def test_a_heavy_overload_takes_two_rungs_at_once() -> None:
    steward = a_steward("careful")
    frames(steward, 0, 1.0, dropped=0.6)
    assert steward.policy == LADDER[3]


def test_the_machine_is_strained_while_it_loses_frames_and_while_it_does_with_less() -> None:
    steward = a_steward("careful")
    assert not steward.strained(0.0)
    steward.ended(dropped=True, total_ms=0.0, now_s=1.0)
    assert steward.strained(1.5)
    assert not steward.strained(10.0)
    now_s = frames(steward, 10, 3, dropped=0.3)
    assert steward.strained(now_s + 5)
