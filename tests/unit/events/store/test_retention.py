from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import func, select

from camslice.events.store import retention as module
from camslice.events.store.batches import FrameBatch, Run, frame_batch, minute_batch
from camslice.events.store.database import Database, open_database
from camslice.events.store.retention import ROLLUPS_KEPT_TIMES, Limits, Retention
from camslice.events.store.rollups import OpenMinute
from camslice.events.store.rows import RowWriter
from camslice.events.store.schema import frames, minutes, streams
from camslice.fleet.types import StreamKey
from camslice.stream.results import FrameResult
from tests.unit.events.made import GATE, NOON_S, YARD, made, many

DAY_S = 86_400.0
MB = 1e6
RUN = Run("run-1", 0)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(f"sqlite:///{tmp_path}/results.db", writing=True)
    yield opened
    opened.close()


def batch(results: Sequence[FrameResult]) -> FrameBatch:
    return frame_batch(RUN, [(result, None) for result in results])


def fill(database: Database, stream: StreamKey, count: int, every_s: float) -> None:
    rows = RowWriter(database)
    with database.begin() as connection:
        rows.frames(connection, batch(many(count, stream=stream, every_s=every_s)))


def fill_minutes(database: Database, ages_min: list[int]) -> None:
    rows = RowWriter(database)
    with database.begin() as connection:
        rows.minutes(connection, minute_batch(RUN, [OpenMinute(GATE, int(NOON_S // 60) - age) for age in ages_min]))


def run(database: Database, limits: Limits, now_s: float) -> Retention:
    retention = Retention(database, limits, now_s)
    while retention.step():
        pass
    return retention


def spans(database: Database) -> dict[str, tuple[int, float]]:
    """Of each stream's model: how many frames there are, and how many seconds after noon the first was captured."""
    first = func.min(frames.c.captured_us)
    query = select(streams.c.id, func.count(), first).where(frames.c.stream_id == streams.c.id).group_by(streams.c.id)
    with database.begin() as connection:
        return {str(row[0]): (row[1], row[2] / 1e6 - NOON_S) for row in connection.execute(query)}


def test_nothing_goes_that_is_young_and_little(database: Database) -> None:
    fill(database, GATE, 100, 1.0)
    assert run(database, Limits(1.0, 100.0), NOON_S + 200).deleted == 0
    assert spans(database) == {"1": (100, 0.0)}


def test_age_is_exact_however_small_the_steps(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STEP_ROWS", 7)
    fill(database, GATE, 100, 60.0)
    fill(database, YARD, 50, 120.0)
    assert run(database, Limits(1.0, 100.0), NOON_S + DAY_S + 1800).deleted == 30 + 15
    assert spans(database) == {"1": (70, 1800.0), "2": (35, 1800.0)}


def test_many_frames_of_one_instant_do_not_hold_it_up(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STEP_ROWS", 3)
    fill(database, GATE, 20, 0.0)
    assert run(database, Limits(1.0, 100.0), NOON_S + 2 * DAY_S).deleted == 20


def test_too_much_is_cut_oldest_first_and_the_file_becomes_smaller(database: Database, tmp_path: Path) -> None:
    fill(database, GATE, 20_000, 1.0)
    fill(database, YARD, 20_000, 1.0)
    assert run(database, Limits(30.0, 1.0), NOON_S + 20_000).deleted > 10_000
    (gate, gate_from_s), (yard, yard_from_s) = spans(database).values()
    assert 1000 < gate < 20_000
    assert gate_from_s == 20_000 - gate
    assert yard_from_s == 20_000 - yard
    assert abs(gate_from_s - yard_from_s) <= 600
    database.close()
    assert (tmp_path / "results.db").stat().st_size <= 1.1 * MB
    assert run(database, Limits(30.0, 1.0), NOON_S + 20_000).deleted == 0


def test_rollups_stay_four_times_as_long(database: Database) -> None:
    day_min = 1440
    fill_minutes(database, [0, day_min, ROLLUPS_KEPT_TIMES * day_min - 1, ROLLUPS_KEPT_TIMES * day_min + 1, 50 * day_min])
    run(database, Limits(1.0, 100.0), NOON_S)
    with database.begin() as connection:
        ages_min = [int(NOON_S // 60) - minute for minute in connection.scalars(select(minutes.c.minute))]
    assert sorted(ages_min) == [0, day_min, ROLLUPS_KEPT_TIMES * day_min - 1]


def test_where_the_size_limits_rollups_follow_the_frames(database: Database) -> None:
    fill_minutes(database, list(range(0, 6000, 100)))
    rows = RowWriter(database)
    with database.begin() as connection:
        rows.frames(connection, batch([made(n, captured_at_s=NOON_S - 2.0 * n) for n in range(20_000)]))
    run(database, Limits(30.0, 0.5), NOON_S)
    with database.begin() as connection:
        oldest_min = (NOON_S - connection.scalar(select(func.min(frames.c.captured_us))) / 1e6) / 60
        oldest_rollup_min = NOON_S / 60 - connection.scalar(select(func.min(minutes.c.minute)))
    assert oldest_min < 600
    assert oldest_min < oldest_rollup_min <= ROLLUPS_KEPT_TIMES * oldest_min + 1
