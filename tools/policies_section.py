"""Cameras that one machine carries by each way of looking, for the page of benchmarks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from markdown_table import table

_NAMES = {
    "pods": "one Ultralytics process per camera",
    "best": "Ultralytics at its best: OpenVINO, one process",
    "full": "camslice, full frames",
    "full-int8": "camslice, full frames",
    "regions": "camslice, regions",
    "regions-int8": "camslice, regions",
}


def policies(result: Mapping[str, Any]) -> Iterator[str]:
    """The section, from benchmarks/results/policies.json."""
    width, height = result["input"]
    demanded, price, int8, machine = result["objective"], result["price"], result["int8"], result["machine"]
    yield "## Cameras on one machine: full frames, INT8, regions\n"
    yield (
        f"The most cameras at {result['fps']:g} frames/s for which p95 is at most {demanded['latency_ms']:g} ms, over all "
        f"captured frames but the gated ones, and at most {demanded['drop_rate']:.0%} are dropped: {result['weights']} on "
        f"{result['clip']} from different places of it, input of {width} x {height} px, on {machine['cores']} cores of an "
        f"{machine['cpu']} ({', '.join(machine['cpu_features'])}). Loads are steps of {result['step'] - 1:.0%}; a part of a "
        "camera is a camera at that part of the rate. All ways take turns, trial by trial of "
        f"{result['seconds_per_trial']:g} s; "
        "cameras are min / median / max of the rounds that were completed. Regions: policy "
        f"`{result['policies']['regions']}`, in INT8 `{result['policies']['regions-int8']}`; a trial counts "
        "only while no cheaper one is in force. Other programs took "
        f"{result['others']['median']:.0%} of the machine in the median trial, up to {result['others']['max']:.0%} "
        "(`benchmarks/policies.py`).\n"
    )
    yield table(
        (
            "way",
            "computes in",
            "cameras",
            "rounds",
            "recall",
            "recall while it ran",
            "precision",
            "pictures inferred per frame",
            "$ per camera and month",
        ),
        [_row(way, result["ways"][way]) for way in _NAMES if way in result["ways"]],
    )
    yield (
        "Recall and precision: of what the same weights find in FP32 in every full frame (confidence and class alike, IoU at "
        f"least 0.5), on {result['frames_judged']} frames; agreement with full precision, not with the truth. "
        "While it ran: of what the model as it runs finds in the full frames that were audited in trials that held, where "
        "answers came as late as they did. Dollars: the "
        f"list price of a {price['instance_type']} in {price['region']} on demand, ${result['usd_per_hour']:g}/h "
        f"({price['provenance']}, {price['dated']}), for 730 h; it is assumed, not measured, that such a machine carries as "
        "many cameras as this one.\n"
    )
    if int8 is not None:
        yield (
            f"INT8 was calibrated on {int8['calibration_pictures']} pictures and loses {int8['drop']:.4f} mAP by the labels of "
            f"{int8['judged_pictures']} others ({int8['map_before']:.4f} before, {int8['map_after']:.4f} after; at most "
            f"{int8['most']:g} is allowed).\n"
        )
    yield table(
        ("cameras of one way over another's, in the same round", "min / median / max", "goal"),
        [
            (_ratio(name), _figures(found), f"{result['goals'][name]['goal']:g}" if name in result["goals"] else "")
            for name, found in result["ratios"].items()
        ],
    )
    yield "![Cameras on one machine](../pictures/policies.svg)\n"


def _row(way: str, row: Mapping[str, Any]) -> tuple[str, ...]:
    usd = row["usd_per_camera_month"]
    kept = ("" if row[name] is None else f"{row[name]:.3f}" for name in ("recall", "recall_live", "precision"))
    per_frame = f"{row['inferences_per_frame']:.2f}"
    return (
        _NAMES[way],
        row["computed_in"],
        _figures(row["cameras"], ".1f"),
        str(row["rounds"]),
        *kept,
        per_frame,
        "" if usd is None else f"{usd:.2f}",
    )


def _ratio(name: str) -> str:
    over, _, under = name.partition("/")
    return f"{_with_precision(over)} / {_with_precision(under)}"


def _with_precision(way: str) -> str:
    return f"{_NAMES[way]}, INT8" if way.endswith("int8") else _NAMES[way]


def _figures(found: Mapping[str, float] | None, form: str = ".2f") -> str:
    return "not measured" if found is None else " / ".join(f"{found[name]:{form}}" for name in ("min", "median", "max"))
