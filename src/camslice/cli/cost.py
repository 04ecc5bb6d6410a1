"""`camslice cost --instance-type I --cameras N`: the dollars, line by line."""

from __future__ import annotations

from typing import Annotated

import typer

from camslice.cli.catalogue_options import AcceptOldSpot, CatalogueFile, HoursPerMonth
from camslice.cli.options import AsJson


def cost(
    instance_type: Annotated[str, typer.Option(help="of the nodes, a name of `camslice catalogue list`")],
    cameras: Annotated[int, typer.Option(help="that the nodes carry together", min=1)],
    nodes: Annotated[int, typer.Option(help="of this type", min=1)] = 1,
    region: Annotated[str, typer.Option(help="whose prices count")] = "us-east-1",
    purchase: Annotated[str, typer.Option(help="on_demand, reserved, spot or owned")] = "on_demand",
    full: Annotated[bool, typer.Option("--full", help="count everything, not the nodes alone")] = False,
    ingest: Annotated[str, typer.Option(help="how the video comes in: direct, nat or vpn")] = "direct",
    kbps: Annotated[float | None, typer.Option(help="kilobits per second that a camera sends", min=0)] = None,
    disk_gb: Annotated[float, typer.Option(help="disk of each node", min=0)] = 20.0,
    system_nodes: Annotated[int, typer.Option(help="nodes more, for what runs once in a cluster", min=0)] = 0,
    system_instance_type: Annotated[str | None, typer.Option(help="of those nodes")] = None,
    hours_per_month: HoursPerMonth = 730.0,
    catalogue: CatalogueFile = None,
    accept_old_spot: AcceptOldSpot = False,
    as_json: AsJson = False,
) -> None:
    """Say what nodes cost per camera and month: the nodes alone, and with everything that comes with them.

    Everything: a disk for each node, the cluster's control plane, nodes for the system, the way of the video. Without --full
    the nodes alone are what counts; both figures are always shown. Whether the nodes can carry so many cameras is not asked
    here: `camslice plan` says that.
    """
    from camslice.cli.cost_run import Asked, run_cost

    run_cost(
        Asked(
            instance_type, cameras, nodes, region, purchase, ingest, kbps, disk_gb, system_nodes, system_instance_type,
            hours_per_month, accept_old_spot, full,
        ),
        catalogue,
        as_json=as_json,
    )  # fmt: skip
