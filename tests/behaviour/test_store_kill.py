"""What was written survives `kill -9` at any moment."""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from camslice.events.jsonl import JsonlSink
from camslice.events.store.queries import StoredResults
from camslice.events.store.sink import StoreSink
from tests.postgres_server import PostgresServer
from tests.unit.events.made import made

ROOT = Path(__file__).parents[2]
ROUNDS = 4

CHILD = """
import sys, time
from camslice.events.jsonl import JsonlSink
from camslice.events.store.sink import StoreSink
from tests.unit.events.made import many

kind, place, run_id = sys.argv[1:]
if kind == "jsonl":
    sink = JsonlSink(place, interval_s=0.001)
else:
    sink = StoreSink(place, 36500.0, 4096.0, run_id, interval_s=0.001)
offered = told = 0
while True:
    if offered - sink.written < 500:
        sink.offer(many(37, first=offered))
        offered += 37
    if sink.written > told:
        told = sink.written
        print(told, flush=True)
    else:
        time.sleep(0.0005)
"""


@contextmanager
def writing(kind: str, place: str, run_id: str) -> Iterator[subprocess.Popen[str]]:
    """A process that writes results to `place` as fast as it can and says how many it knows to be written."""
    child = subprocess.Popen([sys.executable, "-c", CHILD, kind, place, run_id], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        yield child
    finally:
        child.kill()
        child.wait()
        assert child.stdout is not None
        child.stdout.close()


def killed_at_random(kind: str, place: str, run_id: str, seed: int) -> int:
    """Kill -9 a writing process after a random number of its messages; how many results it had said were written."""
    lines = random.Random(seed).randint(1, 60)
    with writing(kind, place, run_id) as child:
        assert child.stdout is not None
        for _ in range(lines):
            written = int(child.stdout.readline())
        child.kill()
        rest = child.stdout.read().splitlines()
        return int(rest[-1]) if rest else written


def check_store(url: str, rounds: int) -> None:
    for round_ in range(rounds):
        run_id = f"run-{round_}"
        written = killed_at_random("store", url, run_id, seed=round_)
        with StoredResults(url) as results:
            frames = results.detections_between("gate", 0.0, 4e9, limit=1_000_000)
        sequences = [frame.sequence for frame in frames if frame.run == run_id]
        assert sorted(sequences) == list(range(len(sequences))), "a batch is there whole or not at all"
        assert len(sequences) >= written > 0
        assert all(len(frame.detections) == frame.sequence % 2 for frame in frames)
    after = StoreSink(url, 36500.0, 4096.0, "after")
    after.offer([made(0)])
    after.close()
    assert after.written == 1


def test_what_sqlite_has_committed_survives_a_kill(tmp_path: Path) -> None:
    check_store(f"sqlite:///{tmp_path}/results.db", ROUNDS)
    with sqlite3.connect(tmp_path / "results.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_what_postgresql_has_committed_survives_a_kill() -> None:
    server = PostgresServer()
    try:
        server.start()
        check_store(server.url, rounds=2)
    finally:
        server.remove()


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_every_line_but_the_last_survives_a_kill_whole(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "results.jsonl"
    written = killed_at_random("jsonl", str(path), "-", seed)
    lines = path.read_text().split("\n")
    whole = [json.loads(line)["sequence"] for line in lines[:-1]]
    assert whole == list(range(len(whole)))
    assert len(whole) >= written > 0
    sink = JsonlSink(str(path))
    sink.offer([made(0)])
    sink.close()
    assert json.loads(path.read_text().splitlines()[-1])["sequence"] == 0
