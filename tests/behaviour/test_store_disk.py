"""A disk that is full or read-only: one sentence, nothing lost that there is room to keep, and on again when it is better."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from camslice.events import writer
from camslice.events.jsonl import JsonlSink
from camslice.events.sink import Sink
from camslice.events.store.queries import StoredResults
from camslice.events.store.sink import StoreSink
from camslice.fleet.errors import StoreError
from tests.tiny_disk import fill, tiny_disk
from tests.unit.events.made import many, wait_for

KINDS = ("sqlite", "jsonl")


@pytest.fixture(name="tiny_disk")
def mounted(tmp_path: Path) -> Iterator[Path]:
    with tiny_disk(tmp_path / "disk") as folder:
        yield folder


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "_FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(writer, "_LONGEST_PAUSE_S", 0.05)


def open_sink(kind: str, folder: Path) -> StoreSink | JsonlSink:
    if kind == "jsonl":
        return JsonlSink(str(folder / "results.jsonl"), interval_s=0.01)
    return StoreSink(f"sqlite:///{folder}/results.db", 36500.0, 4096.0, "run-1", interval_s=0.01)


def sequences(kind: str, folder: Path) -> list[int]:
    if kind == "jsonl":
        return [json.loads(line)["sequence"] for line in (folder / "results.jsonl").read_text().splitlines()]
    with StoredResults(f"sqlite:///{folder}/results.db") as results:
        return [frame.sequence for frame in results.detections_between("gate", 0.0, 4e9, limit=1_000_000)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_disk_that_is_full_at_the_start_is_one_sentence(tiny_disk: Path, kind: str) -> None:
    fill(tiny_disk)
    with pytest.raises(StoreError, match=f"{tiny_disk}.*full.*free some space") as caught:
        open_sink(kind, tiny_disk)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_a_disk_that_becomes_full_loses_nothing_that_was_queued(tiny_disk: Path, kind: str) -> None:
    sink = open_sink(kind, tiny_disk)
    sink.offer(many(50))
    wait_for(lambda: sink.written == 50, "the first frames")
    ballast = fill(tiny_disk)
    sink.offer(many(4000, first=50))
    wait_for(lambda: sink.problem, "the problem")
    assert "full" in str(sink.problem)
    ballast.unlink()
    if kind == "jsonl":  # whose lines take more than the whole disk
        subprocess.run(["mount", "-o", "remount,size=8m", tiny_disk], check=True)
    wait_for(lambda: sink.problem is None and sink.written == 4050, "what was queued")
    sink.close()
    assert not sink.dropped
    assert sequences(kind, tiny_disk) == list(range(4050))


@pytest.mark.parametrize("kind", KINDS)
def test_a_disk_that_stays_full_drops_and_counts_and_keeps_what_it_had(tiny_disk: Path, kind: str) -> None:
    sink: Sink = open_sink(kind, tiny_disk)
    sink.offer(many(50))
    wait_for(lambda: getattr(sink, "written", 0) == 50, "the first frames")
    fill(tiny_disk)
    sink.offer(many(30_000, first=50))
    wait_for(lambda: sink.problem, "the problem")
    sink.offer(many(1000, first=30_050))
    sink.close()
    written = getattr(sink, "written", 0)
    assert sum(sink.dropped.values()) == 31_050 - written
    assert set(sink.dropped) == {"queue full", "not written before the end"}
    (tiny_disk / "ballast").unlink()
    assert sequences(kind, tiny_disk) == list(range(written))


@pytest.mark.parametrize("kind", KINDS)
def test_a_read_only_file_system_is_one_sentence(tiny_disk: Path, kind: str) -> None:
    sink = open_sink(kind, tiny_disk)
    sink.offer(many(50))
    sink.close()
    subprocess.run(["mount", "-o", "remount,ro", tiny_disk], check=True)
    with pytest.raises(StoreError, match=f"{tiny_disk}.*(read-only|cannot be opened)") as caught:
        open_sink(kind, tiny_disk)
    assert "\n" not in str(caught.value)
