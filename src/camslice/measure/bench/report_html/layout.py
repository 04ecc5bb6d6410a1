"""What the plots share: their width, the column of labels, and how a row is called."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from camslice.measure.bench.report_html import svg
from camslice.measure.bench.shapes import RowShape

WIDTH = 960.0
LABELS = 190.0
"""Where the plots begin, right of the rows' names."""
LANE = 28.0
GROUP_GAP = 14.0
NEVER = "never"
"""A percentile that falls among the frames that were lost."""


def name_of(row: RowShape) -> str:
    """What tells a row from others of its topology."""
    pods = f"{row['pods']} pod" if row["pods"] == 1 else f"{row['pods']} pods"
    return pods if row["cameras"] == row["pods"] else f"{pods}, {row['cameras']} cameras"


def lanes(rows: Sequence[RowShape], top: float, lane: float = LANE) -> tuple[list[float], float]:
    """The upper edge of each row's lane, topologies set apart, and where the last one ends."""
    edges, y = [], top
    for index, (_, group) in enumerate(groupby(rows, key=_topology)):
        y += GROUP_GAP if index else 0.0
        for _ in group:
            edges.append(y)
            y += lane
    return edges, y


def labels(rows: Sequence[RowShape], edges: Sequence[float], lane: float = LANE) -> str:
    """The name of each row left of its lane, with that of its topology where a group begins."""
    parts = []
    before = None
    for row, edge in zip(rows, edges, strict=True):
        y = edge + lane / 2 + 4
        if row["topology"] != before:
            parts.append(svg.text(row["topology"], 0, y, "topology"))
            before = row["topology"]
        parts.append(svg.text(name_of(row), LABELS - 12, y, "row", "end"))
    return "".join(parts)


def number(value: float) -> str:
    """Three significant digits, and no more of a number beyond a thousand."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value >= 0.01 else f"{value:.2g}"


def latency(value_ms: float | None) -> str:
    """As `number`, or that it never came."""
    return NEVER if value_ms is None else number(value_ms)


def _topology(row: RowShape) -> str:
    return row["topology"]
