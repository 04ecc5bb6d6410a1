"""What an operator placed here, and what others have taken over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from camslice.fleet.placement import Placed
from camslice.fleet.stages import StageTimes
from camslice.fleet.types import StreamKey
from camslice.models.detections import Detections
from camslice.stream.results import FrameResult
from camslice.web.placements import PlacementBook, Revisions
from tests.unit.web.test_running import FakeSink

GATE, YARD = StreamKey("gate", "people"), StreamKey("yard", "people")


class EpochSink(FakeSink):
    """A sink that remembers epochs, and says what a test has taken over."""

    def __init__(self) -> None:
        super().__init__("store")
        self.told: list[Mapping[StreamKey, int]] = []
        self.others: frozenset[StreamKey] = frozenset()
        self.asked = 0

    def epochs(self, epochs: Mapping[StreamKey, int]) -> None:
        self.told.append(epochs)

    @property
    def taken_over(self) -> frozenset[StreamKey]:
        self.asked += 1
        return self.others


class Desk:
    """A book, its sink and its clock."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.sink = EpochSink()
        self.book = PlacementBook([self.sink], lambda: self.now_s)

    def place(self, revision: str, epochs: Mapping[StreamKey, int]) -> None:
        placed = Placed(revision, epochs)
        self.book.mounted(placed)
        self.book.tell_epochs(placed)
        self.book.applied(placed)
        self.book.run(epochs)


def result(key: StreamKey, captured_at_s: float) -> FrameResult:
    stages = StageTimes(1, 0, 1, 1, 0, 1, 1, 5)
    return FrameResult(key, 1, captured_at_s, None, 64, 48, "0" * 64, 1, stages, Detections.none(), ("person",))


def first_results(book: PlacementBook) -> Sequence[float | None]:
    return [book.streams[key].first_result_at_s for key in (GATE, YARD)]


def test_sinks_learn_the_epochs_of_each_placement() -> None:
    desk = Desk()
    desk.place("1", {GATE: 3})
    desk.place("2", {GATE: 3, YARD: 1})
    assert desk.sink.told == [{GATE: 3}, {GATE: 3, YARD: 1}]
    assert desk.book.revisions == Revisions("2", "2")


def test_a_revision_that_lies_there_and_does_not_run_is_told() -> None:
    desk = Desk()
    desk.place("1", {GATE: 3})
    desk.book.mounted(Placed("2", {GATE: 4}))
    assert desk.book.revisions == Revisions("1", "2")
    assert desk.book.streams[GATE].epoch == 3


def test_the_first_result_counts_from_the_placement_on() -> None:
    desk = Desk()
    desk.place("1", {GATE: 3, YARD: 1})
    desk.now_s = 1002.0
    desk.book.note([result(GATE, 999.5), result(YARD, 1001.0)])
    assert first_results(desk.book) == [None, 1002.0]
    desk.now_s = 1003.0
    desk.book.note([result(GATE, 1002.5), result(YARD, 1002.5)])
    assert first_results(desk.book) == [1003.0, 1002.0]


def test_a_new_epoch_begins_anew_and_an_old_one_goes_on() -> None:
    desk = Desk()
    desk.place("1", {GATE: 3, YARD: 1})
    desk.book.note([result(GATE, 1001.0), result(YARD, 1001.0)])
    desk.now_s = 2000.0
    desk.place("2", {GATE: 3, YARD: 2})
    assert first_results(desk.book) == [1000.0, None]
    assert [desk.book.streams[key].placed_at_s for key in (GATE, YARD)] == [1000.0, 2000.0]


def test_a_stream_is_no_longer_waited_for_when_the_store_or_the_operator_says_so() -> None:
    desk = Desk()
    desk.place("1", {GATE: 3, YARD: 1})
    assert desk.book.waits_for == {GATE, YARD}
    desk.sink.others = frozenset({GATE})
    assert desk.book.waits_for == {GATE, YARD}, "nobody has asked"
    desk.book.ask_sinks()
    assert desk.book.waits_for == {YARD}
    assert desk.book.release([YARD, StreamKey("else", "where")]) == [YARD]
    assert desk.book.waits_for == frozenset()
    assert all(stream.taken_over for stream in desk.book.streams.values())


def test_a_stream_that_comes_back_under_a_newer_epoch_is_waited_for_again() -> None:
    desk = Desk()
    desk.place("1", {GATE: 3})
    desk.book.release([GATE])
    assert desk.book.waits_for == frozenset()
    desk.place("2", {GATE: 5})
    assert desk.book.waits_for == {GATE}


def test_a_stream_that_was_added_by_hand_is_not_waited_for_where_others_were_placed() -> None:
    desk = Desk()
    desk.place("1", {GATE: 3})
    desk.book.run([GATE, YARD])
    assert desk.book.waits_for == {GATE}


def test_without_a_placement_every_stream_is_waited_for() -> None:
    book = PlacementBook()
    book.run([GATE, YARD])
    assert book.waits_for == {GATE, YARD}
    assert book.revisions == Revisions(None, None)


def test_whoever_only_looks_makes_no_sink_ask_its_store() -> None:
    desk = Desk()
    desk.place("1", {GATE: 3})
    desk.book.note([result(GATE, 1001.0)])
    assert desk.book.streams[GATE].taken_over is False
    assert desk.book.waits_for == {GATE}
    assert desk.sink.asked == 0
