"""The log: warnings and worse on standard error, or from the level that CAMSLICE_LOG names, never with a credential."""

from __future__ import annotations

import logging
import os
import sys
from typing import TextIO

from camslice.fleet.secrets import redact

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def log_to_stderr(line: str = "%(levelname)s %(name)s: %(message)s") -> None:
    """Send the log to standard error, each record written as `line` says and then stripped of credentials."""
    handler = _Stderr()
    handler.setFormatter(_Redacting(line))
    level = _LEVELS.get(os.environ.get("CAMSLICE_LOG", "").lower(), logging.WARNING)
    logging.basicConfig(level=level, handlers=[handler], force=True)


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to standard error as it is at that moment: a program that calls us may have put another in its place."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override] # the library's is an attribute, set once
        """Standard error."""
        return sys.stderr


class _Redacting(logging.Formatter):
    """Formats a record as usual, then removes credentials from all of it, traceback included."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))
