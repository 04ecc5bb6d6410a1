"""`camslice verify PLAN`: live latency and dollars against the plan, each difference with its cause."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from camslice.cli.options import AsJson


def verify(
    plan: Annotated[Path, typer.Argument(help="the plan that runs", metavar="PLAN")],
    prometheus: Annotated[
        str | None, typer.Option(help="the Prometheus server that scrapes the pods or the page", metavar="URL")
    ] = None,
    page: Annotated[str | None, typer.Option(help="the page of a `camslice run` instead of a cluster", metavar="URL")] = None,
    window: Annotated[str, typer.Option(help="how far back Prometheus is asked, such as 10m", metavar="DURATION")] = "10m",
    seconds: Annotated[
        float, typer.Option(help="how long pods or a page are watched where there is no Prometheus", min=1.0, max=3600.0)
    ] = 30.0,
    match: Annotated[
        str | None, typer.Option(help="""label matchers of the series, such as 'job="camslice"'; else the fleet's name""")
    ] = None,
    tolerance: Annotated[float, typer.Option(help="how much worse than planned is still as planned", min=0.0)] = 0.25,
    refit: Annotated[
        Path | None,
        typer.Option(help="write a profile with costs fitted to the live stages, for `plan --profile`", metavar="P"),
    ] = None,
    store: Annotated[
        str | None, typer.Option(help="the fleet's store, for the picture sizes that cameras really send", metavar="URL")
    ] = None,
    fleet: Annotated[Path | None, typer.Option(help="the fleet file, if it no longer lies where the plan says")] = None,
    name: Annotated[str | None, typer.Option(help="of the CameraFleet; the fleet file's when left out")] = None,
    namespace: Annotated[str | None, typer.Option(help="where the fleet runs; else that of the kubeconfig")] = None,
    kubeconfig: Annotated[
        Path | None, typer.Option(help="how to reach the cluster; else our own pod's, else KUBECONFIG", metavar="FILE")
    ] = None,
    context: Annotated[str | None, typer.Option(help="of the kubeconfig; else the one in use")] = None,
    catalogue: Annotated[Path | None, typer.Option(help="instance types, as they were planned with", metavar="FILE")] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="file with the token of the page or of the pods (else CAMSLICE_TOKEN)", metavar="FILE")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare what is live with what was planned: streams, rates, nodes, latency, stages, drops, policies, recall, dollars.

    Live figures come from Prometheus, or without one from the pods themselves through the API server, or from the page of one
    machine. A latency has drifted when it is later than planned by more than the tolerance, and by more than 2 % of the
    latency objective.

    Exit code 0: the objective is met, and nothing has drifted. 1: it is not, or something has, and the output says what and
    why. 2: bad input, or nobody to ask.
    """
    from camslice.cli.verify_run import Asked, run_verify

    asked = Asked(
        plan, prometheus, page, window, seconds, match, tolerance, refit, store, fleet, name, namespace, kubeconfig, context,
        catalogue, token_file,
    )  # fmt: skip
    raise typer.Exit(0 if run_verify(asked, as_json=as_json) else 1)
