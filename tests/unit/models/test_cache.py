from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from camslice.models.cache import cache_folder, keep, search_folders, sha256_of, work_folder


def test_the_cache_lies_where_it_is_told_or_in_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CAMSLICE_CACHE", str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine"
    monkeypatch.delenv("CAMSLICE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "camslice"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "camslice"


def test_named_folders_come_before_the_cache(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setenv("CAMSLICE_MODELS", os.pathsep.join(["/a", "", "/b"]))
    assert search_folders() == (Path("/a"), Path("/b"), cache)


def test_unfinished_work_leaves_nothing_behind(cache: Path) -> None:
    def cut_short() -> None:
        with work_folder() as work:
            (work / "half.onnx").write_text("half")
            raise RuntimeError("cut short")

    with pytest.raises(RuntimeError, match="cut short"):
        cut_short()
    assert list(cache.iterdir()) == []


def test_what_is_kept_outlives_the_work(cache: Path) -> None:
    with work_folder() as work:
        (work / "x").write_text("whole")
        kept = keep(work / "x", "model.onnx")
    assert kept == cache / "model.onnx"
    assert kept.read_text() == "whole"
    assert list(cache.iterdir()) == [kept]


def test_what_a_killed_process_left_is_swept_away_later(cache: Path) -> None:
    with work_folder() as work:
        left = work.with_name(".work-left")
        running = work.with_name(".work-running")
        left.mkdir()
        running.mkdir()
        os.utime(left, (0, 0))
    with work_folder():
        assert not left.exists()
        assert running.exists()


def test_the_hash_covers_all_files_in_order(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one")
    (tmp_path / "b").write_bytes(b"two")
    assert sha256_of(tmp_path / "a", tmp_path / "b") == hashlib.sha256(b"onetwo").hexdigest()
