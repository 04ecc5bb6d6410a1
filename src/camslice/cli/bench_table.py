"""What `bench` prints for people: how fast each row was, where its time went, and what it took."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE
from rich.table import Table

from camslice.cli.output import stdout
from camslice.fleet.stages import STAGES
from camslice.measure.bench.shapes import ReportShape, RowShape

_HEADS = {"preprocess": "pre-\nprocess", "network": "net-\nwork", "inference": "infer-\nence", "postprocess": "post-\nprocess"}
"""Names of stages broken so that all of them fit into 80 columns."""


def print_bench(report: ReportShape) -> None:
    """Print a report of `bench_report`."""
    rows = report["rows"]
    measured = [row for row in rows if row["rounds"]]
    out = stdout()
    if measured:
        for table in (_latency_table(measured), _stages_table(measured), _costs_table(measured)):
            out.print(table)
    for row in rows:
        name = f"{row['topology']}, {_count(row['pods'], 'pod')}, {_count(row['cameras'], 'camera')}"
        if row["problem"]:
            out.print(f"{name}: {row['problem']}")
        for note in row["notes"]:
            out.print(f"{name}: {note}")
    if report["partial"]:
        out.print("Not everything that was asked for was measured: these figures are of what was.")


def _latency_table(rows: Sequence[RowShape]) -> Table:
    objective = rows[0]["objective"]
    with_machines = any(row["machines"] > 1 for row in rows)
    heads = ["frames/s", "mean", "p50", "p95", "p99", f"p{objective['percentile']:g} in\n{objective['latency_ms']:g} ms"]
    table = _table(
        "ms from the instant a frame is due; percentiles: a lost frame never ends",
        [*(["ma-\nchines"] if with_machines else []), *heads],
    )
    for row in rows:
        mean = _ms(row["stages"]["total"]["mean"]) if row["stages"] else "-"
        times = (row["p50_all_ms"], row["p95_all_ms"], row["p99_all_ms"])
        cells = [
            f"{row['fps']:.1f}",
            mean,
            *("never" if each is None else _ms(each) for each in times),
            "yes" if row["objective"]["met"] else "no",
        ]
        table.add_row(*_which(row), *([str(row["machines"])] if with_machines else []), *cells)
    return table


def _stages_table(rows: Sequence[RowShape]) -> Table:
    names = [name for name in (*STAGES, "total") if any(name in row["stages"] for row in rows)]
    table = _table("where the time goes: mean ms of each stage", [_HEADS.get(name, name) for name in names])
    for row in rows:
        stages = row["stages"]
        table.add_row(*_which(row), *(_ms(stages[name]["mean"], 2) if name in stages else "-" for name in names))
    return table


def _costs_table(rows: Sequence[RowShape]) -> Table:
    with_price = any(row["usd_per_camera_month"] is not None for row in rows)
    heads = ["super-\nseded", "stale", "fai-\nled", "mis-\nsed", "cores", "MB a\npod", "MB a\ncam"]
    table = _table("frames dropped, and what it took", [*heads, *(["$ / cam\n/ month"] if with_price else [])])
    for row in rows:
        drops = (f"{row['frames'][cause]:.0f}" for cause in ("superseded", "stale", "failed", "missed"))
        usd = row["usd_per_camera_month"]
        table.add_row(
            *_which(row),
            *drops,
            f"{row['cpu_cores']:.2f}",
            f"{row['memory_mb_per_pod']:.0f}",
            f"{row['memory_mb_per_camera']:.0f}",
            *([] if usd is None else [f"{usd:.2f}"]),
        )
    return table


def _table(title: str, heads: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE, padding=(0, 0, 0, 1))
    table.add_column("topology", no_wrap=True, vertical="bottom")
    for head in ("pods", "cams", *heads):
        table.add_column(head, justify="right", no_wrap=True)
    return table


def _which(row: RowShape) -> tuple[str, str, str]:
    return row["topology"], str(row["pods"]), str(row["cameras"])


def _ms(value: float, decimals: int = 1) -> str:
    """So many decimals, fewer of a large number: it must fit."""
    return f"{value:.{decimals if value < 100 else 0 if value >= 1000 else 1}f}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
