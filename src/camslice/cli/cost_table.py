"""Costs as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from camslice.cli.output import stdout

if TYPE_CHECKING:
    from camslice.cli.cost_run import Answer


def print_cost(answer: Answer) -> None:
    """Print the lines, both figures, which of them counts, and what else to know."""
    lines, cameras = answer.lines, answer.asked.cameras
    table = Table(title=f"{cameras} camera{'s' if cameras > 1 else ''}, {answer.asked.hours_per_month:g} hours")
    table.add_column("what")
    table.add_column("$ a month", justify="right")
    table.add_column("$ per camera", justify="right")
    for line in lines.nodes:
        table.add_row(line.what, f"{line.usd_per_month:.2f}", "")
    table.add_row("the nodes alone", f"{lines.usd_per_month_nodes_only:.2f}", _money(lines.usd_per_camera_month_nodes_only))
    table.add_section()
    for line in lines.rest:
        table.add_row(line.what, f"{line.usd_per_month:.2f}", "")
    table.add_row("everything", f"{lines.usd_per_month:.2f}", _money(lines.usd_per_camera_month))
    out = stdout()
    out.print(table)
    counted = "everything" if answer.asked.full else "the nodes alone; --full counts everything"
    out.print(f"{_money(answer.usd_per_camera_month)} $ per camera and month, counting {counted}", soft_wrap=True)
    out.print(f"price: {answer.price.dated or 'without a date'}, {answer.price.source}", soft_wrap=True)
    if answer.blind is not None:
        out.print(f"spot: {answer.blind.words}", soft_wrap=True)
    for each in answer.published:
        where = "above" if each.gap > 0 else "below"
        out.print(
            f"published ({each.deployment}): {_money(each.usd_per_camera_month)} $, {abs(each.gap):.1%} {where} the nodes "
            f"alone at list price (profile {each.profile})",
            soft_wrap=True,
        )


def _money(usd: float) -> str:
    return f"{usd:.2f}"
