"""The optimiser's part of the page of recorded benchmarks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from markdown_table import table


def optimiser(result: Mapping[str, Any]) -> Iterator[str]:
    """`result`: what benchmarks/optimiser.py wrote."""
    yield "## The cheapest nodes: time, and distance from the bound\n"
    yield (
        f"Synthetic fleets: {result['classes']} classes (8 invented models, 5 rates) on {result['options']:,} ways to have a "
        f"node of {result['instance_types']} real instance types. From filled tables, warm; for {len(result['seeds'])} fleets "
        f"of each size, the larger ones {result['rounds']} times. Beside the optimiser plain first fit decreasing, and the "
        "textbook's integer programme (streams to nodes, a type for each node) on a few of the options, for longer than the "
        "optimiser took (`benchmarks/optimiser.py`; [how it works](../design/optimiser.md)).\n"
    )
    yield table(
        (
            "cameras",
            "seconds, min / median / max",
            "nodes",
            "shapes",
            "above the bound",
            "first fit / ours",
            "programme / ours",
            "MB",
        ),
        [_large(cameras, row) for cameras, row in result["large"].items()],
    )
    yield table(
        ("cameras", "seconds, min / median / max", "nodes", "proven optimal", "above the bound, at most"),
        [_small(cameras, row) for cameras, row in result["small"].items()],
    )


def _large(cameras: str, row: Mapping[str, Any]) -> tuple[str, ...]:
    ratios = ["nothing found" if ratio is None else f"{ratio:.3f}" for ratio in row["milp_over_ours"]]
    return (
        f"{int(cameras):,}",
        _seconds(row),
        ", ".join(map(str, row["nodes"])),
        ", ".join(map(str, row["shapes"])),
        ", ".join(f"{gap:.2%}" for gap in row["gap"]),
        "{min:.3f} / {median:.3f} / {max:.3f}".format(**row["first_fit_over_ours"]),
        ", ".join(dict.fromkeys(ratios)),
        f"{row['peak_memory_mb']:.0f}",
    )


def _small(cameras: str, row: Mapping[str, Any]) -> tuple[str, ...]:
    proven = f"{sum(row['optimal'])} of {len(row['optimal'])}"
    return (f"{int(cameras):,}", _seconds(row), ", ".join(map(str, row["nodes"])), proven, f"{max(row['gap']):.2%}")


def _seconds(row: Mapping[str, Any]) -> str:
    return "{min:.2f} / {median:.2f} / {max:.2f}".format(**row["seconds"])
