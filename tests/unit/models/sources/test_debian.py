"""The packages are real ones, made here with dpkg-deb; what stands for apt-get copies them and notes its arguments."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from camslice.models.progress import Silent
from camslice.models.sources.debian import DebianSource
from camslice.models.sources.protocol import SourceFailedError
from tests.needs import program

CONTENT = b"film" * 1000
MEMBER = "usr/share/doc/clips/film.avi"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN" / "control").write_text(
        "Package: clips\nVersion: 1.0\nArchitecture: all\nMaintainer: Nobody <nobody@example.org>\nDescription: a film\n"
    )
    (tree / MEMBER).parent.mkdir(parents=True)
    (tree / MEMBER).write_bytes(CONTENT)
    (tree / "usr/share/doc/clips/zzz").write_bytes(os.urandom(300_000))
    path = tmp_path / "clips_1.0_all.deb"
    dpkg_deb = program("dpkg-deb", "dpkg")
    assert os.spawnv(os.P_WAIT, dpkg_deb, ["dpkg-deb", "--root-owner-group", "--build", str(tree), str(path)]) == 0
    return path


@pytest.fixture
def apt_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Put a script that stands for apt-get on the PATH; returns the file in which it notes its arguments."""

    def install(script: str) -> Path:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        notes = tmp_path / "notes"
        (folder / "apt-get").write_text(f'#!/bin/sh\necho "$@" >> {notes}\n{script}\n')
        (folder / "apt-get").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        return notes

    return install


def fetch(work: Path, member: str = MEMBER, size_bytes: int = len(CONTENT)) -> Path:
    work.mkdir()
    return DebianSource("clips", member, "film.avi", download_bytes=300_000).fetch(size_bytes, work, Silent())


def test_the_file_is_taken_out_of_the_package(package: Path, apt_says: Callable[[str], Path], tmp_path: Path) -> None:
    notes = apt_says(f"cp {package} .")
    fetched = fetch(tmp_path / "work")
    assert fetched.read_bytes() == CONTENT
    assert notes.read_text().split()[-2:] == ["download", "clips"]


def test_without_package_lists_it_fetches_some_of_its_own(
    package: Path, apt_says: Callable[[str], Path], tmp_path: Path
) -> None:
    notes = apt_says(
        f"""case "$*" in
        *Dir::State::Lists=*download*) cp {package} . ;;
        *update*) ;;
        *) echo 'E: Unable to locate package clips' >&2; exit 100 ;;
        esac"""
    )
    assert fetch(tmp_path / "work").read_bytes() == CONTENT
    assert [line.split()[-1] for line in notes.read_text().splitlines()] == ["clips", "update", "clips"]


def test_what_apt_complains_about_is_told(apt_says: Callable[[str], Path], tmp_path: Path) -> None:
    program("dpkg-deb", "dpkg")
    apt_says("echo Reading lists; echo 'E: Failed to fetch http://me:secret@mirror/clips.deb' >&2; exit 100")
    with pytest.raises(SourceFailedError, match=r"E: Failed to fetch http://\*\*\*@mirror/clips\.deb"):
        fetch(tmp_path / "work")


def test_a_package_without_the_file_is_told(package: Path, apt_says: Callable[[str], Path], tmp_path: Path) -> None:
    apt_says(f"cp {package} .")
    with pytest.raises(SourceFailedError, match="it has no usr/other"):
        fetch(tmp_path / "work", member="usr/other")


def test_a_file_of_another_size_is_refused(package: Path, apt_says: Callable[[str], Path], tmp_path: Path) -> None:
    apt_says(f"cp {package} .")
    with pytest.raises(SourceFailedError, match="another size than the 17 bytes"):
        fetch(tmp_path / "work", size_bytes=17)


def test_a_damaged_package_is_told(apt_says: Callable[[str], Path], tmp_path: Path) -> None:
    program("dpkg-deb", "dpkg")
    apt_says("echo rubbish > clips_1.0_all.deb")
    with pytest.raises(SourceFailedError, match="cannot be read"):
        fetch(tmp_path / "work")


def test_a_machine_without_apt_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceFailedError, match="no apt-get and dpkg-deb"):
        fetch(tmp_path / "work")
