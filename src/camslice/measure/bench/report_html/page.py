"""The page itself: the plots, the figures, how they came to be, and the whole report as JSON for programs."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import jinja2
from markupsafe import Markup

from camslice.fleet.errors import CamsliceError
from camslice.fleet.stages import STAGES
from camslice.measure.bench.report_html.distributions import distributions
from camslice.measure.bench.report_html.layout import latency, name_of, number
from camslice.measure.bench.report_html.stage_bars import stage_bars, stages_shown
from camslice.measure.bench.report_html.value_bars import value_bars
from camslice.measure.bench.shapes import ReportShape, RowShape

_HEADS = dict(zip(STAGES, STAGES, strict=True)) | {
    "preprocess": "pre-process",
    "inference": "inference",
    "postprocess": "post-process",
}
"""Names of stages where they may break, for the heads of narrow columns."""


def require_place(path: Path) -> None:
    """Raise CamsliceError when no file can be written at `path`: better now than after an hour of measuring."""
    folder = path.absolute().parent
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        raise CamsliceError(f"--report {path}: cannot be written there; name a file in a folder that exists.")


def write_page(path: Path, report: ReportShape) -> None:
    """Write the page at `path`, whole or not at all: who opens it never sees half a page."""
    page = render(report)
    descriptor, written = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.absolute().parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(page)
        Path(written).chmod(0o644)
        Path(written).replace(path)
    except BaseException:
        Path(written).unlink(missing_ok=True)
        raise


def render(report: ReportShape) -> str:
    """The page as HTML. It needs no network and no script."""
    measured = [row for row in report["rows"] if row["rounds"]]
    here = files(__package__)
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["figure"] = number
    environment.filters["latency"] = latency
    return environment.from_string((here / "page.html").read_text("utf-8")).render(
        report=report,
        measured=measured,
        failed=[row for row in report["rows"] if row["problem"]],
        name_of=name_of,
        loop=_loop(measured),
        stages=stages_shown(measured),
        heads=_HEADS,
        plots={title: Markup(plot) for title, plot in _plots(measured).items()},  # noqa: S704 (made of escaped parts)
        machine=_machine(report["machine"]),
        versions={name: version for name, version in _mapping(report["machine"].get("versions")).items() if version},
        style=Markup((here / "style.css").read_text("utf-8")),  # noqa: S704 (ours)
        raw=Markup(_for_a_script(report)),  # noqa: S704 (every < is escaped)
    )


def _plots(rows: list[RowShape]) -> dict[str, str]:
    """What was measured as plots; those of latencies have the rows in which frames were analysed."""
    if not rows:
        return {}
    analysed = [row for row in rows if row["stages"]]
    plots = {
        **({"stages": stage_bars(analysed), "distribution": distributions(analysed)} if analysed else {}),
        "fps": value_bars(rows, "frames per second", lambda row: row["fps"], _spread),
        "memory": value_bars(rows, "MB of memory per camera", lambda row: row["memory_mb_per_camera"]),
    }
    if rows[0]["usd_per_camera_month"] is not None:
        plots["dollars"] = value_bars(
            rows, "per camera and month", lambda row: row["usd_per_camera_month"] or 0.0, written=lambda usd: f"${usd:,.2f}"
        )
    return plots


def _spread(row: RowShape) -> tuple[float, float] | None:
    rates = [each["fps"] for each in row["rounds"]]
    return (min(rates), max(rates)) if len(rates) > 1 else None


def _loop(rows: list[RowShape]) -> str:
    if not rows:
        return ""
    rate = rows[0]["fps_per_camera"]
    if rate is None:
        return "Closed loop: each camera's next frame is due when it has the answer to the last."
    return (
        f"Open loop: {rate:g} frames/s of each camera whether or not the machine keeps up, phases {rows[0]['phase']}. "
        "Latency runs from the instant a frame was due."
    )


def _machine(machine: Mapping[str, object]) -> dict[str, str]:
    """Name and value of what there is to say, in words."""
    features = machine.get("cpu_features")
    said = {
        "processor": machine.get("cpu"),
        "features": ", ".join(map(str, features)) if isinstance(features, list | tuple) else None,
        "cores": f"{machine.get('usable_cores'):g} usable of {machine.get('cores')}",
        "memory": f"{machine.get('memory_mb')} MB",
        "system": f"{machine.get('distribution')}, {machine.get('os')}",
        "Python": machine.get("python"),
    }
    return {name: str(value) for name, value in said.items() if value}


def _for_a_script(report: ReportShape) -> str:
    """JSON that no browser takes for the end of a script element."""
    return json.dumps(report, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
