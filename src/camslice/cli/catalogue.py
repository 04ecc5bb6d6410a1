"""`camslice catalogue ...`: instance types and prices, with their dates and sources."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from camslice.cli.catalogue_options import CatalogueFile
from camslice.cli.options import AsJson

Types = Annotated[
    list[str] | None, typer.Option("--type", help="only types like this, such as 'g4dn.*' (may be repeated)", metavar="PATTERN")
]

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_types(
    types: Types = None,
    region: Annotated[str, typer.Option(help="whose prices are shown")] = "us-east-1",
    catalogue: CatalogueFile = None,
    as_json: AsJson = False,
) -> None:
    """Show instance types: processors, memory, accelerators, pod limits, prices with their dates and sources."""
    from camslice.cli.catalogue_json import catalogue_object
    from camslice.cli.catalogue_table import print_catalogue
    from camslice.cli.output import print_json
    from camslice.plan.catalogue.load import load_catalogue

    loaded = load_catalogue(catalogue)
    chosen = loaded.matching(types or ())
    if as_json:
        print_json(catalogue_object(loaded, chosen))
    else:
        print_catalogue(loaded, chosen, region)


@app.command()
def refresh(
    out: Annotated[Path, typer.Option(help="where the new catalogue is written", metavar="FILE.csv")],
    types: Types = None,
    region: Annotated[list[str] | None, typer.Option(help="whose prices are fetched (may be repeated); us-east-1")] = None,
    catalogue: CatalogueFile = None,
    as_json: AsJson = False,
) -> None:
    """Fetch facts and prices from AWS and write a catalogue, to be used with --catalogue. Never done by itself.

    Needs boto3 (the extra `aws`) and credentials that may read EC2's descriptions and the price list. Without --type the types
    of the catalogue at hand are fetched.
    """
    from camslice.cli.catalogue_refresh import run_refresh

    run_refresh(out, types or [], region or ["us-east-1"], catalogue, as_json=as_json)


@app.command()
def check(catalogue: CatalogueFile = None, as_json: AsJson = False) -> None:
    """Look for what cannot be: prices, dates, cores, sizes that cost less though they are larger.

    Exit code 0: no fault (there may be remarks). 1: faults, which are printed. 2: it cannot be read.
    """
    from camslice.cli.catalogue_check import run_check

    run_check(catalogue, as_json=as_json)
