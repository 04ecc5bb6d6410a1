"""What `catalogue check` does: look at a catalogue's data and print what is wrong or odd."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import typer

from camslice.cli.catalogue_options import today
from camslice.cli.output import print_json, stdout
from camslice.plan.catalogue.checks import Finding, examine
from camslice.plan.catalogue.load import load_catalogue

FAULTS = 1


def run_check(path: Path | None, *, as_json: bool) -> None:
    """Print faults and remarks. Raises typer.Exit(1) if there is a fault, CatalogueError if it cannot be read."""
    catalogue = load_catalogue(path)
    findings = examine(catalogue, today(), reference=path is None)
    if as_json:
        print_json(
            {
                "origin": catalogue.origin,
                "instance_types": len(catalogue),
                "faults": [asdict(each) for each in findings.faults],
                "remarks": [asdict(each) for each in findings.remarks],
            }
        )
    else:
        _print("fault", findings.faults)
        _print("remark", findings.remarks)
        counts = f"{len(findings.faults)} faults, {len(findings.remarks)} remarks"
        stdout().print(f"{catalogue.origin}: {len(catalogue)} instance types, {counts}", soft_wrap=True)
    if findings.faults:
        raise typer.Exit(FAULTS)


def _print(kind: str, findings: Iterable[Finding]) -> None:
    for each in findings:
        name = f"{each.instance_type}: " if each.instance_type else ""
        stdout().print(f"{kind}: {name}{each.what}", soft_wrap=True)
