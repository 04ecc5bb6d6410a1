from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from camslice.events.store.queries import StoredResults
from camslice.events.store.sink import StoreSink
from camslice.fleet.accounting import FrameCounts, Looked
from camslice.fleet.errors import StoreError
from camslice.fleet.types import StreamKey
from tests.unit.events.made import GATE, NOON_S, YARD, found, made, many

CARS = StreamKey("gate", "cars")


@pytest.fixture
def results(tmp_path: Path) -> Iterator[StoredResults]:
    url = f"sqlite:///{tmp_path}/results.db"
    for run, first in (("run-1", 0), ("run-2", 450)):
        sink = StoreSink(url, 30.0, 4096.0, run, clock=lambda: NOON_S)
        sink.offer(many(450, first=first))
        sink.offer(many(10, first=first, stream=YARD))
        sink.offer([made(first, stream=CARS)])
        sink.counts({GATE: FrameCounts(captured=400, analysed=400)}, NOON_S + 59)
        sink.counts({GATE: FrameCounts(captured=450, analysed=450)}, NOON_S + 61)
        sink.close()
    with StoredResults(url) as opened:
        yield opened


def test_cameras_are_named_once(results: StoredResults) -> None:
    assert results.cameras() == ["gate", "yard"]


def test_frames_between_two_times_come_in_order_of_capture(results: StoredResults) -> None:
    frames = results.detections_between("gate", NOON_S + 60, NOON_S + 100)
    assert [frame.sequence for frame in frames if frame.stream == GATE] == list(range(300, 500))
    assert [frame.sequence for frame in frames if frame.stream == CARS] == [450]
    assert {frame.run for frame in frames} == {"run-1", "run-2"}
    assert [frame.captured_at_s for frame in frames] == sorted(frame.captured_at_s for frame in frames)


def test_no_more_frames_come_than_asked_for(results: StoredResults) -> None:
    assert len(results.detections_between("gate", 0, 4e9, limit=7)) == 7
    assert results.detections_between("gate", 0, NOON_S) == []
    assert results.detections_between("nobody", 0, 4e9) == []


def test_the_latest_frame_of_every_stream(results: StoredResults) -> None:
    assert [(frame.stream, frame.sequence, frame.run) for frame in results.latest()] == [
        (CARS, 450, "run-2"),
        (GATE, 899, "run-2"),
        (YARD, 459, "run-2"),
    ]


def test_minutes_add_up_runs(results: StoredResults) -> None:
    minutes = [minute for minute in results.minutes("gate", NOON_S, NOON_S + 600) if minute.stream == GATE]
    assert [minute.start_s - NOON_S for minute in minutes] == [0, 60, 120]
    assert [minute.frames.analysed for minute in minutes] == [800, 100, 0]
    assert [minute.stages["total"].n for minute in minutes] == [300, 300, 300]
    assert [minute.detections["person"] for minute in minutes] == [150, 150, 150]


def test_minutes_are_those_that_begin_in_the_span(results: StoredResults) -> None:
    assert [m.start_s - NOON_S for m in results.minutes("gate", NOON_S + 1, NOON_S + 120) if m.stream == GATE] == [60]
    assert results.minutes("nobody", 0, 4e9) == []


def test_how_a_frame_was_looked_at_comes_back_with_the_marks_of_what_was_carried_on(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/looks.db"
    nine = [(float(n), 0.0, n + 1.0, 1.0) for n in range(9)]
    marks = [n in (0, 8) for n in range(9)]
    offered = [
        made(0, detections=found((1, 1, 2, 2))),
        made(1, detections=found(*nine, carried=marks), looked=Looked.REGIONS),
        made(2, detections=found((1, 1, 2, 2), carried=[True]), looked=Looked.PREDICTED),
        made(3, looked=Looked.PREDICTED),
    ]
    sink = StoreSink(url, 36500.0, 4096.0, "run", clock=lambda: NOON_S)
    sink.offer(offered)
    sink.counts({GATE: FrameCounts(captured=4, analysed=2, predicted=2, regions=1)}, NOON_S + 1)
    sink.close()
    with StoredResults(url) as opened:
        frames = opened.detections_between("gate", 0, 4e9)
        (minute,) = opened.minutes("gate", NOON_S, NOON_S + 60)
    assert [frame.looked for frame in frames] == [frame.looked for frame in offered]
    assert [None if frame.detections.carried is None else frame.detections.carried.tolist() for frame in frames] == [
        None,
        marks,
        [True],
        None,
    ]
    assert (minute.frames.analysed, minute.frames.predicted, minute.frames.regions) == (2, 2, 1)


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no such file"):
        StoredResults(f"sqlite:///{tmp_path}/none.db")
