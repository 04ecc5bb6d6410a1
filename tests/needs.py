"""What some tests need beyond the wheels of the lock file: found here, or the test says by name what is missing.

On a developer's machine such a test is skipped; in CI (environment variable `CI`) it fails, so that nothing goes untested
unseen.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"
"""Real weights, clips and labelled pictures beside the checkout; absent on most machines."""


def need(present: object, what: str, how: str) -> None:
    """Go on when `present` is true; else skip (fail in CI) saying `what` is missing and `how` to get it."""
    if present:
        return
    message = f"needs {what}: {how}"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


def shared_file(relative: str) -> Path:
    """A file of the test material beside the checkout."""
    path = SHARED / relative
    if not path.exists():
        pytest.skip(f"needs ../shared/{relative}, which lies beside the checkout on the project's own machines only")
    return path


def program(name: str, package: str) -> str:
    """The path of a program that comes with a Debian package."""
    found = shutil.which(name)
    need(found, f"the program {name}", f"apt-get install {package}")
    assert found is not None
    return found
