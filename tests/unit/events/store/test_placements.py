"""Streams that move between writers: what the newest placement may write, and what nobody may any more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camslice.events.store.batches import Run, frame_batch
from camslice.events.store.database import Database, open_database
from camslice.events.store.placements import OVERLAP_US, Admitted
from camslice.events.store.queries import StoredResults
from camslice.events.store.rows import RowWriter
from camslice.events.store.sink import StoreSink
from camslice.fleet.types import StreamKey
from tests.unit.events.made import GATE, NOON_S, YARD, made, many, wait_for


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/results.db"


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = open_database(url, writing=True)
    yield opened
    opened.close()


class Pod:
    """One writer; its frames are captured every 200 ms, `late_s` later than noon by its clock."""

    def __init__(self, database: Database, name: str, *, late_s: float = 0.0) -> None:
        self._database = database
        self._rows = RowWriter(database)
        self._run = Run(name, 0)
        self._late_s = late_s

    def write(self, numbers: Sequence[int], epoch: int | None, *, stream: StreamKey = GATE) -> Admitted:
        results = [made(n, stream=stream, captured_at_s=NOON_S + 0.2 * n + self._late_s) for n in numbers]
        with self._database.begin() as connection:
            return self._rows.frames(connection, frame_batch(self._run, [(result, epoch) for result in results]))


def numbers(admitted: Admitted) -> list[int]:
    return [row.sequence for row in admitted.rows]


def test_nothing_of_an_older_placement_is_stored_after_the_first_frame_of_a_newer_one(database: Database) -> None:
    old, new = Pod(database, "old"), Pod(database, "new")
    assert numbers(old.write(range(10), 5)) == list(range(10))
    assert numbers(new.write(range(10, 15), 6)) == list(range(10, 15))
    refused = old.write(range(15, 20), 5)
    assert numbers(refused) == []
    assert (refused.taken_over, refused.newest) == ({GATE: 5}, {GATE: 6})
    assert numbers(new.write(range(15, 20), 6)) == list(range(15, 20))


def test_a_placement_may_go_on_after_it_wrote_and_after_its_pod_was_started_again(database: Database) -> None:
    assert numbers(Pod(database, "first life").write(range(5), 5)) == list(range(5))
    assert numbers(Pod(database, "second life").write(range(5, 10), 5)) == list(range(5, 10))


def test_other_streams_of_the_same_batch_are_not_held_against(database: Database) -> None:
    pod, other = Pod(database, "pod"), Pod(database, "other")
    other.write([0], 9)
    rows = [(made(n, stream=stream), 4) for n in range(3) for stream in (GATE, YARD)]
    with database.begin() as connection:
        admitted = RowWriter(database).frames(connection, frame_batch(Run("pod", 0), rows))
    assert {row.stream for row in admitted.rows} == {YARD}
    assert admitted.taken_over == {GATE: 3}
    assert numbers(pod.write([3], 4, stream=YARD)) == [3]


@pytest.mark.parametrize("late_s", [0.0, 0.08, -0.08])
def test_frames_that_both_pods_analysed_are_stored_once(database: Database, url: str, late_s: float) -> None:
    old, new = Pod(database, "old"), Pod(database, "new", late_s=late_s)
    old.write(range(20), 5)
    admitted = new.write(range(10, 30), 6)
    assert admitted.repeated == 10
    assert numbers(admitted) == list(range(20, 30))
    with StoredResults(url) as results:
        assert [frame.sequence for frame in results.detections_between("gate", 0.0, 4e9)] == list(range(30))


def test_a_batch_that_comes_late_from_the_new_pod_repeats_nothing_either(database: Database) -> None:
    old, new = Pod(database, "old"), Pod(database, "new")
    old.write(range(20), 5)
    assert numbers(new.write([25], 6)) == [25]
    assert numbers(new.write([12, 13, 21, 22], 6)) == [21, 22]


def test_a_clock_that_was_far_ahead_does_not_silence_who_comes_after(database: Database) -> None:
    Pod(database, "dreamer", late_s=2 * OVERLAP_US / 1e6).write(range(3), 5)
    assert numbers(Pod(database, "new").write(range(3), 6)) == [0, 1, 2]


def test_frames_without_a_placement_are_written_whatever_others_write(database: Database) -> None:
    Pod(database, "pod").write(range(3), 5)
    assert numbers(Pod(database, "plain").write(range(3), None)) == [0, 1, 2]


def test_one_batch_with_two_placements_of_a_stream_keeps_their_order(database: Database) -> None:
    placed = [(made(n), 5 if n < 3 else 7) for n in range(6)]
    with database.begin() as connection:
        admitted = RowWriter(database).frames(connection, frame_batch(Run("pod", 0), placed))
    assert numbers(admitted) == list(range(6))
    assert numbers(Pod(database, "other").write([9], 6)) == []


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(1, 5), st.integers(1, 4)), min_size=1, max_size=25))
def test_epochs_in_the_order_of_commits_never_fall(
    tmp_path_factory: pytest.TempPathFactory, writes: list[tuple[str, int, int]]
) -> None:
    database = open_database(f"sqlite:///{tmp_path_factory.mktemp('store')}/results.db", writing=True)
    committed: list[int] = []
    first = 0
    for name, epoch, count in writes:
        admitted = Pod(database, name).write(range(first, first + count), epoch)
        first += len(admitted.rows)  # no gaps: half of one would count as the next pod's clock that is late
        assert len(admitted.rows) in (0, count), "these pods see different frames: nothing is a repetition"
        assert (len(admitted.rows) == 0) == (epoch < max(committed, default=0))
        committed += [epoch] * len(admitted.rows)
    assert committed == sorted(committed)
    database.close()


def sink_for(url: str, run_id: str) -> StoreSink:
    return StoreSink(url, 36500.0, 4096.0, run_id, interval_s=0.01)


def test_a_sink_says_which_streams_were_taken_over_and_counts_what_was_refused(url: str) -> None:
    old, new = sink_for(url, "old"), sink_for(url, "new")
    old.epochs({GATE: 5, YARD: 5})
    new.epochs({GATE: 6})
    old.offer([*many(10), *many(10, stream=YARD)])
    wait_for(lambda: old.written == 20, "the old pod's frames")
    new.offer(many(10, first=10))
    wait_for(lambda: new.written == 10, "the new pod's frames")
    old.offer([*many(5, first=10), *many(5, first=10, stream=YARD)])
    wait_for(lambda: old.taken_over, "the news")
    assert old.taken_over == {GATE}
    old.close()
    new.close()
    assert old.dropped == {"taken over": 5}
    assert (old.written, new.written, new.dropped) == (25, 10, {})
    assert new.taken_over == frozenset()


def test_who_asks_hears_of_a_takeover_without_writing(url: str) -> None:
    old, new = sink_for(url, "old"), sink_for(url, "new")
    old.epochs({GATE: 5})
    old.offer(many(1))
    wait_for(lambda: old.written == 1, "the old pod's frame")
    new.epochs({GATE: 6})
    new.offer(many(1, first=1))
    wait_for(lambda: old.taken_over == {GATE}, "the news")
    old.epochs({GATE: 7})
    assert old.taken_over == frozenset(), "it came back with a newer placement"
    old.offer(many(1, first=2))
    old.close()
    new.close()
    assert old.written == 2


def test_minutes_count_what_was_stored_and_not_what_was_refused(url: str) -> None:
    old, new = sink_for(url, "old"), sink_for(url, "new")
    new.epochs({GATE: 6})
    new.offer(many(20))
    wait_for(lambda: new.written == 20, "the new pod's frames")
    old.epochs({GATE: 5})
    old.offer(many(20))
    old.close()
    new.close()
    with StoredResults(url) as results:
        (minute,) = results.minutes("gate", NOON_S, NOON_S + 60)
    assert minute.detections == {"person": 10}
    assert minute.stages["total"].n == 20
