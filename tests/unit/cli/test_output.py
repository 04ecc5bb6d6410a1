"""What commands print, and where."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
from rich.console import Console

from camslice.cli.output import print_json, progress, stage_table, stderr, stdout
from camslice.fleet.histogram import Histogram
from camslice.fleet.log import log_to_stderr


@pytest.fixture
def _log_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:], root.level = handlers, level


def test_json_is_one_object_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": [1, 2.5, None, (True, "ä")], "b": {"c": "\n"}})
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    assert json.loads(printed) == {"a": [1, 2.5, None, [True, "ä"]], "b": {"c": "\n"}}


def test_infinite_figures_are_null(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"p_all_ms": float("inf"), "nested": [float("nan"), {"x": -float("inf")}]})
    assert json.loads(capsys.readouterr().out) == {"p_all_ms": None, "nested": [None, {"x": None}]}


def test_results_and_remarks_go_different_ways(capsys: pytest.CaptureFixture[str]) -> None:
    stdout().print("result")
    stderr().print("remark")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("result\n", "remark\n")


def test_progress_stays_off_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("pictures", 2) as advance:
        advance()
        advance()
    assert capsys.readouterr().out == ""


def test_progress_shows_names_as_they_are(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    stderr.cache_clear()
    with progress("model [b]:car:[/x]", 1) as advance:
        advance()
    stderr.cache_clear()
    assert "model [b]:car:[/x]" in capsys.readouterr().err


def test_the_stage_table_has_a_row_for_each_stage_in_order_and_the_total_last() -> None:
    histogram = Histogram()
    histogram.add([10.0, 20.0])
    stages = {name: histogram.as_latency() for name in ("total", "inference", "decode")} | {"queue": Histogram().as_latency()}
    table = stage_table(stages, "all cameras")
    assert [column.header for column in table.columns] == ["stage (ms)", "mean", "p50", "p95", "p99", "max"]
    assert list(table.columns[0].cells) == ["decode", "queue", "inference", "total"]
    assert list(table.columns[1].cells) == ["15.0", "-", "15.0", "15.0"]
    with (console := Console(width=80)).capture() as captured:
        console.print(table)
    assert "all cameras" in captured.get()


@pytest.mark.usefixtures("_log_as_it_was")
def test_the_log_holds_no_credentials(capsys: pytest.CaptureFixture[str]) -> None:
    log_to_stderr()
    try:
        raise ValueError("http://cam/1?token=abc")
    except ValueError:
        logging.getLogger("camslice.video").warning("cannot open %s", "rtsp://bob:hunter2@cam/1", exc_info=True)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("WARNING camslice.video: cannot open rtsp://***@cam/1\nTraceback")
    assert "hunter2" not in captured.err
    assert "token=***" in captured.err


@pytest.mark.usefixtures("_log_as_it_was")
@pytest.mark.parametrize(("setting", "shown"), [("", False), ("info", True), ("DEBUG", True), ("error", False), ("x", False)])
def test_the_log_begins_at_the_level_asked_for(
    setting: str, shown: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CAMSLICE_LOG", setting)
    log_to_stderr()
    logging.getLogger("camslice").info("something ordinary")
    assert ("something ordinary" in capsys.readouterr().err) is shown
