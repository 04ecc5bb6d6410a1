"""The locks install the same bytes everywhere: every file by its hash, from whatever index the machine has."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("run", "dev")


def pinned(lock: str) -> dict[str, set[str]]:
    """What a lock pins: {name: versions}; several versions where they depend on the Python."""
    pins: dict[str, set[str]] = {}
    for name, version in re.findall(
        r"^([a-z0-9.-]+)==([^ ]+)", (ROOT / "requirements" / f"{lock}.txt").read_text(), re.MULTILINE
    ):
        pins.setdefault(name, set()).add(version)
    return pins


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_pinned_by_hash(lock: str) -> None:
    text = (ROOT / "requirements" / f"{lock}.txt").read_text().replace("\\\n", " ")
    requirements = [line for line in text.splitlines() if line.strip()]
    assert len(requirements) == sum(len(versions) for versions in pinned(lock).values()) > 20
    assert [line for line in requirements if "--hash=sha256:" not in line] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_index_no_folder_and_no_address(lock: str) -> None:
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    assert not re.search(r"^\s*-[a-z-]|--(index|find|extra|trusted)|://|@ |/", text.replace("--hash=", ""), re.MULTILINE)


def test_running_and_checking_use_the_same_versions() -> None:
    run, dev = pinned("run"), pinned("dev")
    assert {name: dev.get(name) for name in run} == run
    assert len(dev) > len(run)


def test_every_declared_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {_name(requirement) for requirement in project["dependencies"]}
    assert declared <= set(pinned("run"))
    extras = project["optional-dependencies"]
    for extra in ("postgres", "eval", "dev"):
        assert {_name(requirement) for requirement in extras[extra]} - {"camslice"} <= set(pinned("dev"))


def test_no_lock_brings_what_the_licence_forbids() -> None:
    """Ultralytics is AGPL-3.0: an extra that a user asks for, never part of an installation."""
    for lock in LOCKS:
        assert not {"ultralytics", "torch", "opencv-python"} & set(pinned(lock))


def _name(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9_.-]+", requirement)
    assert match
    return match.group().lower().replace("_", "-")
