"""Options that say which catalogue and which prices count, shared by the commands that use them."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

CatalogueFile = Annotated[
    Path | None,
    typer.Option("--catalogue", help="a catalogue of your own (CSV or YAML) instead of camslice's", metavar="FILE"),
]
AcceptOldSpot = Annotated[bool, typer.Option("--accept-old-spot", help="take spot prices older than 30 days, too")]
HoursPerMonth = Annotated[float, typer.Option("--hours-per-month", help="hours that a month has", min=1, max=800)]


def today() -> date:
    """The day on which prices are judged: UTC's, like every date in a catalogue."""
    from datetime import UTC, datetime

    return datetime.now(UTC).date()
