"""`camslice run FLEET`: analyse the fleet until stopped, then print what became of every frame."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def run(
    fleet: Annotated[Path, typer.Argument(help="fleet.yaml: objective, models, cameras", metavar="FLEET")],
    duration: Annotated[float | None, typer.Option(help="stop after so many seconds", metavar="S", min=0.1)] = None,
    listen: Annotated[str, typer.Option(help="where the page is served", metavar="HOST:PORT")] = "127.0.0.1:8080",
    no_page: Annotated[bool, typer.Option("--no-page", help="serve no page, no API and no metrics")] = False,
    store: Annotated[
        str | None,
        typer.Option(help="where results are kept: a SQLAlchemy URL, or `none`; overrides the file's", metavar="URL"),
    ] = None,
    drain: Annotated[
        float,
        typer.Option(
            envvar="CAMSLICE_DRAIN_S",
            help="after SIGTERM go on until others analyse every stream, at most S seconds",
            metavar="S",
            min=0,
        ),
    ] = 0.0,
    token_file: Annotated[
        Path | None, typer.Option(help="file with the token that the page asks for (else CAMSLICE_TOKEN)", metavar="FILE")
    ] = None,
    accept_licence: Annotated[
        list[str] | None, typer.Option(help="accept this licence for models that have to be fetched", metavar="SPDX")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Analyse a fleet of cameras until it is stopped (Ctrl-C), and print what became of every frame.

    Exit code 0: the objective was met. 1: it was not, and the output says why. 2: bad input. 130: stopped by Ctrl-C.
    """
    from camslice.cli.fleet_file import FleetFile
    from camslice.cli.fleet_run import run_fleet

    raise typer.Exit(
        run_fleet(
            FleetFile(fleet, store),
            duration_s=duration,
            drain_s=drain,
            listen=None if no_page else listen,
            token_file=token_file,
            accept_licence=frozenset(accept_licence or ()),
            as_json=as_json,
        )
    )
