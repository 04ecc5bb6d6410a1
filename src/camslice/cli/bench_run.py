"""What `bench` does: measure the rows, show how far it is, and leave a report whatever happens."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from camslice.cli.bench_options import Asked, understood
from camslice.cli.bench_table import print_bench
from camslice.cli.errors import INTERRUPTED
from camslice.cli.fetching import asking
from camslice.cli.output import print_json, stderr
from camslice.cli.signals import Signals
from camslice.fleet.secrets import redact
from camslice.measure.bench.measuring import measure
from camslice.measure.bench.report import bench_report
from camslice.measure.bench.report_html.page import require_place, write_page
from camslice.measure.bench.room import measured_private_mb, refuse_what_memory_cannot_hold
from camslice.measure.bench.shapes import ReportShape
from camslice.measure.bench.values import Load, Row

NOT_ALL = 1


def run_bench(asked: Asked, *, page: Path | None, accept_licence: frozenset[str], as_json: bool) -> int:
    """Measure what was asked for; returns the exit code."""
    signals = Signals()
    if page is not None:
        require_place(page)
    question, loads = understood(asked, asking(accept_licence))
    command = redact(shlex.join(["camslice", *sys.argv[1:]]))
    signals.note()

    def reported(rows: Sequence[Row]) -> ReportShape:
        report = bench_report(rows, question, asked.price, command, stopped=signals.stopping)
        if page is not None:
            write_page(page, report)
        return report

    with _progress(len(loads) * question.rounds) as (say, on_trial):
        broken = refuse_what_memory_cannot_hold(loads, question, measured_private_mb(question, signals.wait))

        def note(rows: Sequence[Row]) -> None:
            on_trial()
            reported(rows)

        rows = measure(loads, question, signals.wait, say=say, on_trial=note, broken=broken)
    report = reported(rows)
    if as_json:
        print_json(report)
    else:
        print_bench(report)
    if page is not None:
        stderr().print(f"report: {page}")
    if signals.interrupted:
        return INTERRUPTED
    return NOT_ALL if not signals.stopping and any(row.problem for row in rows) else 0


@contextmanager
def _progress(steps: int) -> Iterator[tuple[Callable[[Load, str], None], Callable[[], None]]]:
    """A bar on standard error: what is being done, and how many trials are."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=stderr(), transient=True) as bar:
        task = bar.add_task("looking at memory", total=steps)

        def say(load: Load, words: str) -> None:
            bar.update(task, description=f"{load.topology}, {load.cameras} cameras: {words}")

        yield say, lambda: bar.advance(task)
