"""Folders that are exchanged while they are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from camslice.fleet.mounts import read_whole, seen_file, seen_folder
from tests.kubelet import mount

SAME_TIME = 1_700_000_000_000_000_000


def test_an_exchange_is_seen_though_length_and_time_are_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "mounted"
    mount(folder, {"fleet.yaml": "aaaa"}, at_ns=SAME_TIME)
    file, whole = seen_file(folder / "fleet.yaml"), seen_folder(folder)
    assert (seen_file(folder / "fleet.yaml"), seen_folder(folder)) == (file, whole)
    mount(folder, {"fleet.yaml": "bbbb"}, at_ns=SAME_TIME)
    assert seen_file(folder / "fleet.yaml") != file
    assert seen_folder(folder) != whole


def test_a_change_in_a_plain_folder_is_seen(tmp_path: Path) -> None:
    seen = [seen_folder(tmp_path)]
    for content in ("one", "longer"):
        (tmp_path / "NAME").write_text(content)
        seen.append(seen_folder(tmp_path))
    (tmp_path / "NAME").unlink()
    seen.append(seen_folder(tmp_path))
    assert seen[0] == seen[3]
    assert len({*seen}) == 3


def test_what_is_not_there_looks_like_nothing(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    assert seen_file(tmp_path / "none") == seen_file(tmp_path / "loop") == ()
    assert seen_folder(tmp_path / "none") == ()


def test_what_was_exchanged_between_two_files_is_read_again(tmp_path: Path) -> None:
    mount(tmp_path, {"a": "old", "b": "old"})
    exchanges = [{"a": "new", "b": "new"}]

    def read() -> tuple[str, str]:
        first = (tmp_path / "a").read_text()
        if exchanges:
            mount(tmp_path, exchanges.pop())
        return first, (tmp_path / "b").read_text()

    value, seen = read_whole(lambda: seen_folder(tmp_path), read)
    assert value == ("new", "new")
    assert seen == seen_folder(tmp_path)


def test_an_error_counts_only_when_nothing_was_exchanged(tmp_path: Path) -> None:
    mount(tmp_path, {"a": "old"})
    tries = []

    def read() -> str:
        tries.append(1)
        if len(tries) == 1:
            mount(tmp_path, {"a": "new"})
            raise ValueError("the old one was gone")
        if len(tries) == 2:
            return (tmp_path / "a").read_text()
        raise ValueError("for good")

    assert read_whole(lambda: seen_folder(tmp_path), read)[0] == "new"
    with pytest.raises(ValueError, match="for good"):
        read_whole(lambda: seen_folder(tmp_path), read)
