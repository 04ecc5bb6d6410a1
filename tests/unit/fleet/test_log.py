"""The log goes to standard error as it is, without credentials."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator

import pytest

from camslice.fleet.log import log_to_stderr


@pytest.fixture(autouse=True)
def root_logger() -> Iterator[None]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers = []
    yield
    root.handlers, root.level = before, level


def test_a_replaced_standard_error_gets_what_is_logged_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", first)
    log_to_stderr("%(message)s")
    logging.getLogger("somewhere").warning("one")
    first_text = first.getvalue()
    first.close()
    monkeypatch.setattr(sys, "stderr", second)
    logging.getLogger("somewhere").warning("two")
    assert (first_text, second.getvalue()) == ("one\n", "two\n")


def test_credentials_are_not_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", shown := io.StringIO())
    log_to_stderr("%(message)s")
    logging.getLogger("somewhere").warning("cannot open %s", "rtsp://bob:hunter2@10.0.0.7/1")
    assert shown.getvalue() == "cannot open rtsp://***@10.0.0.7/1\n"
