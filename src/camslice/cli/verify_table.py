"""What `verify` prints for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from camslice.cli.output import stderr, stdout


def print_verdict(said: Mapping[str, Any]) -> None:
    """From the object of `--json`."""
    from rich.table import Table

    for remark in said["remarks"]:
        stderr().print(f"note: {remark}", soft_wrap=True)
    for path in said.get("refit", ()):
        stderr().print(f"profile: {path['path']}", soft_wrap=True)
    predicted, live, objective = said["predicted"], said["live"], said["objective"]
    table = Table()
    for column in ("", "plan", "live"):
        table.add_column(column, justify="left" if not column else "right")
    table.add_row("streams", str(said["streams"]["planned"]), str(said["streams"]["live"]))
    table.add_row(f"p{objective['percentile']:g} of all frames (ms)", _ms(predicted["p_all_ms"]), _ms(live["p_all_ms"]))
    table.add_row("frames dropped", _share(predicted["groups"]), f"{objective['drop_rate']:.2%}")
    for each in live["policies"]:
        counted = [one for one in predicted["policies"] if one["model"] == each["model"]]
        recalls = ", ".join(f"{one['recall']:.3f} ({one['policy']})" for one in counted) or "full frames"
        recall = "unknown" if each["recall"] is None else f"{each['recall']:.3f}"
        table.add_row(f"recall of {each['model']}", recalls, f"{recall} ({', '.join(each['policies'])})")
    table.add_row("$ per camera and month", _usd(predicted["usd_per_camera_month"]), _usd(live["usd_per_camera_month"]))
    stdout().print(table)
    for group in live["groups"]:
        of_model = [each for each in predicted["groups"] if each["model"] == group["model"]]
        same = [each for each in of_model if str(group["shape"]).endswith(f".{each['shape']}")] or of_model
        stages = Table(title=" on ".join(part for part in (group["model"], group["shape"]) if part))
        for column in ("stage, mean (ms)", "plan", "live"):
            stages.add_column(column, justify="left" if column.startswith("stage") else "right")
        for stage, latency in group["stages"].items():
            plan_ms = same[0]["stage_means_ms"].get(stage) if same else None
            stages.add_row(stage, _ms(plan_ms) if plan_ms is not None else "-", _ms(latency["mean"]))
        stdout().print(stages)
    for drift in said["drift"]:
        stdout().print(
            f"{drift['what']}: {_value(drift['plan'])} planned, {_value(drift['live'])} live: {drift['cause']}", soft_wrap=True
        )
    words = "met" if objective["met"] else "not met"
    drifted = f"{len(said['drift'])} drifted" if said["drift"] else "nothing has drifted"
    stdout().print(f"the objective ({objective['latency_ms']:g} ms) is {words}; {drifted} beyond {said['tolerance']:.0%}")


def _ms(value: float | None) -> str:
    return "infinite" if value is None else f"{value:.1f}"


def _usd(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"


def _share(groups: list[Mapping[str, Any]]) -> str:
    return f"{max((group['drop_rate'] for group in groups), default=0.0):.2%}"


def _value(value: float | int | str | None) -> str:
    return "infinite" if value is None else str(value)
