"""The store on a real PostgreSQL server."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from camslice.events import writer
from camslice.events.store.database import Database, open_database
from camslice.events.store.queries import StoredResults
from camslice.events.store.retention import Limits, Retention
from camslice.events.store.schema import metadata
from camslice.events.store.sink import StoreSink
from camslice.fleet.accounting import FrameCounts
from camslice.fleet.errors import StoreError
from tests.postgres_server import PASSWORD, USER, PostgresServer
from tests.unit.events.made import GATE, NOON_S, YARD, found, made, many, wait_for


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    running = PostgresServer()
    try:
        running.start()
        yield running
    finally:
        running.remove()


@pytest.fixture(autouse=True)
def empty(server: PostgresServer) -> None:
    server.query("DROP SCHEMA public CASCADE; CREATE SCHEMA public")


def sink_for(server: PostgresServer, run_id: str = "run-1") -> StoreSink:
    return StoreSink(server.url, 30.0, 4096.0, run_id, clock=lambda: NOON_S, interval_s=0.01)


def test_frames_and_minutes_come_back_as_they_were_offered(server: PostgresServer) -> None:
    sink = sink_for(server)
    sink.offer([made(0, detections=found((1.5, 2.25, 30.125, 40.0), class_id=1)), made(1), made(0, stream=YARD)])
    sink.counts({GATE: FrameCounts(captured=3, analysed=2, stale=1)}, NOON_S + 1)
    sink.close()
    with StoredResults(server.url) as results:
        assert results.cameras() == ["gate", "yard"]
        first, second = results.detections_between("gate", 0, 4e9)
        assert [frame.sequence for frame in results.latest()] == [1, 0]
        (minute,) = results.minutes("gate", NOON_S, NOON_S + 60)
    np.testing.assert_allclose(first.detections.boxes, [[1.5, 2.25, 30.125, 40.0]])
    assert first.labels[first.detections.class_id[0]] == "bicycle"
    assert len(second.detections) == 0
    assert minute.frames == FrameCounts(captured=3, analysed=2, stale=1)
    assert minute.stages["total"].n == 2


def test_a_result_that_is_offered_twice_is_stored_once(server: PostgresServer) -> None:
    for _ in range(2):
        sink = sink_for(server)
        sink.offer(many(300))
        sink.close()
        assert sink.written == 300
    assert server.query("SELECT count(*), max(sequence) FROM frames") == [(300, 299)]


def test_two_programs_that_start_at_once_both_write(server: PostgresServer) -> None:
    together = threading.Barrier(4)
    sinks: list[StoreSink] = []

    def start(number: int) -> None:
        together.wait(20)
        sinks.append(sink_for(server, f"run-{number}"))

    threads = [threading.Thread(target=start, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for sink in sinks:
        sink.offer(many(50))
        sink.close()
    assert server.query("SELECT count(*), count(DISTINCT run_id), count(DISTINCT stream_id) FROM frames") == [(200, 4, 1)]


def test_a_server_that_goes_away_for_a_while_loses_nothing(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(writer, "_LONGEST_PAUSE_S", 0.1)
    sink = sink_for(server)
    sink.offer(many(100))
    wait_for(lambda: sink.written == 100, "the first frames")
    server.stop()
    sink.offer(many(900, first=100))
    wait_for(lambda: "nothing listens there" in str(sink.problem), "the problem")
    assert (
        sink.problem
        == f"postgresql 127.0.0.1:{server.port}/postgres: nothing listens there; start the server or correct the URL"
    )
    server.start()
    wait_for(lambda: sink.written == 1000, "what was queued")
    assert sink.problem is None
    sink.close()
    assert not sink.dropped
    assert server.query("SELECT count(*) FROM frames") == [(1000,)]
    assert PASSWORD not in caplog.text
    assert USER not in caplog.text


@pytest.mark.parametrize(("user", "password"), [(USER, "wrong-hunter2"), ("nobody-bob", PASSWORD)])
def test_a_wrong_user_or_password_is_one_sentence(server: PostgresServer, user: str, password: str) -> None:
    with pytest.raises(StoreError, match="the server refuses this user or password; check the URL") as caught:
        StoreSink(server.url_of(user, password), 30.0, 4096.0, "run-1")
    told = str(caught.value)
    assert user not in told
    assert password not in told
    assert "\n" not in told


def test_a_database_that_is_not_there_is_one_sentence(server: PostgresServer) -> None:
    with pytest.raises(StoreError, match="the server has no such database"):
        StoreSink(server.url.replace("/postgres", "/elsewhere"), 30.0, 4096.0, "run-1")


def test_a_user_who_may_not_write_is_told_so(server: PostgresServer) -> None:
    server.query("DROP ROLE IF EXISTS looker; CREATE ROLE looker LOGIN PASSWORD 'pw-of-looker'")
    with pytest.raises(StoreError, match="may not create or write the tables"):
        StoreSink(server.url_of("looker", "pw-of-looker"), 30.0, 4096.0, "run-1")


def test_too_much_is_cut_once_and_its_room_is_used_again(server: PostgresServer) -> None:
    limits, now_s = Limits(30.0, 5.0), NOON_S + 30_000
    sink = sink_for(server)
    for first in range(0, 60_000, 15_000):
        sink.offer([made(n, captured_at_s=NOON_S + 0.5 * n) for n in range(first, first + 15_000)])
        wait_for(lambda written=first + 15_000: sink.written == written, "the frames")
    sink.close()
    database = open_database(server.url, writing=True)
    assert cleared_away(database, limits, now_s) > 10_000
    ((left, first_sequence),) = server.query("SELECT count(*), min(sequence) FROM frames")
    assert first_sequence == 60_000 - int(str(left)), "the oldest went"
    assert int(str(left)) > 10_000
    assert cleared_away(database, limits, now_s) == 0, "files do not shrink: what is deleted must not be deleted for again"
    database.close()
    sizes = "+".join(f"pg_total_relation_size('{table}')" for table in metadata.tables)
    before = server.query(f"SELECT {sizes}")[0][0]
    sink = sink_for(server)
    sink.offer([made(n, captured_at_s=NOON_S + 0.5 * n) for n in range(60_000, 70_000)])
    sink.close()
    assert int(str(server.query(f"SELECT {sizes}")[0][0])) <= 1.1 * int(str(before))


def cleared_away(database: Database, limits: Limits, now_s: float) -> int:
    retention = Retention(database, limits, now_s)
    while retention.step():
        pass
    return retention.deleted
