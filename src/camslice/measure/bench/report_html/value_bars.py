"""One figure of every row as bars: frames per second, memory, dollars."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from camslice.measure.bench.report_html import svg
from camslice.measure.bench.report_html.layout import LABELS, LANE, WIDTH, labels, lanes, name_of, number
from camslice.measure.bench.report_html.scales import Linear
from camslice.measure.bench.shapes import RowShape

_FIGURES = 130.0
_BAR = 16.0


def value_bars(
    rows: Sequence[RowShape],
    what: str,
    value_of: Callable[[RowShape], float],
    spread_of: Callable[[RowShape], tuple[float, float] | None] = lambda _: None,
    written: Callable[[float], str] = number,
) -> str:
    """A bar per row, with its value as `written`. `spread_of` gives the lowest and the highest of its rounds, drawn as a line
    across the bar's end."""
    spreads = [spread_of(row) for row in rows]
    highest = max([value_of(row) for row in rows] + [spread[1] for spread in spreads if spread], default=0.0)
    scale = Linear(highest or 1.0, LABELS, WIDTH - _FIGURES)
    edges, bottom = lanes(rows, 4.0)
    parts = [svg.line(scale.left, 0, scale.left, bottom, "grid"), labels(rows, edges)]
    for row, edge, spread in zip(rows, edges, spreads, strict=True):
        value, y = value_of(row), edge + (LANE - _BAR) / 2
        tip = f"{row['topology']}, {name_of(row)}: {written(value)} {what}"
        end = scale.at(value)
        parts.append(svg.rectangle(scale.left, y, end - scale.left, _BAR, row["topology"], tip))
        words = written(value)
        if spread is not None:
            parts.append(svg.line(scale.at(spread[0]), y + _BAR / 2, scale.at(spread[1]), y + _BAR / 2, "spread"))
            words += f"  ({written(spread[0])} to {written(spread[1])})"
            end = max(end, scale.at(spread[1]))
        parts.append(svg.text(words, end + 8, y + _BAR - 4, "figure"))
    return svg.drawing(WIDTH, bottom + 6, what, *parts)
