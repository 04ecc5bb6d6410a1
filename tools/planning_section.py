"""The part of the page of recorded benchmarks that is about whole plans."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from markdown_table import table


def planning(result: Mapping[str, Any]) -> Iterator[str]:
    """`result`: what benchmarks/planning.py wrote."""
    yield "## A whole plan: cold, and with simulations remembered\n"
    yield (
        "From a fleet, profiles and a catalogue to `plan.yaml`, with every node that is rented simulated. `case-study`: YOLOv8 "
        "at 4 frames/s on g4dn, each topology alone and all of them. `synthetic`: 8 invented models at 5 rates on all instance "
        "types, of invented profiles. Cold: nothing is remembered, the compiled simulator is loaded "
        "(`benchmarks/planning.py`).\n"
    )
    yield table(
        ("fleet", "topologies", "nodes", "shapes", "above the bound", "simulations", "cold, s", "remembered, s", "MB"),
        [_row(name, row) for name, row in result["plans"].items()],
    )


def _row(name: str, row: Mapping[str, Any]) -> tuple[str, ...]:
    kind, cameras, topologies = name.split("/")
    return (
        f"{kind}, {int(cameras):,} cameras",
        topologies,
        f"{row['nodes']:,}",
        str(row["shapes"]),
        f"{row['gap']:.2%}",
        str(row["simulations"]),
        f"{row['cold_s']['median']:.2f}",
        f"{row['remembered_s']['median']:.2f}",
        f"{row['peak_memory_mb']:.0f}",
    )
