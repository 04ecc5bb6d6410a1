"""Stores that an older camslice wrote. `version_1.sql` is a dump of what the last camslice of version 1 wrote, and so on."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from camslice.events.store.database import open_database
from camslice.events.store.queries import Minute, StoredFrame, StoredResults
from camslice.events.store.schema import VERSION
from camslice.events.store.sink import StoreSink
from camslice.fleet.accounting import Looked
from tests.unit.events.made import NOON_S, made, many

OLD = (1, 2)


@pytest.fixture(params=OLD)
def old(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def url(tmp_path: Path, old: int) -> str:
    dump = Path(__file__).parent / f"version_{old}.sql"
    with sqlite3.connect(tmp_path / "results.db") as connection:
        connection.execute("PRAGMA journal_mode = WAL")  # a dump does not tell; the store was in this mode
        connection.executescript(dump.read_text())
    connection.close()
    return f"sqlite:///{tmp_path}/results.db"


def version(url: str) -> int:
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    try:
        return int(connection.execute("SELECT version FROM camslice_schema").fetchone()[0])
    finally:
        connection.close()


def everything(url: str) -> tuple[list[StoredFrame], list[Minute]]:
    with StoredResults(url) as results:
        frames = [frame for camera in results.cameras() for frame in results.detections_between(camera, 0.0, 4e9)]
        return frames, [minute for camera in results.cameras() for minute in results.minutes(camera, 0.0, 4e9)]


def told(frames: list[StoredFrame]) -> list[tuple[str, int, float, list[list[float]]]]:
    return [(f.stream.camera, f.sequence, f.captured_at_s, f.detections.boxes.tolist()) for f in frames]


def test_an_older_store_is_read_as_it_is(url: str, old: int) -> None:
    frames, minutes = everything(url)
    assert [(frame.stream.camera, frame.sequence) for frame in frames] == [*(("gate", n) for n in range(6)), ("yard", 0)]
    assert frames[-1].detections.boxes.tolist() == [[1.5, 2.25, 30.125, 40.0]]
    assert {minute.stream.camera: dict(minute.detections) for minute in minutes} == {"gate": {"person": 3}, "yard": {"car": 1}}
    assert {frame.looked for frame in frames} == {Looked.FULL}
    assert {minute.frames.regions for minute in minutes} == {0}
    assert version(url) == old, "reading changes nothing"


def test_who_reads_while_somebody_makes_it_new_sees_what_is_new(url: str) -> None:
    with StoredResults(url) as results:
        assert results.latest()[0].looked is Looked.FULL
        sink = StoreSink(url, 36500.0, 4096.0, "new", interval_s=0.01, clock=lambda: NOON_S)
        sink.offer([made(100, captured_at_s=NOON_S + 60, looked=Looked.PREDICTED)])
        sink.close()
        assert results.latest()[0].looked is Looked.PREDICTED


def test_a_camslice_of_before_that_still_writes_goes_on(url: str) -> None:
    open_database(url, writing=True).close()
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:  # the statement of version 2, as it was sent
        connection.execute(
            "INSERT INTO frames (stream_id, run_id, sequence, captured_us, pts_us, width, height, model_id, generation,"
            " detections) VALUES (1, 1, 77, 1754050090000000, NULL, 768, 576, 1, 3, NULL)"
        )
    connection.close()
    frames, _ = everything(url)
    assert [(frame.sequence, frame.looked) for frame in frames if frame.sequence == 77] == [(77, Looked.FULL)]


def test_who_writes_to_an_older_store_makes_it_new_and_loses_nothing(url: str, old: int) -> None:
    before, minutes_before = everything(url)
    sink = StoreSink(url, 36500.0, 4096.0, "new", interval_s=0.01, clock=lambda: NOON_S)
    sink.epochs({many(1)[0].stream: 3})
    sink.offer(many(4, first=100))
    sink.close()
    assert version(url) == VERSION
    after, minutes_after = everything(url)
    assert told([frame for frame in after if frame.run == f"run-of-version-{old}"]) == told(before)
    assert [frame.sequence for frame in after if frame.run == "new"] == [100, 101, 102, 103]
    assert minutes_after[0].frames.analysed == minutes_before[0].frames.analysed


def test_many_writers_that_start_at_once_make_it_new_once(url: str) -> None:
    together, opened = threading.Barrier(6), []

    def start() -> None:
        together.wait(20)
        opened.append(open_database(url, writing=True))

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for database in opened:
        database.close()
    assert len(opened) == 6
    assert version(url) == VERSION
