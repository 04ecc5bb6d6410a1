"""A fit as people read it: the rows, the parameters, and what cannot be known from them."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from camslice.cli.output import stdout
from camslice.plan.fitting.fit import Fit, FittedRow
from camslice.plan.fitting.task import TOTAL_TOLERANCE


def print_fit(found: Fit, left_out: Sequence[tuple[FittedRow, tuple[str, ...]]] | None) -> None:
    """Print it. `left_out`: each row predicted from the others, with what those do not pin down."""
    out = stdout()
    rows = found.rows if left_out is None else [row for row, _ in left_out]
    out.print(_rows(rows, "each row from all the others" if left_out is not None else None))
    for row in rows:
        if row.reason is not None:
            out.print(f"{row.row.pods} pods: not predicted: {row.reason}")
    out.print(_parameters(found))
    out.print(
        f"{found.figures} independent figures, {len(found.parameters)} free parameters; ranges are over {len(found.sets)} sets "
        f"that explain every mean used within {TOTAL_TOLERANCE:.1%}"
    )
    if found.unidentified:
        out.print(f"not identified by these rows: {', '.join(found.unidentified)}")


def _rows(rows: Sequence[FittedRow], title: str | None) -> Table:
    table = Table(title=title)
    for name in ("pods", "vCPU", "measured ms", "predicted ms", "range ms", "error", "used"):
        table.add_column(name, justify="right")
    for each in rows:
        table.add_row(
            str(each.row.pods),
            "" if each.row.cores is None else f"{each.row.cores:g}",
            f"{each.row.mean_ms:g}",
            "-" if each.predicted_ms is None else f"{each.predicted_ms:.1f}{_split(each)}",
            "-" if each.range_ms is None else f"{each.range_ms[0]:.1f} to {each.range_ms[1]:.1f}",
            "-" if each.error is None else f"{each.error:+.1%}",
            "yes" if each.used else "no",
        )
    return table


def _split(of: FittedRow) -> str:
    """The stages, where the table has them."""
    if of.predicted is None or len(of.row.stage_ms) < 2 or len(of.predicted.stage_ms) < 2:
        return ""
    return f" ({' / '.join(f'{value:.1f}' for value in of.predicted.stage_ms.values())})"


def _parameters(found: Fit) -> Table:
    table = Table(title="parameters")
    for name in ("parameter", "value", "range", "share of what was thought possible"):
        table.add_column(name, justify="left" if name == "parameter" else "right")
    for each in found.parameters:
        table.add_row(each.name, f"{each.value:.3g}", f"{each.low:.3g} to {each.high:.3g}", f"{each.spans:.0%}")
    return table
