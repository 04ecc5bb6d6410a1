"""How commands end."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest
import typer

from camslice.cli.errors import exit_code_of
from camslice.fleet.errors import CamsliceError, FleetError, StoreError


def raising(error: BaseException) -> Callable[[], object]:
    def work() -> object:
        raise error

    return work


@pytest.mark.parametrize(
    ("work", "code", "said"),
    [
        (lambda: None, 0, ""),
        (lambda: 7, 0, ""),
        (raising(SystemExit(1)), 1, ""),
        (raising(SystemExit(None)), 0, ""),
        (raising(KeyboardInterrupt()), 130, ""),
        (raising(FleetError("fleet.yaml:3: no; write yes.")), 2, "camslice: fleet.yaml:3: no; write yes.\n"),
        (
            raising(StoreError("cannot open postgresql://bob:hunter2@db/x.")),
            2,
            "camslice: cannot open postgresql://***@db/x.\n",
        ),
    ],
)
def test_each_end_has_its_code_and_its_words(
    work: Callable[[], object], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code_of(work) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == said


def test_every_error_of_ours_that_says_so_has_a_code_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    class RareError(CamsliceError):
        exit_code = 9

    assert exit_code_of(raising(RareError("rare."))) == 9
    assert capsys.readouterr().err == "camslice: rare.\n"


def test_a_defect_shows_its_traceback_without_credentials(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of(raising(ValueError("rtsp://bob:hunter2@cam/1"))) == 70
    said = capsys.readouterr().err
    assert "Traceback" in said
    assert "rtsp://***@cam/1" in said
    assert "hunter2" not in said
    assert "defect of camslice" in said


def test_ctrl_c_inside_a_command_is_130(capsys: pytest.CaptureFixture[str]) -> None:
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(raising(KeyboardInterrupt()))
    assert exit_code_of(lambda: app(args=[], prog_name="camslice")) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_a_reader_who_went_away_is_no_error_worth_a_word() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.run(
        [sys.executable, "-m", "camslice", "schema"], stdout=writing, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writing)
    assert process.stderr == ""
    assert process.returncode in {1, 141}
