from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from camslice.fleet.accounting import FrameCounts, total_of
from camslice.fleet.histogram import Histogram
from camslice.fleet.types import StreamKey
from camslice.web.cluster.sums import Sums
from camslice.web.state_json import PodState
from camslice.web.view import StreamStatus

GATE, YARD = StreamKey("gate", "people"), StreamKey("yard", "people")


def state(uptime_s: float, counted: dict[StreamKey, int], *, removed: int = 0, held: int = 0, life: int = 0) -> PodState:
    """A pod that analysed so many frames of each stream, 10 ms each, and holds `held` more of each."""
    histogram = Histogram()
    histogram.add([10.0] * (sum(counted.values()) + removed))
    streams = [
        StreamStatus(key, FrameCounts(captured=n + held, analysed=n, in_flight=held), {}, {}, 5.0, 90.0, 10.0)
        for key, n in counted.items()
    ]
    gone = FrameCounts(captured=removed, analysed=removed)
    return PodState(str(life), uptime_s, {}, streams, gone, {"people": {"total": histogram}}, [], 1.0, 1.0, 0, {}, [])


def all_of(sums: Sums, *pods: str) -> FrameCounts:
    shown = {pod: frozenset(sums.streams(pod)) for pod in pods}
    return total_of([*(frames for pod in pods for frames in sums.streams(pod).values()), sums.rest(shown)])


def timed(sums: Sums) -> int:
    return sum(stages["total"].n for stages in sums.stages().values())


def test_an_old_pod_counts_from_when_it_was_first_seen() -> None:
    sums = Sums()
    sums.take("a", state(3600.0, {GATE: 10_000}, removed=500, held=2))
    assert all_of(sums, "a") == FrameCounts(captured=2, in_flight=2)
    assert timed(sums) == 0
    sums.take("a", state(3602.0, {GATE: 10_010}, removed=500))
    assert all_of(sums, "a") == FrameCounts(captured=10, analysed=10)
    assert timed(sums) == 10


def test_a_young_pod_counts_from_its_start() -> None:
    sums = Sums()
    sums.take("a", state(3.0, {GATE: 15}))
    assert sums.streams("a") == {GATE: FrameCounts(captured=15, analysed=15)}
    assert timed(sums) == 15


def test_what_a_pod_counted_stays_when_it_goes_or_begins_anew() -> None:
    sums = Sums()
    sums.take("a", state(1.0, {GATE: 100}))
    sums.take("a", state(2.0, {GATE: 120}, held=3))
    sums.take("a", state(2.5, {GATE: 5}, life=1))
    assert all_of(sums, "a") == FrameCounts(captured=125, analysed=125)
    sums.keep_only([])
    assert all_of(sums) == FrameCounts(captured=125, analysed=125)
    assert timed(sums) == 125


def test_a_stream_that_is_shown_from_one_pod_is_still_in_the_sum_of_another() -> None:
    sums = Sums()
    sums.take("a", state(1.0, {GATE: 7}))
    sums.take("b", state(1.0, {GATE: 5, YARD: 3}))
    assert sums.rest({"a": frozenset({GATE}), "b": frozenset({YARD})}) == FrameCounts(captured=5, analysed=5)


steps = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["more", "restart", "gone"]), st.integers(0, 50), st.integers(0, 3)),
    max_size=40,
)


@given(steps)
def test_sums_never_fall_and_stay_balanced(script: list[tuple[str, str, int, int]]) -> None:
    sums = Sums()
    pods: dict[str, tuple[int, int]] = {}
    lives = 0
    before, seen = 0, 0
    for name, what, count, held in script:
        if what == "gone":
            pods.pop(name, None)
            sums.keep_only(pods)
        else:
            lives += 1
            life, counted = pods.get(name, (lives, 0)) if what == "more" else (lives, 0)
            pods[name] = (life, counted + count)
            sums.take(name, state(1.0, {GATE: counted + count}, held=held, life=life))
            seen += count
        total = all_of(sums, *pods)
        assert total.balanced
        assert total.analysed >= before
        before = total.analysed
    assert before == seen
    assert timed(sums) == seen
