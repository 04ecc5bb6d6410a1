"""What the programs said while a test failed: kept in a folder of the test run, and its end shown with the failure.

Programs live longer than a test and some shorter, so folders are watched and not programs: of each log in them a failed test
gets what was written since it began. Also a pytest plugin, by its two hooks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_MOST_BYTES = 1 << 18
"""Of each log: a run keeps no more of it than its end."""
_MOST_FILES = 60
_SHOWN_LINES = 12
_SHOWN_FILES = 20
_LONGEST_LINE = 400


class Logs:
    """Of one test run. `begin` a test, and `keep` what was said since."""

    def __init__(self) -> None:
        self._folders: list[Path] = []
        self._began: dict[Path, int] = {}

    def watch(self, folder: Path) -> None:
        """Every file in it, at any depth, is a log; new ones are found."""
        if folder not in self._folders:
            self._folders.append(folder)

    def begin(self) -> None:
        """A test begins."""
        self._began = {path: path.stat().st_size for path in self._files()}

    def keep(self, into: Path, *further: Path) -> list[Path]:
        """The end of what each log, and each of the `further` files, got since the test began; silent ones are left out."""
        kept = []
        for path in [*self._files(), *further][:_MOST_FILES]:
            said = _end_of(path, self._began.get(path, 0))
            if said.strip():
                into.mkdir(parents=True, exist_ok=True)
                copy = into / _name(path, self._folders)
                copy.write_bytes(said)
                kept.append(copy)
        return kept

    def _files(self) -> list[Path]:
        """The newest first."""
        found = {path for folder in self._folders for path in folder.rglob("*") if path.is_file() and not path.is_symlink()}
        return sorted(found, key=lambda path: -path.stat().st_mtime)


LOGS = Logs()
"""Of this run."""


def trim(folder: Path) -> None:
    """Keep the end of each log of programs that have ended."""
    for path in folder.rglob("*"):
        if path.is_file() and path.stat().st_size > _MOST_BYTES:
            path.write_bytes(_end_of(path, 0))


def pytest_runtest_setup() -> None:
    """A test begins."""
    LOGS.begin()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Add to a failed test's report what the programs said, and where the rest of it lies."""
    report: Any = yield
    if report.failed:
        temporary = getattr(item, "_request").getfixturevalue("tmp_path_factory")  # noqa: B009 - pytest has no public way
        into = temporary.getbasetemp() / "logs-of-failed-tests" / _plain(f"{item.name}-{call.when}")
        own = getattr(item, "funcargs", {}).get("tmp_path")
        further = sorted(own.glob("*.log")) if isinstance(own, Path) else []
        kept = LOGS.keep(into, *further)
        if kept:
            report.sections.append(("Logs of the programs", _shown(into, kept)))
    return report


def _shown(into: Path, kept: list[Path]) -> str:
    words = [f"kept in {into}"]
    for path in kept[:_SHOWN_FILES]:
        lines = path.read_text(errors="replace").splitlines()[-_SHOWN_LINES:]
        words += [f"--- {path.name}, its last {len(lines)} lines", *(line[:_LONGEST_LINE] for line in lines)]
    return "\n".join(words)


def _end_of(path: Path, begin: int) -> bytes:
    """Whole lines where something is cut off."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(min(begin, size), size - _MOST_BYTES))
            cut = file.tell() > begin
            said = file.read()
    except OSError:  # its pod has gone and taken it along
        return b""
    return said.partition(b"\n")[2] if cut else said


def _name(path: Path, folders: list[Path]) -> str:
    inside = next((folder for folder in folders if path.is_relative_to(folder)), path.parent)
    return _plain(str(path.relative_to(inside)))


def _plain(words: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]+", "-", words).strip("-")[-150:]
