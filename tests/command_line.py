"""The command line within this process, as if it had been typed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from unittest import mock

import pytest

from camslice.cli.main import main

Camslice = Callable[..., tuple[int, str, str]]
"""Types a command; gives its exit code, and what it printed on standard output and standard error."""


def typing(capsys: pytest.CaptureFixture[str]) -> Camslice:
    """Whoever types commands."""

    def camslice(*arguments: object) -> tuple[int, str, str]:
        code = ended(*map(str, arguments))
        said = capsys.readouterr()
        return code, said.out, said.err

    return camslice


def ended(*arguments: str) -> int:
    """Run `camslice ARGUMENTS` and give its exit code; what it prints is for pytest's `capsys`."""
    with mock.patch.object(sys, "argv", ["camslice", *arguments]), pytest.raises(SystemExit) as exit_:
        main()
    assert isinstance(exit_.value.code, int)
    return exit_.value.code
