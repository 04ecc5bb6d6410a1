"""How every benchmark writes down what it measured: figures, machine, versions, date, and a picture beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from camslice.measure.machine import fingerprint

RESULTS = Path(__file__).parent / "results"
PICTURES = Path(__file__).parents[1] / "docs" / "pictures"


def write_result(name: str, result: Mapping[str, object]) -> Path:
    """Write `result` with machine and date to results/NAME.json; figures are `measured`."""
    path = RESULTS / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    header = {
        "benchmark": name,
        "provenance": "measured",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": fingerprint(),
    }
    path.write_text(json.dumps({**header, **result}, indent=1) + "\n")
    return path


def draw_bars(name: str, values: Mapping[str, float], axis: str) -> Path:
    """Draw one bar per value to docs/pictures/NAME.svg, for the documentation."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    path = PICTURES / f"{name}.svg"
    mpl.rcParams["svg.hashsalt"] = name  # the same figures give the same file
    figure, axes = plt.subplots(figsize=(6.4, 0.7 + 0.6 * len(values)), layout="constrained")
    axes.bar_label(axes.barh(list(values), list(values.values()), color="#2f7f86"), fmt="%.1f", padding=3)
    axes.set_xlabel(axis)
    axes.margins(x=0.12)
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})
    return path


def spread(values: Sequence[float]) -> dict[str, float]:
    """Minimum, median and maximum."""
    return {"min": round(min(values), 4), "median": round(median(values), 4), "max": round(max(values), 4)}
