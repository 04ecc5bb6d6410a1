"""Whether an open loop kept its objective."""

from __future__ import annotations

import pytest

from camslice.fleet.accounting import FrameCounts
from camslice.fleet.histogram import Histogram
from camslice.fleet.types import Objective
from camslice.measure.profile.machine_load import CpuTimes, MachineLoad
from camslice.measure.profile.observe import with_its_frames
from tests.unit.measure.profile.machines import trial


@pytest.mark.parametrize(
    ("analysed_ms", "dropped", "missed", "met"),
    [
        ([100.0] * 1000, 0, 0, True),
        ([100.0] * 990, 10, 0, True),
        ([100.0] * 989, 11, 0, False),
        ([100.0] * 989, 5, 6, False),
        ([100.0] * 960 + [900.0] * 40, 0, 0, True),
        ([100.0] * 940 + [900.0] * 60, 0, 0, False),
        ([100.0] * 945 + [900.0] * 50, 5, 0, False),
        ([], 100, 0, False),
    ],
)
def test_dropped_and_missed_frames_count_as_infinitely_late(
    analysed_ms: list[float], dropped: int, missed: int, met: bool
) -> None:
    total = Histogram()
    total.add(analysed_ms)
    captured = len(analysed_ms) + dropped + 7
    frames = FrameCounts(captured=captured, analysed=len(analysed_ms), superseded=dropped, in_flight=7, missed=missed)
    result = with_its_frames(trial(9, False), frames, total, Objective())
    assert result.met is met
    assert (result.frames, result.dropped) == (len(analysed_ms) + dropped + missed, dropped + missed)
    assert result.total is not None
    assert result.total.histogram().n == len(analysed_ms)


def test_the_load_of_a_machine_is_that_between_the_first_and_the_last_look() -> None:
    looks = iter([CpuTimes(100, 50), CpuTimes(110, 51), CpuTimes(140, 60)])
    load = MachineLoad(lambda: next(looks))
    assert load.busy is None
    load.sample()
    assert load.busy is None
    load.sample()
    load.sample()
    assert load.busy == pytest.approx(0.75)


def test_the_load_of_this_machine_can_be_read() -> None:
    load = MachineLoad()
    load.sample()
    sum(range(2_000_000))
    load.sample()
    assert load.busy is None or 0 <= load.busy <= 1
