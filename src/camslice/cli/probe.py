"""`camslice probe FLEET`: what each camera sends, as plans need it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from camslice.cli.options import AsJson


def probe(
    fleet: Annotated[Path, typer.Argument(help="a fleet file", metavar="FLEET")],
    write: Annotated[
        bool, typer.Option("--write", help="put it into the fleet file, where a camera says nothing of its stream")
    ] = False,
    seconds: Annotated[float, typer.Option(help="how long a live camera is watched", min=0.5, max=60)] = 5.0,
    as_json: AsJson = False,
) -> None:
    """Open each camera's source and say what it sends: picture size, frames per second, codec, kilobits per second.

    Prints what to write into the fleet file; with --write it is put there, and everything else in the file stays as it is.

    Exit code 0: every camera was found. 1: some were not; the output says why. 2: bad input.
    """
    from camslice.cli.probe_run import run_probe

    run_probe(fleet, seconds, write=write, as_json=as_json)
