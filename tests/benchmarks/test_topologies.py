"""What the comparison of topologies makes of two reports, and that each of its goals can be missed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from benchmarks.topologies import judged

from camslice.fleet.accounting import FrameCounts
from camslice.fleet.types import Topology
from camslice.measure.bench.trial import Trial
from tests.unit.measure.bench.made import report, row, trial

FRAMES = FrameCounts(captured=41, analysed=40, in_flight=1)
OVERLOADED = FrameCounts(captured=100, analysed=40, stale=60)


def one(**changed: object) -> Trial:
    """A turn of 0.2 s with 40 frames of 10 ms: two cameras in a closed loop have just that time."""
    return trial([10.0] * 40, **{"seconds": 0.2, "frames": FRAMES, "pods_memory_mb": 20.0, **changed})  # type: ignore[arg-type]


def rows(sliced: Sequence[Trial], pooled: Sequence[Trial]) -> Sequence[Mapping[str, Any]]:
    made = report(row(Topology.SLICED, 2, *sliced), row(Topology.POOLED, 2, *pooled))["rows"]
    return [dict(each) for each in made]


GOOD_SLICED = (one(pods_memory_mb=200.0), one(pods_memory_mb=200.0))
GOOD_POOLED = (one(), one())
GOOD = rows(GOOD_SLICED, GOOD_POOLED)


def missed(closed: Sequence[Mapping[str, Any]] = GOOD, opened: Sequence[Mapping[str, Any]] = GOOD) -> list[str]:
    return [goal["name"] for goal in judged(closed, opened)["goals"] if not goal["met"]]


def test_goals_that_are_met_are_said_to_be() -> None:
    found = judged(GOOD, GOOD)
    assert [goal["name"] for goal in found["goals"] if not goal["met"]] == []
    assert found["closed_loop"]["2"]["sliced_over_pooled_memory_with_supervisor"] == round(250 / 70, 2)
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize(
    ("sliced", "pooled", "words"),
    [
        (GOOD_SLICED, (one(seconds=0.22), one(seconds=0.22)), "frames/s"),
        (GOOD_SLICED, (one(pods_memory_mb=30.0),) * 2, "sliced over pooled memory"),
        ((one(pods_memory_mb=9000.0),) * 2, GOOD_POOLED, "MB of sliced"),
        (GOOD_SLICED, (one(seconds=0.3),) * 2, "time accounted for"),
        (GOOD_SLICED, (one(negative_stages=1), one()), "negative stages"),
        (GOOD_SLICED, (one(problem="the device was lost"), one()), "rows with a problem"),
    ],
)
def test_each_goal_of_a_closed_loop_can_be_missed(sliced: Sequence[Trial], pooled: Sequence[Trial], words: str) -> None:
    assert any(words in name for name in missed(closed=rows(sliced, pooled)))


def test_an_open_loop_is_compared_over_all_frames_and_its_drops_are_told_turn_by_turn() -> None:
    """The pooled pod's survivors are as fast as ever, but it drops most of its frames."""
    opened = rows(GOOD_SLICED, (one(), one(frames=OVERLOADED)))
    found = judged(GOOD, opened)["open_loop"]["2"]
    assert found["drop_rates"] == {"sliced": [0.0, 0.0], "pooled": [0.0, 0.6]}
    assert found["turns_without_end"]["pooled"] == {"p50": 1, "p95": 1}
    assert found["pooled_over_sliced_p50"]["median"] is None
    both = judged(GOOD, rows(GOOD_SLICED, (one(frames=OVERLOADED),) * 2))
    names = [goal["name"] for goal in both["goals"] if not goal["met"]]
    assert names == ["2 cameras, open loop: pooled over sliced p50", "2 cameras, open loop: pooled over sliced p95"]
    json.dumps(both, allow_nan=False)


def test_sliced_pods_that_never_end_are_beaten_by_any_that_do() -> None:
    assert missed(opened=rows((one(frames=OVERLOADED, pods_memory_mb=200.0),) * 2, GOOD_POOLED)) == []


def test_a_row_of_which_nothing_was_analysed_is_compared_too() -> None:
    nothing = trial([], seconds=0.2, frames=FrameCounts(captured=9, stale=9))
    names = missed(closed=rows(GOOD_SLICED, (nothing, nothing)))
    assert "rows with a problem" in names
