"""What the Makefile and its tools promise to somebody who has just cloned the repository."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.needs import need

ROOT = Path(__file__).resolve().parents[2]
FIND_PYTHON = ROOT / "tools" / "find-python"


def test_a_python_that_can_make_environments_is_found() -> None:
    process = subprocess.run([FIND_PYTHON], capture_output=True, text=True, check=True)
    assert Path(process.stdout.strip()).exists()


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ("exit 1", "needs Python 3.11 or newer"),
        ('case "$2" in *ensurepip*) exit 1;; esac', "apt-get install python3-venv"),
    ],
    ids=["too old", "no venv"],
)
def test_a_python_that_will_not_do_is_refused_in_one_sentence(answers: str, says: str, tmp_path: Path) -> None:
    fake = tmp_path / "python3"
    fake.write_text(f"#!/bin/sh\n{answers}\n")
    fake.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "PYTHON": str(fake)}
    process = subprocess.run([FIND_PYTHON], env=environment, capture_output=True, text=True, check=False)
    assert process.returncode == 1
    assert process.stdout == ""
    assert says in process.stderr
    assert len(process.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("target", "lock"), [("demo", "requirements/run.txt"), ("test", "requirements/dev.txt")], ids=["demo", "test"]
)
def test_a_fresh_clone_installs_the_lock_once_and_again_when_it_changes(target: str, lock: str, tmp_path: Path) -> None:
    need(shutil.which("make"), "the program make", "apt-get install make")
    for name in ("Makefile", "pyproject.toml", "requirements", "tools"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name)
        else:
            shutil.copy(source, tmp_path / name)
    fresh = _plan(target, tmp_path)
    assert "-m venv .venv" in fresh
    assert f"--require-hashes -r {lock}" in fresh

    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").touch()
    for stamp in (".run", ".dev"):
        (tmp_path / ".venv" / stamp).touch()
    assert "--require-hashes" not in _plan(target, tmp_path)

    later = (tmp_path / ".venv" / ".dev").stat().st_mtime_ns + 10**9
    os.utime(tmp_path / lock, ns=(later, later))
    assert "--require-hashes" in _plan(target, tmp_path)


def test_the_two_commands_of_the_readme_are_there() -> None:
    readme = (ROOT / "README.md").read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for command in ("demo", "test"):
        assert f"make {command}" in readme
        assert command in targets


def test_ci_runs_the_same_checks_as_a_developer() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    run = (ROOT / ".ci" / "run").read_text()
    assert re.search(r"^export CI=true\nmake .*test\nexec make .*cluster$", run, re.MULTILINE)
    assert "/pytest tests/cluster" in _plan("cluster", ROOT)
    plan = _plan("test", ROOT)
    for check in ("ruff check", "ruff format --check", "mypy", "lint-imports", "pytest", "mkdocs build --strict"):
        assert f"/{check}" in plan


def _plan(target: str, folder: Path) -> str:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    command = ["make", "--no-print-directory", "--dry-run", target]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout
