"""What `run` and `demo` print at the end: where the time went, what became of the frames, and whether that is good enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict, cast

from rich.box import SIMPLE
from rich.table import Table

from camslice.cli.output import stage_table, stdout
from camslice.fleet.types import Objective

_MOST_ROWS = 24
_MOST_LABELS = 3
_MOST_USERS = 8


class _Objective(TypedDict):
    latency_ms: float
    percentile: float
    p_all_ms: float | None
    drop_rate: float
    recall: float | None
    met: bool


class _Stream(TypedDict):
    camera: str
    model: str
    frames: Mapping[str, float]
    stages: Mapping[str, Mapping[str, float]]
    detections: Mapping[str, int]
    fps: float
    age_ms: float | None
    accelerator_ms: float
    accelerator_ms_per_frame: float | None
    usd_per_month_by_use: float | None


class _Policy(TypedDict):
    policy: str
    reason: str
    changes: int


class _Camera(TypedDict):
    name: str
    state: str
    reason: str


class _Fleet(TypedDict):
    cameras: int
    topology: str
    pods: int
    restarts: int
    analysed_fps: float
    memory_mb: float
    cpu_cores: float
    stages: Mapping[str, Mapping[str, float]]
    frames: Mapping[str, float]
    objective: _Objective
    usd_per_camera_month: float | None


def objective_met(report: Mapping[str, object]) -> bool:
    """Whether the fleet's objective held over the whole run."""
    return cast("_Fleet", report["fleet"])["objective"]["met"]


def no_camera_started(report: Mapping[str, object]) -> str | None:
    """Why no camera brought a single frame; None if one did."""
    fleet, cameras = cast("_Fleet", report["fleet"]), cast("list[_Camera]", report["cameras"])
    if fleet["frames"]["captured"] or not cameras:
        return None
    first = cameras[0]
    return f"no camera could start: camera {first['name']} is {first['state']}: {first['reason'] or 'no frame came yet'}"


def print_summary(report: Mapping[str, object], allowed: Objective) -> None:
    """Print a report of `run_report` for people, against what was demanded."""
    fleet = cast("_Fleet", report["fleet"])
    out = stdout()
    out.print(_streams_table(cast("list[_Stream]", report["streams"])))
    if fleet["stages"]:
        out.print(stage_table(fleet["stages"]))
    if (use := _use_table(cast("list[_Stream]", report["streams"]))) is not None:
        out.print(use)
    out.print(_frames_table(fleet["frames"]))
    usd = fleet["usd_per_camera_month"]
    dollars = f", ${usd:.2f} per camera and month" if usd is not None else ""
    out.print(
        f"{fleet['cameras']} cameras in {fleet['pods']} {fleet['topology']} pod{'s' if fleet['pods'] != 1 else ''}, "
        f"{fleet['analysed_fps']:.1f} frames/s analysed, {fleet['memory_mb']:.0f} MB, {fleet['cpu_cores']:.2f} cores{dollars}",
        highlight=False,
    )
    if fleet["restarts"]:
        out.print(f"processes were started again {fleet['restarts']} times; the log says why")
    for model, policy in cast("Mapping[str, _Policy]", report["policies"]).items():
        out.print(
            f"model {model}: policy {policy['policy']} ({policy['reason']}){_changed(policy['changes'])}", highlight=False
        )
    for camera in cast("list[_Camera]", report["cameras"]):
        if camera["reason"]:
            out.print(f"camera {camera['name']} is {camera['state']}: {camera['reason']}", highlight=False)
    for cause, count in cast("Mapping[str, int]", report["dropped_results"]).items():
        out.print(f"{count} results were analysed and not kept: {cause}")
    out.print(_verdict(fleet["objective"], allowed.drop_rate, allowed.recall), highlight=False)


def _streams_table(streams: Sequence[_Stream]) -> Table:
    """A row per stream; of many, those with the most drops."""
    several_models = len({stream["model"] for stream in streams}) > 1
    some_missed = any(stream["frames"]["missed"] for stream in streams)
    table = Table(title="streams", box=SIMPLE)
    table.add_column("camera", overflow="fold")
    for name in ("captured", "analysed", "dropped", *(["missed"] if some_missed else []), "fps", "p95 ms"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("seen")
    shown = sorted(streams, key=lambda stream: -stream["frames"]["drop_rate"])[:_MOST_ROWS]
    for stream in sorted(shown, key=streams.index):
        frames, total = stream["frames"], stream["stages"].get("total")
        dropped = sum(frames[name] for name in ("superseded", "stale", "failed"))
        counts = [frames["captured"], frames["analysed"], dropped, *([frames["missed"]] if some_missed else [])]
        seen = sorted(stream["detections"].items(), key=lambda item: -item[1])[:_MOST_LABELS]
        table.add_row(
            _name(stream, several_models=several_models),
            *(f"{count:.0f}" for count in counts),
            f"{stream['fps']:.1f}",
            f"{total['p95']:.0f}" if total else "",
            ", ".join(f"{label} {count}" for label, count in seen),
        )
    if len(streams) > len(shown):
        table.caption = f"and {len(streams) - len(shown)} more with fewer drops"
    return table


def _use_table(streams: Sequence[_Stream]) -> Table | None:
    """Who uses how much of the accelerator, those that use most; None where there is nothing to compare."""
    used_ms = sum(stream["accelerator_ms"] for stream in streams)
    if not used_ms or len(streams) < 2:
        return None
    several_models = len({stream["model"] for stream in streams}) > 1
    some_usd = any(stream["usd_per_month_by_use"] is not None for stream in streams)
    table = Table(title="accelerator", box=SIMPLE)
    table.add_column("camera", overflow="fold")
    for name in ("ms per frame", "share", *(["$ a month"] if some_usd else [])):
        table.add_column(name, justify="right", no_wrap=True)
    shown = sorted(streams, key=lambda stream: -stream["accelerator_ms"])[:_MOST_USERS]
    for stream in shown:
        per_frame, usd = stream["accelerator_ms_per_frame"], stream["usd_per_month_by_use"]
        table.add_row(
            _name(stream, several_models=several_models),
            "" if per_frame is None else f"{per_frame:.1f}",
            f"{stream['accelerator_ms'] / used_ms:.1%}",
            *([f"{usd:.2f}" if usd is not None else ""] if some_usd else []),
        )
    if len(streams) > len(shown):
        table.caption = f"and {len(streams) - len(shown)} more that use less"
    return table


def _name(stream: _Stream, *, several_models: bool) -> str:
    return f"{stream['camera']} ({stream['model']})" if several_models else stream["camera"]


def _frames_table(frames: Mapping[str, float]) -> Table:
    table = Table(title="frames by fate")
    fates = ("captured", "analysed", "gated", "predicted", "superseded", "stale", "failed", "in_flight")
    shown = [name for name in fates if frames[name] or name in ("captured", "analysed")]
    outside = [name for name in ("regions", "missed", "corrupt") if frames[name]]
    for name in (*shown, *outside, "drop_rate"):
        table.add_column("in regions" if name == "regions" else name.replace("_", " "), justify="right")
    counts = [f"{frames[name]:.0f}" for name in (*shown, *outside)]
    table.add_row(*counts, f"{frames['drop_rate']:.2%}")
    return table


def _changed(times: int) -> str:
    return f", changed {times} time{'s' if times != 1 else ''}; the log says why" if times else ""


def _verdict(objective: _Objective, allowed_drop_rate: float, demanded_recall: float) -> str:
    p_all_ms = objective["p_all_ms"]
    reached = "never" if p_all_ms is None else f"{p_all_ms:.0f} ms"
    figures = (
        f"p{objective['percentile']:g} over all captured frames {reached} (at most {objective['latency_ms']:g} ms), "
        f"drop rate {objective['drop_rate']:.2%} (at most {allowed_drop_rate:.2%})"
    )
    if demanded_recall < 1 or objective["recall"] != 1:
        recall = "not audited enough to say" if objective["recall"] is None else f"{objective['recall']:.3f}"
        figures += f", recall {recall} (at least {demanded_recall:g})"
    return f"objective met: {figures}" if objective["met"] else f"objective not met: {figures}"
