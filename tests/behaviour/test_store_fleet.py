"""A store that many pods write to at once, on a real PostgreSQL: streams that move, databases that go away, pods that die."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from camslice.events import writer
from camslice.events.store import postgres
from camslice.events.store.batches import Run, frame_batch
from camslice.events.store.database import open_database
from camslice.events.store.retention import Limits
from camslice.events.store.rows import RowWriter
from camslice.events.store.schema import VERSION
from camslice.events.store.sink import StoreSink
from camslice.events.store.spool.place import SpoolPlace
from camslice.events.store.tables import Tables
from camslice.fleet.accounting import FrameCounts
from camslice.fleet.errors import StoreError
from tests.postgres_server import PostgresServer
from tests.tiny_disk import fill, tiny_disk
from tests.unit.events.made import GATE, NOON_S, YARD, made, many, wait_for

ROOT = Path(__file__).parents[2]
VERSION_1 = ROOT / "tests/unit/events/store/version_1_postgresql.sql"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    running = PostgresServer()
    try:
        running.start()
        yield running
    finally:
        running.remove()


@pytest.fixture(autouse=True)
def empty(server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.query("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    monkeypatch.setattr(writer, "_LONGEST_PAUSE_S", 0.1)


def pod(server: PostgresServer, run_id: str, folder: Path | None = None, max_mb: float = 64.0) -> StoreSink:
    spool = None if folder is None else SpoolPlace(folder, max_mb)
    return StoreSink(server.url, 36500.0, 4096.0, run_id, interval_s=0.01, spool=spool)


def stored(server: PostgresServer, run: str) -> list[int]:
    query = f"SELECT sequence FROM frames JOIN runs ON runs.id = run_id WHERE runs.name = '{run}' ORDER BY sequence"
    return [int(str(row[0])) for row in server.query(query)]


class RacingPod:
    """Analyses frames 0, 1, 2, ... and writes them with whatever placement it has; it takes the stream over now and then."""

    def __init__(self, server: PostgresServer, name: str, newest: list[int], lock: threading.Lock) -> None:
        self.name = name
        self.written: dict[int, int] = {}
        """Frames that the store took, each with its epoch."""
        self._server = server
        self._newest = newest
        self._lock = lock
        self._seed = random.Random(name)

    def analyse(self, last: int) -> None:
        tables = Tables(open_database(self._server.url, writing=True), Limits(36500.0, 4096.0), Run(self.name, 0))
        first = epoch = 0
        while first < last:
            with self._lock:
                if not epoch or self._seed.random() < 0.1:
                    epoch = self._newest[0] = self._newest[0] + 1
            end = min(first + self._seed.randint(1, 40), last)
            admitted = tables.frames(frame_batch(Run(self.name, 0), [(made(n), epoch) for n in range(first, end)]))
            self.written |= dict.fromkeys((row.sequence for row in admitted.rows), epoch)
            first = end
        tables.close()


def test_pods_that_race_for_a_stream_store_each_frame_once_and_nothing_of_an_older_placement_after_a_newer(
    server: PostgresServer,
) -> None:
    newest, lock = [0], threading.Lock()
    pods = [RacingPod(server, name, newest, lock) for name in ("a", "b", "c")]
    threads = [threading.Thread(target=pod.analyse, args=[2500]) for pod in pods]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    epoch_of = {(pod.name, sequence): epoch for pod in pods for sequence, epoch in pod.written.items()}
    query = """
        SELECT runs.name, sequence FROM frames JOIN runs ON runs.id = run_id
        ORDER BY pg_xact_commit_timestamp(frames.xmin), sequence
    """
    rows = [(str(run), int(str(sequence))) for run, sequence in server.query(query)]
    committed = [epoch_of.pop(row) for row in rows]
    assert not epoch_of, "what was said to be stored is stored"
    assert len(set(committed)) > 3, "the stream moved"
    assert committed == sorted(committed), "in the order of commits, epochs never fall"
    assert len({sequence for _, sequence in rows}) == len(rows), "a frame is stored once, whoever analysed it"
    for pod in pods:
        for epoch in set(pod.written.values()):
            of_epoch = [sequence for sequence, written in pod.written.items() if written == epoch]
            assert of_epoch == list(range(of_epoch[0], of_epoch[-1] + 1)), "a placement loses nothing in the middle"


@pytest.mark.parametrize(("first_epoch", "second_epoch", "stored_of_second"), [(5, 6, [10, 11, 12, 13, 14]), (6, 5, [])])
def test_who_waited_for_another_pods_first_frames_sees_them(
    server: PostgresServer, first_epoch: int, second_epoch: int, stored_of_second: list[int]
) -> None:
    """Both are the first that ever placed the stream, and the second has to wait until the first has committed."""
    databases = [open_database(server.url, writing=True) for _ in range(3)]
    Tables(databases[2], Limits(36500.0, 4096.0), Run("plain", 0)).frames(frame_batch(Run("plain", 0), [(made(-9), None)]))
    first, second = RowWriter(databases[0]), Tables(databases[1], Limits(36500.0, 4096.0), Run("second", 0))
    admitted: list[int] = []

    def write() -> None:
        rows = second.frames(frame_batch(Run("second", 0), [(made(n), second_epoch) for n in range(5, 15)])).rows
        admitted.extend(row.sequence for row in rows)

    waiting = threading.Thread(target=write)
    with databases[0].begin() as connection:
        first.frames(connection, frame_batch(Run("first", 0), [(made(n), first_epoch) for n in range(10)]))
        waiting.start()
        query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ILIKE '%placements%'"
        wait_for(lambda: server.query(query) == [(1,)], "the second to wait")
    waiting.join()
    assert admitted == stored_of_second == stored(server, "second")
    assert server.query("SELECT epoch FROM placements") == [(6,)]
    for database in databases:
        database.close()


def test_locks_of_a_pod_whose_machine_vanished_are_given_up_by_the_server(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stands still in the middle of its transaction, and its connection stays open: nobody closes it."""
    monkeypatch.setitem(postgres._SERVERS_PATIENCE, "idle_in_transaction_session_timeout", 300)
    vanished, database = open_database(server.url, writing=True), open_database(server.url, writing=True)
    Tables(open_database(server.url, writing=True), Limits(1.0, 1e6), Run("before", 0)).frames(
        frame_batch(Run("before", 0), [(made(0), 1)])
    )
    connection = vanished.engine.connect()
    RowWriter(vanished).frames(connection, frame_batch(Run("vanished", 0), [(made(1), 2)]))
    taking_over = Tables(database, Limits(36500.0, 4096.0), Run("new", 0))
    assert len(taking_over.frames(frame_batch(Run("new", 0), [(made(n), 3) for n in (1, 2)])).rows) == 2
    assert stored(server, "vanished") == []
    connection.invalidate()
    taking_over.close()


