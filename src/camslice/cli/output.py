"""What every command prints with: one JSON object, tables on standard output, progress and logs on standard error."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from camslice.fleet.stages import STAGES

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_FIGURES = ("mean", "p50", "p95", "p99", "max")


def print_json(value: Mapping[str, object]) -> None:
    """Print one JSON object on standard output. Infinite and undefined numbers become null, for which JSON has no word."""
    sys.stdout.write(json.dumps(_finite(value), allow_nan=False) + "\n")


@cache
def stdout() -> Console:
    """The console for results."""
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False)


@cache
def stderr() -> Console:
    """The console for progress, remarks and complaints."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, markup=False, emoji=False)


@contextmanager
def progress(what: str, steps: int) -> Iterator[Callable[[], None]]:
    """A progress bar on standard error while the context lasts; call what it gives once for each of the `steps`."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=stderr(), transient=True) as bar:
        task = bar.add_task(what, total=steps)
        yield lambda: bar.advance(task)


def stage_table(stages: Mapping[str, Mapping[str, float | int | None]], title: str | None = None) -> Table:
    """The *stages* of a report as a table in ms, in the order of a frame's life; absent stages are left out."""
    from rich.table import Table

    table = Table(title=title)
    table.add_column("stage (ms)")
    for figure in _FIGURES:
        table.add_column(figure, justify="right")
    for name in (stage for stage in STAGES if stage in stages):
        table.add_row(name, *_cells(stages[name]))
    if "total" in stages:
        table.add_section()
        table.add_row("total", *_cells(stages["total"]), style="bold")
    return table


def _cells(latency: Mapping[str, float | int | None]) -> list[str]:
    values = [latency.get(figure) for figure in _FIGURES]
    return ["-" if value is None else f"{value:.1f}" for value in values]


def _finite(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return value
