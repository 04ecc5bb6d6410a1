"""How surely a policy keeps what is demanded, from the frames that were looked at both ways."""

from __future__ import annotations

import numpy as np
import pytest

from camslice.fleet.policy import Evaluated
from camslice.stream.watching.recall import FEWEST_FRAMES, Recall


def noted(frames: list[tuple[int, int]]) -> Recall:
    recall = Recall()
    for kept, wanted in frames:
        recall.note(kept, wanted)
    return recall


def test_before_anything_was_audited_nothing_is_said() -> None:
    recall = Recall()
    assert recall.value is None
    assert recall.probability_below(0.9) is None


def test_frames_in_which_nothing_is_to_be_seen_say_nothing() -> None:
    recall = noted([(0, 0)] * 100)
    assert recall.frames == 0
    assert recall.value is None


def test_the_recall_is_the_share_of_all_detections_and_not_the_mean_of_the_frames() -> None:
    assert noted([(1, 1), (2, 6)]).value == pytest.approx(3 / 7)


def test_too_few_frames_say_nothing_about_the_probability() -> None:
    recall = noted([(0, 5)] * (FEWEST_FRAMES - 1))
    assert recall.probability_below(0.5) is None
    recall.note(0, 5)
    assert recall.probability_below(0.5) == 1.0


def test_what_misses_nothing_is_surely_not_below_and_just_enough_counts_as_enough() -> None:
    assert noted([(4, 4)] * 50).probability_below(1.0) == 0.0
    assert noted([(9, 10)] * 50).probability_below(0.9) == 0.0


def test_the_probability_agrees_with_the_normal_law_for_many_frames() -> None:
    rng = np.random.default_rng(7)
    wanted = 1 + rng.poisson(4, 500)
    kept = rng.binomial(wanted, 0.93)
    recall = noted(list(zip(kept.tolist(), wanted.tolist(), strict=True)))
    for objective in (0.91, 0.92, 0.93, 0.94):
        short = objective * wanted - kept
        z = short.mean() / (short.std() / np.sqrt(len(short)))
        normal = float(np.mean(np.random.default_rng(1).standard_normal(200_000) < z))
        assert recall.probability_below(objective) == pytest.approx(normal, abs=0.08)


def test_misses_that_come_in_bunches_say_less_than_as_many_that_come_alone() -> None:
    alone = noted([(4, 5)] * 10 + [(5, 5)] * 40)
    bunched = noted([(0, 5)] * 2 + [(5, 5)] * 48)
    assert alone.value == bunched.value
    below_alone, below_bunched = alone.probability_below(0.98), bunched.probability_below(0.98)
    assert below_alone is not None
    assert below_bunched is not None
    assert below_bunched < below_alone


def test_old_frames_leave_and_another_policy_begins_anew() -> None:
    recall = noted([(0, 5)] * 600 + [(5, 5)] * 600)
    assert recall.value == 1.0
    assert recall.frames == 600
    recall.forget()
    assert recall.frames == 0
    assert recall.value is None


def test_an_evaluation_speaks_before_anything_was_audited() -> None:
    assert Recall(prior=Evaluated("regions", 0.90, 0.88, 0.5, 240)).probability_below(0.97) == 1.0
    assert Recall(prior=Evaluated("regions", 0.99, 0.985, 0.5, 240)).probability_below(0.97) == 0.0


def test_an_evaluation_that_is_not_sure_is_not_taken_for_sure() -> None:
    doubtful = Recall(prior=Evaluated("regions", 0.975, 0.95, 0.5, 20)).probability_below(0.97)
    assert doubtful is not None
    assert 0.1 < doubtful < 0.9


def test_what_is_seen_soon_counts_for_more_than_what_an_evaluation_said() -> None:
    recall = Recall(prior=Evaluated("regions", 0.99, 0.985, 0.5, 5000))
    for _ in range(20):
        recall.note(4, 5)
    low = recall.probability_below(0.97)
    assert low is not None
    assert low > 0.9
    assert recall.value == 0.8, "what was measured is not mixed with what was known before"


def test_another_policy_has_an_evaluation_of_its_own() -> None:
    recall = Recall(prior=Evaluated("regions", 0.99, 0.985, 0.5, 240))
    recall.forget(Evaluated("carry-3", 0.80, 0.78, 0.3, 240))
    assert recall.probability_below(0.97) == 1.0
    recall.forget()
    assert recall.probability_below(0.97) is None
