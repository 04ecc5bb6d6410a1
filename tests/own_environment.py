"""Programs of other people that the tests talk to, each in a Python environment of its own, made once and kept.

Their dependencies do not fit beside ours, and are not to: what is tested is the wire between the two.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.needs import need

FOLDER = Path(os.environ.get("CAMSLICE_TEST_ENVIRONMENTS") or Path(__file__).resolve().parents[1] / ".environments")
"""Where they are kept from one run of the tests to the next."""
INSTALL_PATIENCE_S = 600
_UNREACHABLE = ("connection broken", "NewConnectionError", "NameResolutionError", "Read timed out", "ProxyError")
"""What pip says when no package registry answers."""


def own_environment(name: str, requirements: Path) -> Path:
    """The Python of an environment that holds what the hashed lock file `requirements` names.

    Made on first use, which takes a minute or more: mark such tests with a time-out of their own. Skips the test (in CI fails
    it) when no package registry answers.
    """
    stamp = hashlib.sha256(sys.version.encode() + requirements.read_bytes()).hexdigest()[:16]
    FOLDER.mkdir(parents=True, exist_ok=True)
    environment = FOLDER / f"{name}-{stamp}"
    with (FOLDER / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (environment / "complete").exists():
            _make(environment, requirements)
    return environment / "bin" / "python"


def _make(environment: Path, requirements: Path) -> None:
    shutil.rmtree(environment, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", environment], check=True, capture_output=True)
    done = subprocess.run(
        [environment / "bin" / "python", "-m", "pip", "install", "--quiet", "--require-hashes", "-r", requirements],
        capture_output=True,
        text=True,
        check=False,
        timeout=INSTALL_PATIENCE_S,
    )
    if done.returncode == 0:
        (environment / "complete").touch()
        return
    shutil.rmtree(environment, ignore_errors=True)
    offline = any(sign in done.stderr for sign in _UNREACHABLE)
    need(not offline, "a package registry", f"none answers, and {requirements.name} is to be installed")
    pytest.fail(f"{requirements.name} cannot be installed:\n{done.stderr}")
