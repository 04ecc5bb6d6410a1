"""A plan as people read it: what to rent, what it costs, how late frames will be, and why nothing else."""

from __future__ import annotations

from collections import Counter

from rich.table import Table

from camslice.cli.output import stdout
from camslice.plan.answer import Answer
from camslice.plan.infeasible import sentence
from camslice.plan.plan import Plan, Rejected
from camslice.plan.planner import Question

_REASONS = 12


def print_answer(found: Answer, question: Question) -> None:
    """Print it."""
    out = stdout()
    plan = found.plan
    if plan is None:
        out.print("No plan: no fleet keeps the objective at any price.", style="bold red")
    else:
        for remark in plan.remarks:
            out.print(f"note: {remark}", style="yellow" if "rests on" in remark or "full frames" in remark else None)
        out.print(_nodes(plan))
        out.print(_cost(plan))
        out.print(_total(plan, question), style="bold" if plan.feasible else "bold red")
    if not found.feasible:
        out.print(sentence(found.ways_out))
    out.print(_rejected(found.rejected))
    if plan is not None and plan.frontier:
        out.print(_frontier(plan))


def _nodes(plan: Plan) -> Table:
    table = Table(title=f"nodes for {plan.cameras} cameras")
    for name in ("nodes", "topology", "each", "p50/95/99 ms", "range", "binds", "cpu/gpu"):
        table.add_column(name, justify="left" if name in ("nodes", "topology", "binds") else "right", no_wrap=True)
    for node in plan.nodes:
        latency, use, purchase = node.predicted.latency, node.utilisation, node.purchase.replace("_", " ")
        low, high = node.predicted.low_ms, node.predicted.high_ms
        table.add_row(
            f"{node.count} x {node.instance_type}" + ("" if purchase == "on demand" else f" ({purchase})"),
            node.topology,
            str(node.streams_per_node),
            "/".join(f"{each:.0f}" for each in (latency.p50, latency.p95, latency.p99)),
            "" if low is None and high is None else f"{_ms(low)}-{_ms(high)}",
            node.binding_constraint.replace("_", " "),
            f"{100 * use['cpu']:.0f}/{100 * use['accelerator']:.0f}",
        )
    for spare in plan.spares:
        table.add_row(f"{spare.count} x {spare.instance_type} (spare)", *[""] * 6)
    return table


def _ms(value: float | None) -> str:
    return "inf" if value is None else f"{value:.0f}"


def _cost(plan: Plan) -> Table:
    table = Table(title=f"cost of a month ({plan.hours_per_month:g} h)")
    table.add_column("what")
    table.add_column("$", justify="right")
    for line in plan.lines:
        table.add_row(line.what, f"{line.usd_per_month:,.2f}")
    return table


def _total(plan: Plan, question: Question) -> str:
    objective = question.fleet.objective.usd_per_camera_month
    asked = "" if objective is None else f" (objective: at most ${objective:.2f})"
    bound = (
        f"; nothing below ${plan.lower_bound_usd_per_month:,.2f} a month is possible" if not plan.optimal else ", the cheapest"
    )
    return (
        f"${plan.usd_per_camera_month:.2f} per camera and month{asked}, ${plan.usd_per_month:,.2f} in all{bound}; nodes alone "
        f"${plan.usd_per_camera_month_nodes_only:.2f}"
    )


def _rejected(rejected: tuple[Rejected, ...]) -> Table:
    """The closest ones by name, the many for which nothing is known by their number."""
    table = Table(title="not chosen")
    for name in ("instance type", "topology", "why"):
        table.add_column(name)
    known = [each for each in rejected if not _is_about_knowledge(each)]
    for each in sorted(known, key=_price)[:_REASONS]:
        table.add_row(each.instance_type, each.topology, each.reason)
    if len(known) > _REASONS:
        table.add_row(f"{len(known) - _REASONS} more", "", "see --json")
    for reason, count in Counter(_kind(each) for each in rejected if _is_about_knowledge(each)).most_common():
        table.add_row(f"{count} pairs", "", reason)
    return table


def _is_about_knowledge(rejected: Rejected) -> bool:
    return not rejected.reason.startswith(("dearer", "one stream", "its resources"))


def _kind(rejected: Rejected) -> str:
    return rejected.reason.split(" (")[0]


def _price(rejected: Rejected) -> tuple[float, str]:
    after = rejected.reason.partition("$")[2].split(" ")[0]
    return (float(after) if after else float("inf"), rejected.instance_type)


def _frontier(plan: Plan) -> Table:
    table = Table(title="cost against latency and recall (nothing is better in one and no worse in the others)")
    for name in ("$ per camera and month", "p95 ms", "recall", "policy", "instance type", "topology"):
        table.add_column(name, justify="right" if name.startswith(("$", "p95", "recall")) else "left")
    for point in plan.frontier:
        usd, p95, recall = f"{point.usd_per_camera_month:.2f}", f"{point.p95:.0f}", f"{point.recall:.3f}"
        table.add_row(usd, p95, recall, point.policy, point.instance_type, point.topology)
    return table
