"""Which results a window has: those of the frames that the ledger counted as analysed in it, whenever they come."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from camslice.fleet.accounting import FrameCounts
from camslice.fleet.types import StreamKey
from camslice.measure.bench.gathering import Gathering
from tests.unit.measure.bench.made import result, stream


def counts(**analysed: int) -> dict[StreamKey, FrameCounts]:
    return {stream(int(name[1:])): FrameCounts(captured=number, analysed=number) for name, number in analysed.items()}


def test_stages_below_zero_are_counted_as_histograms_hide_them() -> None:
    good = result(stream())
    bad = replace(good, stages=good.stages._replace(queue=-2.0, inference=11.0))
    gathering = Gathering()
    gathering.take([bad])
    gathering.begin(counts(s1=1))
    gathering.take([bad, good])
    gathering.gather_all(counts(s1=3), 0)
    assert gathering.negative_stages == 1
    assert gathering.stages()["queue"].sum_ms >= 0


def test_results_of_the_warm_up_are_left_out() -> None:
    gathering = Gathering()
    gathering.take([result(stream(), 0, 100.0), result(stream(), 1, 100.0)])
    gathering.begin(counts(s1=2))
    gathering.take([result(stream(), 2, 8.0)])
    assert gathering.gather_all(counts(s1=3), 0) == 0
    total = gathering.stages()["total"]
    assert (total.n, total.mean) == (1, 12.0)


def test_a_result_that_comes_late_still_belongs_to_the_warm_up() -> None:
    gathering = Gathering()
    gathering.begin(counts(s1=2))
    gathering.take([result(stream(), number, 100.0 if number < 2 else 8.0) for number in range(4)])
    assert gathering.gather_all(counts(s1=4), 0) == 0
    assert gathering.stages()["total"].max_ms == 12.0


def test_what_is_analysed_after_the_window_is_left_out() -> None:
    gathering = Gathering()
    gathering.begin(counts(s1=0))
    gathering.take([result(stream(), 0, 8.0), result(stream(), 1, 100.0)])
    assert gathering.gather_all(counts(s1=1), 0) == 0
    assert gathering.stages()["total"].max_ms == 12.0


def test_results_that_never_come_are_counted() -> None:
    gathering = Gathering()
    gathering.begin(counts(s1=0, s2=0))
    gathering.take([result(stream(1))])
    assert gathering.gather_all(counts(s1=2, s2=1), 0) == 2


def test_a_camera_that_had_no_frame_before_the_window_counts_from_its_first() -> None:
    gathering = Gathering()
    gathering.begin(counts(s1=0))
    gathering.take([result(stream(1)), result(stream(2))])
    gathering.gather_all(counts(s1=1, s2=1), 0)
    assert gathering.stages()["total"].n == 2


@given(st.lists(st.tuples(st.integers(1, 3), st.booleans()), max_size=60), st.integers(0, 20), st.integers(0, 20))
def test_there_are_always_as_many_latencies_as_frames_analysed_in_the_window(
    arrivals: list[tuple[int, bool]], first: int, more: int
) -> None:
    """However many came before the window opened, and however often it was looked."""
    gathering = Gathering()
    before, after = counts(s1=first, s2=0, s3=first), counts(s1=first + more, s2=more, s3=first)
    begun = False
    for number, look in arrivals:
        gathering.take([result(stream(number))])
        if look and begun:
            gathering.gather(after)
        elif look:
            gathering.begin(before)
            begun = True
    if not begun:
        gathering.begin(before)
    for number in (1, 2, 3):
        gathering.take([result(stream(number))] * (first + more))
    assert gathering.gather_all(after, 0) == 0
    assert sum(histogram.n for name, histogram in gathering.stages().items() if name == "total") == 2 * more