def test_a_pod_that_is_going_away_hears_that_its_stream_was_taken_over(server: PostgresServer) -> None:
    old, new = pod(server, "old"), pod(server, "new")
    old.epochs({GATE: 1, YARD: 1})
    old.offer([*many(10), *many(10, stream=YARD)])
    wait_for(lambda: old.written == 20, "the old pod's frames")
    assert old.taken_over == frozenset()
    new.epochs({GATE: 2})
    new.offer(many(10, first=10))
    wait_for(lambda: old.taken_over == {GATE}, "the news, without writing")
    old.offer(many(5, first=10))
    wait_for(lambda: old.dropped == {"taken over": 5}, "the refusal")
    for sink in (old, new):
        sink.close()
    assert stored(server, "new") == list(range(10, 20))


def test_many_pods_that_start_at_once_make_an_old_store_new_and_take_two_connections_each_at_most(
    server: PostgresServer,
) -> None:
    server.query(VERSION_1.read_text())
    together = threading.Barrier(8)
    pods: list[StoreSink] = []

    def start(number: int) -> None:
        together.wait(20)
        pods.append(pod(server, f"run-{number}"))

    threads = [threading.Thread(target=start, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(pods) == 8
    for sink in pods:
        sink.offer(many(50))
    for sink in pods:
        wait_for(lambda sink=sink: sink.written == 50, "the frames")
    ((connections,),) = server.query("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")
    assert int(str(connections)) - 1 <= 16
    for sink in pods:
        sink.close()
    assert server.query("SELECT version FROM camslice_schema") == [(VERSION,)]
    assert stored(server, "run-of-version-1") == [0, 0, 1, 2, 3, 4, 5]
    assert server.query("SELECT count(*) FROM frames") == [(400 + 7,)]


def test_one_of_many_pods_clears_away(server: PostgresServer) -> None:
    databases = [open_database(server.url, writing=True) for _ in range(3)]
    first = databases[0].backend.take_turn(databases[0].engine, 60.0)
    assert first is not None
    assert [other.backend.take_turn(other.engine, 0.0) for other in databases[1:]] == [None, None], "one at a time"
    first.close()
    assert databases[1].backend.take_turn(databases[1].engine, 60.0) is None, "somebody was at it just now"
    again = databases[2].backend.take_turn(databases[2].engine, 0.0)
    assert again is not None
    databases[2].engine.dispose()
    again.close()
    for database in databases:
        database.close()


def test_nobody_is_kept_from_clearing_away_by_a_pod_that_died(server: PostgresServer) -> None:
    database = open_database(server.url, writing=True)
    child = subprocess.run(
        [sys.executable, "-c", DIES_WITH_THE_TURN, server.url], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert child.stdout == "mine\n", child.stderr
    wait_for(lambda: database.backend.take_turn(database.engine, 0.0), "the turn")
    database.close()


DIES_WITH_THE_TURN = """
import os, sys
from camslice.events.store.database import open_database
database = open_database(sys.argv[1], writing=True)
turn = database.backend.take_turn(database.engine, 0.0)
print("mine" if turn else "not mine", flush=True)
os._exit(9)
"""


def test_a_database_that_is_away_under_load_costs_nothing_and_no_memory(server: PostgresServer, tmp_path: Path) -> None:
    sink = pod(server, "run-1", tmp_path / "spool")
    sink.epochs({GATE: 1})
    sink.offer(many(500))
    wait_for(lambda: sink.written == 500, "the first frames")
    server.stop()
    try:
        process, first = psutil.Process(), 500
        grown = []
        for _ in range(40):
            sink.offer(many(1000, first=first))
            first += 1000
            wait_for(lambda now=first: sink.waiting >= now - 500, "the spool")
            grown.append(process.memory_info().rss)
        assert "nothing listens there" in str(sink.problem)
        assert max(grown) - grown[10] < 20e6, "30,000 results later memory is what it was"
    finally:
        server.start()
    wait_for(lambda: sink.written == first, "what waited")
    assert sink.problem is None
    sink.close()
    assert sink.dropped == {}
    assert stored(server, "run-1") == list(range(first))
    assert not list((tmp_path / "spool").glob("*.spool"))


def test_a_database_that_hangs_holds_nobody_up(server: PostgresServer, tmp_path: Path) -> None:
    sink = pod(server, "run-1", tmp_path / "spool")
    sink.offer(many(100))
    wait_for(lambda: sink.written == 100, "the first frames")
    with psycopg.connect(server.url) as other:
        other.execute("LOCK TABLE frames IN ACCESS EXCLUSIVE MODE")
        for first in range(100, 50_100, 1000):
            sink.offer(many(1000, first=first))
            wait_for(lambda now=first + 1000: sink.waiting >= now - 100, "the spool")
        assert sink.written == 100
    wait_for(lambda: sink.written == 50_100, "what waited")
    sink.close()
    assert sink.dropped == {}
    assert stored(server, "run-1") == list(range(50_100))


def test_a_pod_starts_and_analyses_while_the_database_is_away(server: PostgresServer, tmp_path: Path) -> None:
    server.stop()
    try:
        sink = pod(server, "run-1", tmp_path / "spool")
        sink.offer(many(100))
        sink.counts({GATE: FrameCounts(captured=100, analysed=100)}, NOON_S + 20)
        wait_for(lambda: sink.waiting == 100, "the spool")
        sink.close()
        assert sink.dropped == {}
    finally:
        server.start()
    again = pod(server, "run-2", tmp_path / "spool")
    wait_for(lambda: again.written == 100, "what the run before left")
    again.close()
    assert stored(server, "run-1") == list(range(100))
    assert server.query("SELECT captured, analysed FROM minutes") == [(100, 100)]


def test_without_a_spool_a_database_that_is_away_at_the_start_is_one_sentence(server: PostgresServer) -> None:
    server.stop()
    try:
        with pytest.raises(StoreError, match="nothing listens there"):
            pod(server, "run-1")
    finally:
        server.start()


def test_a_spool_that_is_full_drops_the_oldest_and_keeps_the_newest(server: PostgresServer, tmp_path: Path) -> None:
    sink = pod(server, "run-1", tmp_path / "spool", max_mb=1.0)
    server.stop()
    try:
        for first in range(0, 30_000, 1000):
            sink.offer(many(1000, first=first))
            wait_for(lambda now=first + 1000: sink.waiting + sum(sink.dropped.values()) >= now, "the spool")
        assert sum(path.stat().st_size for path in (tmp_path / "spool").iterdir()) <= 1e6
    finally:
        server.start()
    wait_for(lambda: sink.waiting == 0, "what waited")
    sink.close()
    there = stored(server, "run-1")
    assert there[-5000:] == list(range(25_000, 30_000))
    assert sink.dropped == {"spool full": 30_000 - len(there)}


KILLED = """
import sys, time
from pathlib import Path
from camslice.events.store.sink import StoreSink
from camslice.events.store.spool.place import SpoolPlace
from tests.unit.events.made import many

url, folder, run_id = sys.argv[1:]
sink = StoreSink(url, 36500.0, 4096.0, run_id, interval_s=0.001, spool=SpoolPlace(Path(folder)))
offered = told = 0
left = sink.waiting
while True:
    if offered - (sink.waiting - left) < 500:
        sink.offer(many(37, first=offered))
        offered += 37
    safe = sink.waiting
    if safe > told:
        told = safe
        print(told, flush=True)
    time.sleep(0.0005)
"""


def test_what_is_in_the_spool_survives_a_kill(server: PostgresServer, tmp_path: Path) -> None:
    """Killed at random moments while the database is away; what the pod knew to be in the spool comes to the database."""
    folder = tmp_path / "spool"
    server.stop()
    safe = {}
    try:
        for number in range(3):
            run_id = f"run-{number}"
            arguments = [sys.executable, "-c", KILLED, server.url, str(folder), run_id]
            with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=ROOT) as child:
                assert child.stdout is not None
                for _ in range(random.Random(number).randint(2, 40)):
                    line = child.stdout.readline()
                child.kill()
                rest = child.stdout.read().split()
                safe[run_id] = int(rest[-1] if rest else line)
    finally:
        server.start()
    sink = pod(server, "after", folder)
    sink.offer(many(10))
    wait_for(lambda: sink.waiting == 0 and stored(server, "after"), "everything that waited")
    sink.close()
    before = 0
    for run_id, told in safe.items():
        sequences = stored(server, run_id)
        assert sequences == list(range(len(sequences))), "in order, without a gap"
        assert len(sequences) >= told - before
        before += len(sequences)
    assert set(sink.dropped) <= {"spool torn"}


@pytest.fixture(name="tiny_disk")
def mounted(tmp_path: Path) -> Iterator[Path]:
    with tiny_disk(tmp_path / "disk") as folder:
        yield folder


def test_a_full_disk_under_the_spool_is_told_and_results_reach_the_database_without_it(
    server: PostgresServer,
    tiny_disk: Path,
) -> None:
    sink = pod(server, "run-1", tiny_disk / "spool")
    sink.offer(many(100))
    wait_for(lambda: sink.written == 100, "the first frames")
    ballast = fill(tiny_disk)
    sink.offer(many(3000, first=100))
    wait_for(lambda: sink.written == 3100, "what passes through memory")
    assert f"{tiny_disk}/spool: the disk is full; free some space or lower CAMSLICE_SPOOL_MB" in str(sink.problem)
    ballast.unlink()
    sink.offer(many(100, first=3100))
    wait_for(lambda: sink.written == 3200, "what goes over the disk again")
    assert sink.problem is None
    sink.close()
    assert sink.dropped == {}
    assert stored(server, "run-1") == list(range(3200))


def test_a_full_disk_and_a_database_that_is_away_drop_what_is_too_much_and_count_it(
    server: PostgresServer, tiny_disk: Path
) -> None:
    sink = pod(server, "run-1", tiny_disk / "spool")
    server.stop()
    try:
        fill(tiny_disk)
        sink.offer(many(200_000))
        wait_for(lambda: "the disk is full" in str(sink.problem), "the problem")
    finally:
        server.start()
    wait_for(lambda: sink.waiting == 0 and stored(server, "run-1"), "what waited")
    sink.close()
    there = stored(server, "run-1")
    assert there == list(range(len(there)))
    assert sink.dropped == {"queue full": 200_000 - len(there)}
