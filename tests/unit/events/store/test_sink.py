from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from camslice.events import writer
from camslice.events.store import sqlite
from camslice.events.store.queries import StoredFrame, StoredResults
from camslice.events.store.sink import StoreSink
from camslice.fleet.accounting import FrameCounts
from camslice.fleet.types import StreamKey
from tests.unit.events.made import GATE, NOON_S, YARD, found, made, many, wait_for

DAY_S = 86_400.0


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/results.db"


def sink_for(url: str, *, run_id: str = "run-1", keep_days: float = 30.0, now_s: float = NOON_S) -> StoreSink:
    return StoreSink(url, keep_days, 4096.0, run_id, clock=lambda: now_s, interval_s=0.01)


def stored(url: str, camera: str = "gate") -> list[StoredFrame]:
    with StoredResults(url) as results:
        return results.detections_between(camera, 0.0, 4e9)


def test_a_frame_comes_back_as_it_was_offered(url: str) -> None:
    sink = sink_for(url)
    sink.offer([made(7, detections=found((1.5, 2.25, 30.125, 40.0), (100.0, 50.0, 767.9, 576.0), class_id=2))])
    sink.close()
    (frame,) = stored(url)
    assert (frame.stream, frame.run, frame.sequence, frame.generation) == (GATE, "run-1", 7, 3)
    assert (frame.captured_at_s, frame.pts_s) == (pytest.approx(NOON_S + 1.4, abs=1e-6), pytest.approx(1.4))
    assert (frame.width, frame.height, frame.model_sha256) == (768, 576, "5e" * 32)
    assert frame.labels == ("person", "bicycle", "car")
    np.testing.assert_allclose(frame.detections.boxes, [[1.5, 2.25, 30.125, 40.0], [100.0, 50.0, 767.875, 576.0]])
    np.testing.assert_allclose(frame.detections.confidence, [0.9, 0.5], atol=1e-5)
    assert frame.detections.class_id.tolist() == [2, 2]


def test_a_frame_without_detections_or_pts_is_stored_too(url: str) -> None:
    result = made(0)
    sink = sink_for(url)
    object.__setattr__(result, "pts_s", None)
    sink.offer([result])
    sink.close()
    (frame,) = stored(url)
    assert len(frame.detections) == 0
    assert frame.pts_s is None


def test_a_result_that_is_offered_twice_is_stored_once(url: str) -> None:
    for _ in range(2):
        sink = sink_for(url)
        sink.offer(many(100))
        sink.offer(many(100))
        sink.close()
        assert sink.written == 200
    assert [frame.sequence for frame in stored(url)] == list(range(100))


def test_the_same_sequence_in_another_run_or_stream_is_another_frame(url: str) -> None:
    other = StreamKey("gate", "cars")
    for run_id in ("run-1", "run-2"):
        sink = sink_for(url, run_id=run_id)
        sink.offer([made(0), made(0, stream=other), made(0, stream=YARD)])
        sink.close()
    assert {(frame.run, frame.stream) for frame in stored(url)} == {(r, s) for r in ("run-1", "run-2") for s in (GATE, other)}
    assert len(stored(url, "yard")) == 2


def test_a_model_that_is_replaced_or_relabelled_is_known_by_frame(url: str) -> None:
    sink = sink_for(url)
    sink.offer([made(0), made(1, sha256="ab" * 32), made(2, labels=("dog",)), made(3)])
    sink.close()
    frames = stored(url)
    assert [frame.model_sha256[:2] for frame in frames] == ["5e", "ab", "5e", "5e"]
    assert [frame.labels[0] for frame in frames] == ["person", "person", "dog", "person"]


def test_closing_writes_the_last_rollups(url: str) -> None:
    sink = sink_for(url)
    sink.offer(many(50))
    sink.counts({GATE: FrameCounts(captured=50, analysed=48, stale=1, in_flight=1)}, NOON_S + 20)
    sink.close()
    with StoredResults(url) as results:
        (minute,) = results.minutes("gate", NOON_S, NOON_S + 60)
    assert minute.frames == FrameCounts(captured=50, analysed=48, stale=1, in_flight=1)
    assert minute.detections == {"person": 25}
    assert minute.stages["total"].n == 50
    assert minute.stages["inference"].mean == pytest.approx(20.0)


def test_a_locked_database_is_waited_for(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "_LOCK_PATIENCE_S", 0.01)
    monkeypatch.setattr(writer, "_FIRST_PAUSE_S", 0.01)
    sink = sink_for(url)
    other = sqlite3.connect(tmp_path / "results.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    sink.offer(many(20))
    wait_for(lambda: sink.problem, "the problem")
    assert sink.problem == f"{tmp_path}/results.db: another program has kept it locked; stop that or use another file"
    assert sink.written == 0
    other.execute("ROLLBACK")
    other.close()
    wait_for(lambda: sink.written == 20, "the frames")
    assert sink.problem is None
    sink.close()
    assert len(stored(url)) == 20
    assert not sink.dropped


def test_a_rolled_back_camera_is_entered_again(url: str, tmp_path: Path) -> None:
    sink = sink_for(url)
    sink.offer([made(1 << 70, stream=YARD)])
    wait_for(lambda: sink.dropped, "the drop of what no database can hold")
    sink.offer([made(1, stream=YARD)])
    sink.close()
    assert sink.dropped == {"defect": 1}
    assert [frame.sequence for frame in stored(url, "yard")] == [1]


def test_what_is_older_than_keep_days_is_cleared_away(url: str) -> None:
    sink = sink_for(url)
    sink.offer([made(n, captured_at_s=NOON_S - DAY_S * n) for n in range(10)])
    sink.close()
    later = sink_for(url, keep_days=4.5)
    wait_for(lambda: len(stored(url)) == 5, "the old frames to go")
    later.close()
    assert sorted(frame.sequence for frame in stored(url)) == [0, 1, 2, 3, 4]


def test_reading_goes_on_while_it_writes(url: str) -> None:
    sink = sink_for(url)
    with StoredResults(url) as results:
        for round_ in range(5):
            sink.offer(many(10, first=10 * round_))
            wait_for(lambda count=10 * round_ + 10: len(results.detections_between("gate", 0, 4e9)) == count, "the frames")
    sink.close()
