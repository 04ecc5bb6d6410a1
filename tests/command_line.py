"""The command line within this process, as if it had been typed."""

from __future__ import annotations

import sys
from unittest import mock

import pytest

from camslice.cli.main import main


def ended(*arguments: str) -> int:
    """Run `camslice ARGUMENTS` and give its exit code; what it prints is for pytest's `capsys`."""
    with mock.patch.object(sys, "argv", ["camslice", *arguments]), pytest.raises(SystemExit) as exit_:
        main()
    assert isinstance(exit_.value.code, int)
    return exit_.value.code
