"""`camslice plan FLEET`: the cheapest fleet of nodes that keeps the objective, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from camslice.cli.options import AsJson


def plan(
    fleet: Annotated[Path, typer.Argument(help="the fleet file; its cameras say what they send (`stream`)", metavar="FLEET")],
    profile: Annotated[
        list[str] | None,
        typer.Option(help="a profile: a file of `camslice profile`, or the name of one that comes along", metavar="PROFILE"),
    ] = None,
    catalogue: Annotated[
        Path | None, typer.Option(help="instance types and prices, CSV or YAML; else camslice's own of AWS", metavar="FILE")
    ] = None,
    budget: Annotated[float | None, typer.Option(help="US dollars that all may cost in a month", min=0)] = None,
    out: Annotated[Path | None, typer.Option(help="where the plan is written", metavar="FILE")] = None,
    plot: Annotated[Path | None, typer.Option(help="cost against latency, as .svg, .png or .html", metavar="FILE")] = None,
    keep: Annotated[
        Path | None, typer.Option(help="a plan that stands already: its nodes stay, and as few streams as possible move")
    ] = None,
    nodes_only: Annotated[bool, typer.Option("--nodes-only", help="count nothing but the nodes")] = False,
    accept_old_spot: Annotated[bool, typer.Option("--accept-old-spot", help="take spot prices of any date")] = False,
    hours_per_month: Annotated[float, typer.Option(help="hours that a month has", min=1, max=744)] = 730.0,
    seed: Annotated[int, typer.Option(help="of the simulations", min=0)] = 1,
    as_json: AsJson = False,
) -> None:
    """Find the cheapest fleet that keeps the objective, simulate it, and say why everything else was not chosen.

    Rests on the fleet file, profiles and a catalogue alone; nothing is measured and nothing is rented.

    Exit code 0: there is a plan. 1: there is none, or it costs more than is allowed; the output says what would have to give.
    2: bad input.
    """
    from camslice.cli.plan_run import Asked, run_plan

    asked = Asked(
        fleet, tuple(profile or ()), catalogue, budget, out, plot, keep, nodes_only, accept_old_spot, hours_per_month, seed
    )
    if not run_plan(asked, as_json=as_json):
        raise typer.Exit(1)
