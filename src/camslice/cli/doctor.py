"""`camslice doctor [FLEET]`: what this machine has and lacks, each with the fix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from camslice.measure.checks import Check


def doctor(
    fleet: Annotated[Path | None, typer.Argument(help="fleet.yaml, to see what it will take here", metavar="[FLEET]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Say what this machine has and lacks, each with the fix; with a fleet, what it will take, too.

    Exit code 0: all is well. 1: something is not, and the output says what to do.
    """
    from camslice.cli.output import print_json
    from camslice.fleet.spec import load_fleet
    from camslice.measure.doctor import examine
    from camslice.measure.machine import fingerprint

    checks = examine(None if fleet is None else load_fleet(fleet))
    if as_json:
        print_json({"checks": [asdict(check) for check in checks], "machine": fingerprint()})
    else:
        _print(checks)
    raise typer.Exit(0 if all(check.ok for check in checks) else 1)


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
