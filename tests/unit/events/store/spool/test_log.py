from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from camslice.events.store.spool import segment as segments
from camslice.events.store.spool.log import Spool
from camslice.events.store.spool.place import SpoolPlace, spool_place
from camslice.events.writer import WriteError
from camslice.fleet.errors import StoreError

FRAMES = 1


@pytest.fixture
def place(tmp_path: Path) -> SpoolPlace:
    return SpoolPlace(tmp_path / "spool", 1.0)


@pytest.fixture
def spool(place: SpoolPlace) -> Iterator[Spool]:
    opened = Spool(place)
    yield opened
    opened.close()


def payload(number: int, size: int = 1000) -> bytes:
    return number.to_bytes(4, "big") * (size // 4)


def put(spool: Spool, numbers: range, size: int = 1000) -> None:
    for number in numbers:
        spool.put(FRAMES, payload(number, size), 1)


def taken(spool: Spool, most: int = 100_000) -> list[int]:
    """The numbers of the records that come out, which are then done."""
    numbers = []
    while len(numbers) < most and (record := spool.first(0.0)) is not None:
        assert record.payload == payload(int.from_bytes(record.payload[:4], "big"), len(record.payload))
        numbers.append(int.from_bytes(record.payload[:4], "big"))
        spool.done()
    return numbers


def files(place: SpoolPlace) -> list[Path]:
    return sorted(place.folder.glob("*.spool"))


def test_what_goes_in_comes_out_in_order_and_leaves_little_behind(spool: Spool, place: SpoolPlace) -> None:
    put(spool, range(500))
    assert spool.waiting == 500
    assert taken(spool) == list(range(500))
    assert spool.first(0.0) is None
    assert spool.waiting == 0
    assert spool.bytes <= 1e6 / 32
    assert spool.dropped == {}
    spool.close()
    assert files(place) == []
    Spool.__init__(spool, place)


def test_a_record_stays_the_first_until_it_is_done(spool: Spool) -> None:
    put(spool, range(2))
    assert spool.first(0.0) == spool.first(0.0)
    spool.done()
    assert taken(spool) == [1]


def test_a_full_spool_drops_the_oldest_and_counts_them(spool: Spool, place: SpoolPlace) -> None:
    put(spool, range(2000))
    assert spool.bytes <= 1e6
    assert sum(path.stat().st_size for path in files(place)) <= 1e6
    came_out = taken(spool)
    assert came_out == list(range(came_out[0], 2000))
    assert len(came_out) > 900
    assert spool.dropped == {"spool full": came_out[0]}


def test_what_is_being_written_when_its_file_goes_is_not_counted_as_lost(spool: Spool) -> None:
    put(spool, range(10))
    held = spool.first(0.0)
    put(spool, range(10, 2000))
    assert held is not None
    spool.done()
    came_out = taken(spool)
    assert spool.dropped == {"spool full": came_out[0] - 1}
    assert came_out[-1] == 1999


def test_a_spool_that_was_left_goes_on_where_it_was(place: SpoolPlace) -> None:
    first = Spool(place)
    put(first, range(100))
    assert taken(first, 70) == list(range(70))
    first.close()
    second = Spool(place)
    put(second, range(100, 110))
    came_out = taken(second)
    assert came_out[-40:] == list(range(70, 110))
    assert len(came_out) <= 40 + 32, "of what was done, at most one file's worth is seen again"
    second.close()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(cut=st.integers(0, 5200))
def test_a_torn_end_costs_what_is_torn_and_nothing_else(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    place = SpoolPlace(tmp_path_factory.mktemp("spool"), 1.0)
    spool = Spool(place)
    put(spool, range(5))
    spool._writing = None  # the process dies: nothing is closed
    (path,) = files(place)
    length = path.stat().st_size
    os.truncate(path, min(cut, length))
    os.close(spool._lock_file)
    after = Spool(place)
    put(after, range(5, 8))
    whole = min(cut, length) // (length // 5)
    assert taken(after) == [*range(whole), 5, 6, 7]
    torn = 1 if min(cut, length) % (length // 5) else 0
    assert after.dropped == ({"spool torn": torn} if torn else {})
    after.close()


def test_a_damaged_record_is_skipped_and_counted(place: SpoolPlace) -> None:
    first = Spool(place)
    put(first, range(5))
    first.close()
    (path,) = files(place)
    data = bytearray(path.read_bytes())
    data[2 * len(data) // 5 + 100] ^= 1
    path.write_bytes(data)
    second = Spool(place)
    assert taken(second) == [0, 1, 3, 4]
    assert second.dropped == {"spool damaged": 1}
    second.close()


def test_two_processes_do_not_share_a_spool(spool: Spool, place: SpoolPlace) -> None:
    with pytest.raises(StoreError, match="another process uses it; give each its own CAMSLICE_SPOOL_DIR"):
        Spool(place)


def test_a_disk_that_takes_nothing_is_told_and_records_pass_through_memory(
    place: SpoolPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(place, memory_bytes=10_000)
    put(spool, range(3))
    real = os.pwrite

    def full(*args: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(segments.os, "pwrite", full)
    put(spool, range(3, 6))
    assert spool.problem == f"{place.folder}: the disk is full; free some space or lower CAMSLICE_SPOOL_MB"
    assert taken(spool, 4) == [0, 1, 2, 3]
    put(spool, range(6, 13))
    with pytest.raises(WriteError, match="the disk is full"):
        put(spool, range(13, 20))
    monkeypatch.setattr(segments.os, "pwrite", real)
    waiting = spool.waiting
    put(spool, range(90, 93))
    assert spool.problem is None
    came_out = taken(spool)
    assert came_out[:2] == [4, 5]
    assert came_out[-3:] == [90, 91, 92]
    assert len(came_out) == waiting + 3
    assert len(files(place)) <= 1
    spool.close()


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="name a folder that can be written in CAMSLICE_SPOOL_DIR"):
        Spool(SpoolPlace(tmp_path / "file" / "spool", 1.0))


def test_the_environment_says_where_and_how_large() -> None:
    assert spool_place({}) is None
    assert spool_place({"CAMSLICE_SPOOL_DIR": "/spool"}) == SpoolPlace(Path("/spool"), 256.0)
    assert spool_place({"CAMSLICE_SPOOL_DIR": "/spool", "CAMSLICE_SPOOL_MB": "12.5"}) == SpoolPlace(Path("/spool"), 12.5)
    for size in ("much", "0", "-3", "inf", "nan"):
        with pytest.raises(StoreError, match=f"CAMSLICE_SPOOL_MB={size}: must be a number of megabytes"):
            spool_place({"CAMSLICE_SPOOL_DIR": "/spool", "CAMSLICE_SPOOL_MB": size})
