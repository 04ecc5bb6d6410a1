"""`camslice web`: the page and API of a cluster's fleet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def web(
    listen: Annotated[str, typer.Option(help="where the page is served", metavar="HOST:PORT")] = "127.0.0.1:8080",
    store: Annotated[
        str | None, typer.Option(help="the fleet's store, for what was seen lately: a SQLAlchemy URL", metavar="URL")
    ] = None,
    store_file: Annotated[
        Path | None, typer.Option(help="file with that URL, so that its password stands in no process list", metavar="FILE")
    ] = None,
    namespace: Annotated[
        str | None,
        typer.Option(help="where the fleet's objects are; else that of the kubeconfig or of our own pod", metavar="NS"),
    ] = None,
    fleet: Annotated[str | None, typer.Option(help="which CameraFleet, where there are several", metavar="NAME")] = None,
    kubeconfig: Annotated[
        Path | None, typer.Option(help="how to reach the cluster; else our own pod's, else KUBECONFIG", metavar="FILE")
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="file with the token that the page asks for (else CAMSLICE_TOKEN)", metavar="FILE")
    ] = None,
    pod_token_file: Annotated[
        Path | None, typer.Option(help="file with the token that the pods ask for; else that of the page", metavar="FILE")
    ] = None,
) -> None:
    """Serve the page of a cluster's fleet until stopped: its cameras, pods, pictures and conditions.

    It changes nothing: cameras are the cluster's objects. Needs the extra `cluster`, and `postgres` for --store.
    """
    from camslice.cli.web_run import run_web

    raise typer.Exit(
        run_web(
            listen=listen,
            store=store,
            store_file=store_file,
            namespace=namespace,
            fleet=fleet,
            kubeconfig=kubeconfig,
            token_file=token_file,
            pod_token_file=pod_token_file,
        )
    )
