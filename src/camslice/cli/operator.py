"""`camslice operator`: keeps the CameraFleets of a namespace running."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def operator(
    namespace: Annotated[str | None, typer.Option(help="whose fleets; that of our own pod or context when left out")] = None,
    lease: Annotated[
        str, typer.Option(help="the Lease that only one operator holds at a time; none: act without one")
    ] = "camslice-operator",
    listen: Annotated[
        str, typer.Option(help="where /healthz and /metrics are, or none", metavar="HOST:PORT")
    ] = "127.0.0.1:8081",
    token_file: Annotated[
        Path | None, typer.Option(help="file with the token of camera pods (else CAMSLICE_TOKEN)", metavar="FILE")
    ] = None,
    poll: Annotated[float, typer.Option(help="seconds between asking pods how their streams are; 0: never", min=0)] = 5.0,
    compact_after: Annotated[
        float, typer.Option(help="seconds without a change before cameras are moved to empty a node", min=0)
    ] = 120.0,
    lost_after: Annotated[float, typer.Option(help="seconds after which a silent node counts as lost", min=0)] = 40.0,
    prometheus: Annotated[
        str | None, typer.Option(help="address by which KEDA scales engine servers of topology remote", metavar="URL")
    ] = None,
    engines_down_after: Annotated[
        float, typer.Option(help="seconds for which an engine server must have been needless before KEDA takes it away", min=0)
    ] = 300.0,
    kubeconfig: Annotated[Path | None, typer.Option(help="a kubeconfig file", metavar="FILE")] = None,
    context: Annotated[str | None, typer.Option(help="a context of it")] = None,
) -> None:
    """Keep the CameraFleets of a namespace running until stopped. Usually the chart starts it.

    Exit code 0: stopped by SIGTERM. 1: the lease was lost. 2: bad input, or the cluster cannot be asked. 130: Ctrl-C.
    """
    from camslice.cli.operator_run import Asked, run_operator

    scaling = (prometheus, engines_down_after)
    asked = Asked(namespace, lease, listen, token_file, poll, compact_after, lost_after, *scaling, kubeconfig, context)
    raise typer.Exit(run_operator(asked))
