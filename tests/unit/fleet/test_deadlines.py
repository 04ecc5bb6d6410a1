"""Which frame is taken next and which is given up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from camslice.fleet.deadlines import DeadlineQueue, is_stale


def test_the_earliest_capture_goes_first_whatever_the_stream() -> None:
    queue = DeadlineQueue[str](latency_ns=1000)
    for stream in (0, 1):
        queue.open(stream, 4)
    for stream, captured_ns in [(0, 30), (1, 10), (0, 40), (1, 20)]:
        queue.offer(stream, captured_ns, f"{stream}@{captured_ns}")
    assert [queue.take(50, 0)[0] for _ in range(5)] == ["1@10", "1@20", "0@30", "0@40", None]


def test_a_full_mailbox_gives_up_its_oldest_frame() -> None:
    queue = DeadlineQueue[int](latency_ns=1000)
    queue.open(0, 2)
    assert [queue.offer(0, t, t) for t in (1, 2, 3, 4)] == [None, None, 1, 2]
    assert queue.take(5, 0) == (3, [])


def test_a_frame_that_cannot_make_its_deadline_is_stale() -> None:
    queue = DeadlineQueue[str](latency_ns=100)
    queue.open(0, 3)
    queue.offer(0, 0, "hopeless")
    queue.offer(0, 90, "in time")
    assert queue.take(now_ns=80, service_ns=40) == ("in time", ["hopeless"])


def test_without_an_objective_nothing_is_stale() -> None:
    queue = DeadlineQueue[str](latency_ns=None)
    queue.open(0, 1)
    queue.offer(0, 0, "old")
    assert queue.take(now_ns=10**18, service_ns=10**9) == ("old", [])


def test_a_closed_stream_hands_back_what_it_had() -> None:
    queue = DeadlineQueue[int](latency_ns=100)
    queue.open(0, 5)
    queue.open(1, 5)
    for i in range(3):
        queue.offer(0, i, i)
    queue.offer(1, 1, 99)
    assert queue.close(0) == [0, 1, 2]
    assert queue.take(0, 0) == (99, [])
    assert len(queue) == 0


def test_stale_means_done_after_the_deadline() -> None:
    assert not is_stale(now_ns=60, deadline_ns=100, service_ns=40)
    assert is_stale(now_ns=61, deadline_ns=100, service_ns=40)


@given(
    depths=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    steps=st.lists(st.one_of(st.tuples(st.just("offer"), st.integers(0, 2)), st.tuples(st.just("take"), st.just(0)))),
)
def test_every_frame_comes_out_once_and_memory_is_bounded(depths: list[int], steps: list[tuple[str, int]]) -> None:
    queue = DeadlineQueue[int](latency_ns=5)
    for stream, depth in enumerate(depths):
        queue.open(stream, depth)
    out: list[int] = []
    offered = 0
    for now, (what, stream) in enumerate(steps):
        if what == "offer" and stream < len(depths):
            pushed_out = queue.offer(stream, now, offered)
            offered += 1
            out += [] if pushed_out is None else [pushed_out]
        else:
            taken, stale = queue.take(now, 0)
            out += [*stale] if taken is None else [*stale, taken]
        assert len(queue) <= sum(depths)
        assert len(queue) == offered - len(out)
        assert len(queue._order) <= 2 * sum(depths) + 66
    for stream in range(len(depths)):
        out += queue.close(stream)
    assert sorted(out) == list(range(offered))
