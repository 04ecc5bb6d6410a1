"""Where the time goes: the mean of each stage, one after the other, for every row."""

from __future__ import annotations

from collections.abc import Sequence

from camslice.fleet.stages import STAGES
from camslice.measure.bench.report_html import svg
from camslice.measure.bench.report_html.layout import LABELS, LANE, WIDTH, labels, lanes, name_of, number
from camslice.measure.bench.report_html.scales import Linear
from camslice.measure.bench.shapes import RowShape

_TOTALS = 110.0
_BAR = 18.0
_ROOM_FOR_A_NUMBER = 40.0


def stage_bars(rows: Sequence[RowShape]) -> str:
    """A bar per row, as long as its mean latency, cut into stages."""
    scale = Linear(max(row["stages"]["total"]["mean"] for row in rows), LABELS, WIDTH - _TOTALS)
    edges, bottom = lanes(rows, 4.0)
    parts = [_axis(scale, bottom), labels(rows, edges)]
    for row, edge in zip(rows, edges, strict=True):
        parts.append(_bar(row, scale, edge + (LANE - _BAR) / 2))
    return svg.drawing(WIDTH, bottom + 40, "mean latency of each row, cut into stages", *parts)


def stages_shown(rows: Sequence[RowShape]) -> list[str]:
    """The stages that took part anywhere, in the order of a frame's life: what the legend lists."""
    return [name for name in STAGES if any(name in row["stages"] for row in rows)]


def _bar(row: RowShape, scale: Linear, y: float) -> str:
    parts = []
    passed_ms = 0.0
    for name in stages_shown([row]):
        mean_ms = row["stages"][name]["mean"]
        left, right = scale.at(passed_ms), scale.at(passed_ms + mean_ms)
        tip = f"{row['topology']}, {name_of(row)}: {name} {number(mean_ms)} ms"
        parts.append(svg.rectangle(left, y, right - left, _BAR, f"stage-{name}", tip))
        if right - left >= _ROOM_FOR_A_NUMBER:
            parts.append(svg.text(number(mean_ms), (left + right) / 2, y + _BAR - 5, "on-bar", "middle"))
        passed_ms += mean_ms
    total = row["stages"]["total"]
    parts.append(svg.text(f"{number(total['mean'])} ms", scale.at(passed_ms) + 8, y + _BAR - 5, "figure"))
    return "".join(parts)


def _axis(scale: Linear, bottom: float) -> str:
    marks = [
        svg.line(scale.at(mark), 0, scale.at(mark), bottom + 4, "grid")
        + svg.text(f"{mark:g}", scale.at(mark), bottom + 18, "mark", "middle")
        for mark in scale.marks()
    ]
    middle = (scale.left + scale.right) / 2
    return "".join([*marks, svg.text("mean, ms from the instant a frame is due", middle, bottom + 36, "axis", "middle")])
