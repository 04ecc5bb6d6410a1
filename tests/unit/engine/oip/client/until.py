"""Waits for what other threads are about to do."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

PATIENCE_S = 20.0
_LOOK_S = 0.005


def until(found: Callable[[], bool]) -> None:
    """Return as soon as `found` says so; it is a failure when it never does."""
    pause = threading.Event()
    for _ in range(int(PATIENCE_S / _LOOK_S)):
        if found():
            return
        pause.wait(_LOOK_S)
    pytest.fail("it did not come to that")
