"""`camslice demo`: a small fleet on real video, with whatever model and clip this machine can get."""

from __future__ import annotations

from typing import Annotated

import typer


def demo(
    cameras: Annotated[int, typer.Option(help="cameras to run", min=1, max=512)] = 8,
    seconds: Annotated[float, typer.Option(help="how long to run them", min=1)] = 30.0,
    no_page: Annotated[bool, typer.Option("--no-page", help="serve no page")] = False,
    listen: Annotated[str, typer.Option(help="where the page is served; port 0 takes a free one", metavar="HOST:PORT")] = (
        "127.0.0.1:0"
    ),
    accept_licence: Annotated[
        list[str] | None, typer.Option(help="accept this licence for a model that has to be fetched", metavar="SPDX")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Fetch a model and a clip, find the highest rate this machine sustains, run a small fleet, print the table.

    Exit code 0 when the fleet ran, whether or not its objective was met (the table says).
    """
    from camslice.cli.demo_run import run_demo

    raise typer.Exit(
        run_demo(
            cameras,
            seconds,
            listen=None if no_page else listen,
            accept_licence=frozenset(accept_licence or ()),
            as_json=as_json,
        )
    )
