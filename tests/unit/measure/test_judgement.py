"""One judgement for bench and profile."""

from __future__ import annotations

import pytest

from camslice.fleet.accounting import FrameCounts
from camslice.fleet.histogram import Histogram
from camslice.fleet.types import Objective
from camslice.measure.judgement import judged, percentiles_of_all


@pytest.mark.parametrize(
    ("analysed_ms", "stale", "missed", "met", "drop_rate"),
    [
        ([100.0] * 1000, 0, 0, True, 0.0),
        ([100.0] * 990, 5, 5, True, 0.01),
        ([100.0] * 989, 5, 6, False, 0.011),
        ([100.0] * 989, 0, 11, False, 0.011),
        ([100.0] * 945 + [900.0] * 46, 0, 9, False, 0.009),
        ([], 0, 0, False, 0.0),
        ([], 0, 7, False, 1.0),
    ],
)
def test_lost_frames_are_infinitely_late_whether_they_were_captured_or_not(
    analysed_ms: list[float], stale: int, missed: int, met: bool, drop_rate: float
) -> None:
    total = Histogram()
    total.add(analysed_ms)
    frames = FrameCounts(
        captured=len(analysed_ms) + stale + 3, analysed=len(analysed_ms), stale=stale, in_flight=3, missed=missed
    )
    found = judged(Objective(), total, frames)
    assert found.met is met
    assert found.drop_rate == pytest.approx(drop_rate)


def test_percentiles_beyond_the_frames_analysed_are_infinite() -> None:
    total = Histogram()
    total.add([100.0] * 97)
    assert percentiles_of_all(total, FrameCounts(captured=98, analysed=97, failed=1, missed=2)) == {
        50: pytest.approx(100, rel=0.01),
        95: pytest.approx(100, rel=0.01),
        99: None,
    }
