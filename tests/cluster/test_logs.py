"""A failed test says what the programs said while it ran; tried with real runs of pytest, and without a control plane."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TESTS = """
from pathlib import Path
import pytest
from tests.cluster.harness.logs import LOGS

FOLDER = Path(__file__).parent / "programs"

def say(name, words):
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / name).open("a") as file:
        file.write(words + "\\n")

def test_before():
    LOGS.watch(FOLDER)
    say("etcd", "said before")
    say("silent", "said before")

def test_that_fails(tmp_path):
    say("etcd", "\\n".join(f"line {number}" for number in range(100_000)))
    say("etcd", "said while it failed")
    (tmp_path / "operator.log").write_text("said by the operator\\n")
    raise AssertionError("one failure")

@pytest.fixture
def broken():
    say("kubelet", "said while starting")
    raise RuntimeError("no start")

def test_without_a_start(broken):
    pass
"""


def test_a_failed_test_shows_the_end_of_each_log_and_names_the_folder_with_more(tmp_path: Path) -> None:
    (tmp_path / "test_them.py").write_text(TESTS)
    root = str(Path(__file__).parents[2])
    command = [sys.executable, "-m", "pytest", "-p", "tests.cluster.harness.logs", "-p", "no:cacheprovider", "test_them.py"]
    command += ["--basetemp", str(tmp_path / "base")]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60, env=os.environ | {"PYTHONPATH": root}
    )
    assert "1 failed, 1 passed, 1 error" in done.stdout, done.stdout + done.stderr
    kept = tmp_path / "base" / "logs-of-failed-tests"
    assert f"kept in {kept / 'test-that-fails-call'}" in done.stdout
    assert "said while it failed" in done.stdout
    assert "said by the operator" in done.stdout
    assert "said while starting" in done.stdout
    assert "said before" not in done.stdout
    files = {path.name: path.stat().st_size for path in (kept / "test-that-fails-call").iterdir()}
    assert set(files) == {"etcd", "operator.log"}
    assert files["etcd"] <= 1 << 18
    first = (kept / "test-that-fails-call" / "etcd").read_text().splitlines()[0]
    assert first.startswith("line ")
    assert [path.name for path in (kept / "test-without-a-start-setup").iterdir()] == ["kubelet"]
