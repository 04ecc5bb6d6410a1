"""`camslice doctor [FLEET]`: what this machine has and lacks, each with the fix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from camslice.cluster.checks import Needs
    from camslice.measure.checks import Check


def doctor(
    fleet: Annotated[Path | None, typer.Argument(help="fleet.yaml, to see what it will take here", metavar="[FLEET]")] = None,
    cluster: Annotated[bool, typer.Option("--cluster", help="look at the cluster, too: connects to it")] = False,
    kubeconfig: Annotated[
        Path | None, typer.Option(help="how to reach the cluster, and look at it; else KUBECONFIG", metavar="FILE")
    ] = None,
    context: Annotated[str | None, typer.Option(help="of the kubeconfig, and look at that cluster")] = None,
    namespace: Annotated[str | None, typer.Option(help="where fleets are to run; else that of the kubeconfig")] = None,
    plan: Annotated[
        Path | None, typer.Option(help="a plan to be deployed: asks AWS, too, for its quotas and zones", metavar="PLAN")
    ] = None,
    catalogue: Annotated[Path | None, typer.Option(help="instance types, as they were planned with", metavar="FILE")] = None,
    cluster_name: Annotated[str, typer.Option(help="of the EKS cluster; its subnets are found by it")] = "camslice",
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Say what this machine has and lacks, each with the fix; with a fleet, what it will take, too.

    It opens no connection, but with --cluster (or --kubeconfig, --context) to a cluster's API server: what that has and lacks
    for a fleet; and with --plan to AWS, where credentials are found: whether the account's quotas of vCPUs and the zones of the
    cluster's subnets let it rent what the plan counts with.

    Exit code 0: all is well. 1: something is not, and the output says what to do.
    """
    from camslice.cli.doctor_plan import look_at_plan
    from camslice.cli.output import print_json
    from camslice.fleet.spec import load_fleet
    from camslice.measure.doctor import examine
    from camslice.measure.machine import fingerprint

    checks = examine(None if fleet is None else load_fleet(fleet))
    needs = None
    if plan is not None:
        looked = look_at_plan(plan, catalogue, cluster_name)
        checks, needs = checks + looked.checks, looked.needs
    if cluster or kubeconfig is not None or context is not None:
        checks = [check for check in checks if check.name != "cluster"] + _of_cluster(kubeconfig, context, namespace, needs)
    if as_json:
        print_json({"checks": [asdict(check) for check in checks], "machine": fingerprint()})
    else:
        _print(checks)
    raise typer.Exit(0 if all(check.ok for check in checks) else 1)


def _of_cluster(kubeconfig: Path | None, context: str | None, namespace: str | None, needs: Needs | None) -> list[Check]:
    """What the cluster has and lacks: for a plan's needs, else for those of most. One that cannot even be asked is a finding,
    too."""
    from camslice.cluster.checks import Needs, examine_cluster
    from camslice.cluster.client import connect
    from camslice.measure.checks import checked

    found: list[Check] = []

    def first() -> Check:
        with connect(kubeconfig, context, namespace) as reached:
            wanted = needs or Needs(shares_accelerators=True, overlays=True)
            found.extend(finding.check for finding in examine_cluster(reached, reached.namespace, wanted))
        return found.pop(0)

    return [*checked([("cluster", first)]), *found]


def _print(checks: Sequence[Check]) -> None:
    from rich.table import Table
    from rich.text import Text

    from camslice.cli.output import stdout

    table = Table(box=None, pad_edge=False, show_header=False)
    for check in checks:
        mark = Text("ok", style="green") if check.ok else Text("lacks", style="bold red")
        finding = Text(check.detail)
        if check.fix:
            finding.append(f"\n{check.fix}", style="bold")
        table.add_row(mark, check.name, finding)
    stdout().print(table)
    lacking = [check.name for check in checks if not check.ok]
    stdout().print(f"{len(lacking)} to be put right: {', '.join(lacking)}" if lacking else "All is well.")
