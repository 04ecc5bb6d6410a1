"""How every benchmark writes down what it measured: figures, machine, versions, date, and a picture beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from camslice.measure.machine import fingerprint

RESULTS = Path(__file__).parent / "results"


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


def spread(values: Sequence[float]) -> dict[str, float]:
    """Minimum, median and maximum."""
    return {"min": round(min(values), 4), "median": round(median(values), 4), "max": round(max(values), 4)}
