"""Where shared memory lies, and what is said when there is no room for it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from camslice.fleet.errors import MachineError
from camslice.stream.boards import Boards
from camslice.stream.previews import previews_bytes
from camslice.stream.shm import SharedRegion


def test_a_region_in_a_folder_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMSLICE_SHM_DIR", str(tmp_path))
    region = SharedRegion.create("ledger", 4096)
    SharedRegion(region.descriptor, 4096).buffer[:3] = b"abc"
    assert bytes(region.buffer[:4]) == b"abc\0"
    assert not list(tmp_path.iterdir())


def test_a_folder_without_room_is_told_with_the_arithmetic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMSLICE_SHM_DIR", str(tmp_path))
    with pytest.raises(MachineError, match=rf"{tmp_path} has \d+ MB free and 1000000000 MB are needed; enlarge it"):
        SharedRegion.create("outbox", 10**15)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMSLICE_SHM_DIR", str(tmp_path / "none"))
    with pytest.raises(MachineError, match="set CAMSLICE_SHM_DIR to a folder that can be written"):
        SharedRegion.create("ledger", 4096)


def test_the_room_asked_for_follows_the_fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        free = 2**30

    def disk_usage(folder: Path) -> type[Usage]:
        return Usage

    monkeypatch.setenv("CAMSLICE_SHM_DIR", str(tmp_path))
    monkeypatch.setattr("camslice.stream.shm.shutil.disk_usage", disk_usage)
    Boards(20).close()
    too_many = Usage.free // previews_bytes(1) + 1
    with pytest.raises(MachineError, match="are needed"):
        Boards(too_many)


def test_room_for_streams_that_come_later_is_taken_before_anybody_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAMSLICE_SHM_DIR", str(tmp_path))
    boards = Boards(0)
    assert taken_bytes(boards) < previews_bytes(2)
    boards.reserve(3)
    assert taken_bytes(boards) >= previews_bytes(3)
    monkeypatch.setattr("camslice.stream.shm.shutil.disk_usage", lambda folder: shutil._ntuple_diskusage(10**9, 10**9, 1000))
    boards.reserve(3)
    with pytest.raises(MachineError, match=r"has 0 MB free and 1 MB are needed"):
        boards.reserve(4)
    boards.close()


def taken_bytes(boards: Boards) -> int:
    return 512 * os.fstat(boards.previews_region.descriptor).st_blocks
