from __future__ import annotations

import io
from types import SimpleNamespace

import pytest
from rich.console import Console
from rich.prompt import Confirm

from camslice.cli import fetching
from camslice.cli.fetching import FetchBars, asking


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def at_the_keyboard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Somebody sits at the terminal and says yes; returns what was asked."""
    asked: list[str] = []

    def answer(question: str, **_: object) -> bool:
        asked.append(question)
        return True

    monkeypatch.setattr(fetching, "sys", SimpleNamespace(stdin=Terminal(), stderr=Terminal()))
    monkeypatch.setattr(Confirm, "ask", answer)
    return asked


def test_a_licence_given_ahead_is_not_asked_about(at_the_keyboard: list[str]) -> None:
    assert asking({"AGPL-3.0"})("yolov8s-person", "AGPL-3.0")
    assert at_the_keyboard == []


def test_somebody_at_the_keyboard_is_asked(at_the_keyboard: list[str]) -> None:
    assert asking(())("yolov8s-person", "AGPL-3.0")
    assert at_the_keyboard == ["yolov8s-person is under AGPL-3.0. Accept this licence on this machine?"]


def test_a_script_is_not_asked_and_accepts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "sys", SimpleNamespace(stdin=io.StringIO("y\n"), stderr=Terminal()))
    assert not asking(())("yolov8s-person", "AGPL-3.0")


def test_the_bar_names_what_is_fetched_and_stays_off_standard_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = Console(file=io.StringIO(), force_terminal=True, width=100)
    monkeypatch.setattr(fetching, "stderr", lambda: shown)
    with FetchBars().fetching("film.avi (a wheel)", 1000) as advance:
        advance(500)
        advance(2000)  # more than announced
    assert isinstance(shown.file, io.StringIO)
    assert "fetching film.avi (a wheel)" in shown.file.getvalue()
    assert capsys.readouterr().out == ""
