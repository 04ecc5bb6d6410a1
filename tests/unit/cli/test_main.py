"""The front door: every command is listed, only the one that is called is loaded."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from camslice import __version__
from camslice.cli.main import COMMANDS, main

_LOADED = """
import sys
from camslice.cli.main import main
sys.argv = ["camslice", "--help"]
try:
    main()
except SystemExit as ended:
    assert ended.code == 0
print("LOADED", *sorted(name for name in sys.modules if name.startswith("camslice.")))
"""


def ended(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["camslice", *arguments])
    with pytest.raises(SystemExit) as exit_:
        main()
    assert isinstance(exit_.value.code, int)
    return exit_.value.code


def test_help_lists_every_command_and_loads_none() -> None:
    process = subprocess.run([sys.executable, "-c", _LOADED], capture_output=True, text=True, check=True)
    text, _, loaded = process.stdout.partition("LOADED")
    for name in COMMANDS:
        assert f"\n  {name} " in text
    assert not {command.where.partition(":")[0] for command in COMMANDS.values()} & set(loaded.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_where_the_table_says(name: str) -> None:
    module, _, attribute = COMMANDS[name].where.partition(":")
    assert callable(getattr(importlib.import_module(module), attribute))
    assert COMMANDS[name].about.endswith(".")


def test_a_mistyped_command_is_told_the_nearest(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(monkeypatch, "shema") == 2
    assert "Did you mean 'schema'?" in capsys.readouterr().err


def test_a_mistyped_option_is_bad_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(monkeypatch, "schema", "--jsonn") == 2
    assert "No such option" in capsys.readouterr().err


def test_no_command_shows_the_help(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(monkeypatch) == 2
    shown = capsys.readouterr()
    assert "doctor" in shown.out + shown.err


def test_it_knows_its_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(monkeypatch, "--version") == 0
    assert capsys.readouterr().out == f"camslice {__version__}\n"
