"""How latency is distributed: a hill for each row over a logarithmic axis, from the raw histograms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from camslice.fleet.histogram import BINS, GROWTH, LOWEST_MS
from camslice.measure.bench.report_html import svg
from camslice.measure.bench.report_html.layout import LABELS, WIDTH, labels, lanes, latency, name_of
from camslice.measure.bench.report_html.scales import Logarithmic
from camslice.measure.bench.shapes import HistogramShape, RowShape

_FIGURES = 170.0
_LANE = 44.0
_HILL = 36.0
_SMOOTHING_BINS = 2.0
"""Standard deviation of the smoothing: a bin is 2 % wide."""
_STEP = 3.0


def distributions(rows: Sequence[RowShape]) -> str:
    """A lane per row: the hill of its latencies, marks at p50, p95 and p99 of all frames, the objective as a line."""
    objective_ms = rows[0]["objective"]["latency_ms"]
    scale = _scale(rows, objective_ms)
    edges, bottom = lanes(rows, 22.0, _LANE)
    parts = [_axis(scale, bottom), labels(rows, edges, _LANE)]
    parts += [_lane(row, scale, edge) for row, edge in zip(rows, edges, strict=True)]
    if scale.lowest < objective_ms < scale.highest:
        x = scale.at(objective_ms)
        parts += [svg.line(x, 16, x, bottom, "objective"), svg.text(f"objective {objective_ms:g} ms", x, 11, "axis", "middle")]
    return svg.drawing(WIDTH, bottom + 40, "distribution of latency of each row", *parts)


def _lane(row: RowShape, scale: Logarithmic, top: float) -> str:
    floor = top + _LANE - 3
    heights = _hill(row["histograms"]["total"], scale)
    points = [(scale.left + index * _STEP, floor - _HILL * height) for index, height in enumerate(heights)]
    percentiles = {"p50": row["p50_all_ms"], "p95": row["p95_all_ms"], "p99": row["p99_all_ms"]}
    parts = [svg.line(scale.left, floor, scale.right, floor, "grid"), svg.area(points, floor, f"hill {row['topology']}")]
    for percentile, value_ms in percentiles.items():
        if value_ms is not None:
            x, height = scale.at(value_ms), _HILL if percentile == "p50" else _HILL / 2
            parts.append(svg.line(x, floor - height, x, floor, f"percentile {percentile}"))
    p50, p95, p99 = map(latency, percentiles.values())
    parts.append(svg.text(f"p50 {p50}", WIDTH, top + 12, "figure", "end"))
    parts.append(svg.text(f"p95 {p95}   p99 {p99}", WIDTH, top + 26, "mark", "end"))
    if row["objective"]["drop_rate"]:
        parts.append(svg.text(f"{row['objective']['drop_rate']:.1%} dropped", WIDTH, top + 40, "bad", "end"))
    return svg.element("g", svg.element("title", f"{row['topology']}, {name_of(row)}"), *parts)


def _hill(histogram: HistogramShape, scale: Logarithmic) -> npt.NDArray[np.float64]:
    """The density at every step of the axis, its top at 1."""
    counts = np.zeros(BINS)
    for where, count in histogram["bins"]:
        counts[where] = count
    reach = np.arange(-4 * _SMOOTHING_BINS, 4 * _SMOOTHING_BINS + 1)
    smooth = np.convolve(counts, np.exp(-((reach / _SMOOTHING_BINS) ** 2) / 2), "same")
    middles_ms = LOWEST_MS * GROWTH ** (np.arange(BINS) + 0.5)
    steps_ms = [scale.value(scale.left + index * _STEP) for index in range(int((scale.right - scale.left) / _STEP) + 1)]
    heights: npt.NDArray[np.float64] = np.interp(np.log(steps_ms), np.log(middles_ms), smooth / max(float(smooth.max()), 1e-9))
    return heights


def _scale(rows: Sequence[RowShape], objective_ms: float) -> Logarithmic:
    """From below the fastest frame to beyond the slowest; the objective too when it is not far off."""
    first_bin = min(row["histograms"]["total"]["bins"][0][0] for row in rows)
    lowest = LOWEST_MS * GROWTH**first_bin * 0.8
    highest = max(row["stages"]["total"]["max"] for row in rows) * 1.2
    if highest < objective_ms < 20 * highest:
        highest = objective_ms * 1.15
    return Logarithmic(lowest, max(highest, 2 * lowest), LABELS, WIDTH - _FIGURES)


def _axis(scale: Logarithmic, bottom: float) -> str:
    marks = [
        svg.line(scale.at(mark), 22, scale.at(mark), bottom + 4, "grid")
        + svg.text(f"{mark:g}", scale.at(mark), bottom + 18, "mark", "middle")
        for mark in scale.marks()
    ]
    words = "ms from the instant a frame is due, equal ratios at equal distances"
    return "".join([*marks, svg.text(words, (scale.left + scale.right) / 2, bottom + 36, "axis", "middle")])
