"""The tables of `bench` fit into a terminal of 80 columns, and say what went wrong."""

from __future__ import annotations

import pytest

from camslice.cli.bench_table import print_bench
from camslice.cli.output import stdout
from camslice.fleet.accounting import FrameCounts
from camslice.fleet.types import Topology
from camslice.measure.bench.report import Price
from camslice.measure.bench.shapes import ReportShape
from tests.unit.measure.bench.made import histograms, report, row, trial


def printed(made: ReportShape, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", "80")
    stdout.cache_clear()
    print_bench(made)
    stdout.cache_clear()
    return capsys.readouterr().out


def test_every_figure_fits_into_80_columns(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    slow = histograms([1234.5] * 100)
    slow["network"] = slow["decode"]
    rows = [row(topology, 54, trial(stages=slow)) for topology in (Topology.DEDICATED, Topology.REMOTE, Topology.POOLED)]
    output = printed(report(*rows, price=Price(2.176)), capsys, monkeypatch)
    assert "…" not in output
    assert "1588.48" in output
    assert "1234" in output
    assert all(len(line) <= 80 for line in output.splitlines())


def test_problems_and_notes_are_said_below(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    failed = row(Topology.SLICED, 2)
    failed.trials, failed.failure = [], "the pod did not start"
    output = printed(report(failed, row(Topology.SLICED, 1, trial(restarts=1)), stopped=True), capsys, monkeypatch)
    assert "sliced, 2 pods, 2 cameras: the pod did not start" in output
    assert "sliced, 1 pod, 1 camera: 1 times a pod ended" in output
    assert "Not everything that was asked for was measured" in output


def test_a_row_that_analysed_nothing_shows_its_drops(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = FrameCounts(captured=777, superseded=777, missed=88)
    output = printed(report(row(Topology.SLICED, 2, trial([], frames=frames))), capsys, monkeypatch)
    assert output.count("never") >= 3
    assert "777" in output
    assert "88" in output
    assert "no frame was analysed" in output


def test_nothing_measured_prints_no_table(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    unreached = row()
    unreached.trials = []
    assert "topology" not in printed(report(unreached), capsys, monkeypatch)
