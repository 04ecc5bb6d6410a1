"""The cost-latency frontier as a picture, or as a page that holds one."""

from __future__ import annotations

import html
from pathlib import Path

from camslice.cli.plotting import drawn, new_figure
from camslice.fleet.errors import CamsliceError
from camslice.plan.plan import FrontierPoint, Plan

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>body{{font-family:system-ui,sans-serif;margin:2rem auto;max-width:60rem}}td,th{{padding:.2rem .8rem;text-align:left}}
svg{{width:100%;height:auto}}</style></head><body><h1>{title}</h1>{notes}{picture}
<table>
<tr><th>$ per camera and month</th><th>p95 ms</th><th>recall</th><th>policy</th><th>instance type</th><th>topology</th></tr>
{rows}</table></body></html>
"""


def draw_frontier(plan: Plan, path: Path) -> None:
    """Write `path`, a .svg, .png or .html. Raises CamsliceError without the extra `plot`, or where nothing can be written."""
    figure = new_figure()
    axes = figure.add_subplot()
    for topology, policy, recall in dict.fromkeys((point.topology, point.policy, point.recall) for point in plan.frontier):
        points = [each for each in plan.frontier if (each.topology, each.policy, each.recall) == (topology, policy, recall)]
        axes.plot(
            [point.p95 for point in points],
            [point.usd_per_camera_month for point in points],
            "o-",
            label=topology.value if plan.objective.recall >= 1.0 else f"{topology.value}, {policy}: recall {recall:.3f}",
        )
        for point in points:
            axes.annotate(
                point.instance_type, (point.p95, point.usd_per_camera_month), (4, 4), textcoords="offset points", fontsize=8
            )
    for node in plan.nodes:
        axes.plot(node.predicted.latency.p95, plan.usd_per_camera_month, "k*", markersize=12)
    axes.axvline(plan.objective.latency_ms, color="grey", linestyle="--", linewidth=1)
    if plan.objective.usd_per_camera_month is not None:
        axes.axhline(plan.objective.usd_per_camera_month, color="grey", linestyle="--", linewidth=1)
    axes.set_xscale("log")
    axes.set_xlabel("predicted p95 latency (ms)")
    axes.set_ylabel("US dollars per camera and month")
    axes.set_title(_title(plan))
    axes.legend()
    kind = "svg" if path.suffix.lower() != ".png" else "png"
    content = drawn(figure, kind)
    if path.suffix.lower() == ".html":
        content = _page(plan, content.decode()).encode()
    try:
        path.write_bytes(content)
    except OSError as error:
        raise CamsliceError(f"--plot {path}: it cannot be written ({error.strerror}); name another file.") from None


def _page(plan: Plan, svg: str) -> str:
    notes = "".join(f"<p>{html.escape(remark)}</p>" for remark in plan.remarks)
    rows = "".join(_row(point) for point in plan.frontier)
    return _PAGE.format(title=html.escape(_title(plan)), notes=notes, picture=svg[svg.index("<svg") :], rows=rows)


def _row(point: FrontierPoint) -> str:
    usd, p95, recall = f"{point.usd_per_camera_month:.2f}", f"{point.p95:.0f}", f"{point.recall:.3f}"
    cells = (usd, p95, recall, point.policy, point.instance_type, point.topology)
    return f"<tr>{''.join(f'<td>{html.escape(str(cell))}</td>' for cell in cells)}</tr>"


def _title(plan: Plan) -> str:
    recall = "" if plan.objective.recall >= 1.0 else " and recall"
    return f"{plan.cameras} cameras: cost against latency{recall} (predicted; the star is the plan)"
