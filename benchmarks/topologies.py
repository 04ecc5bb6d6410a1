"""The case study's 1 / 20 / 54 table on this machine: time-sliced pods against one pooled pod, by `camslice bench` itself.

First a closed loop, as the case study measured: frames/s and memory. Then an open loop, cameras at their own rate: latency. The
rows take turns within each, so that a slow minute of the machine hits both topologies alike; what counts is the ratio within
each turn.

    python -m benchmarks.topologies --clip vtest.avi --model yolox-nano
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.record import draw_bars, spread, write_result

TOPOLOGIES = ("sliced", "pooled")
KEPT = (
    "topology", "pods", "cameras", "loop", "fps_per_camera", "seconds", "fps", "stages", "frames", "memory_mb",
    "memory_mb_per_camera", "supervisor_memory_mb", "cpu_cores", "objective", "rounds",
)  # fmt: skip
GOALS = {
    "pooled_over_sliced_fps": 0.97,
    "sliced_over_pooled_memory_per_camera": 8.0,
    "sliced_memory_mb": 8000.0,
    "stage_gap": 0.01,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clip", type=Path, required=True)
    parser.add_argument("--model", default="yolox-nano")
    parser.add_argument("--pods", default="1,20,54")
    parser.add_argument("--fps", type=float, default=1.0, help="frames/s of each camera in the open loop, at the most pods")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=10.0, help="of one row in one round")
    given = parser.parse_args()
    common = ["--model", given.model, "--clip", str(given.clip), "--rounds", str(given.rounds)]
    common += ["--seconds", str(given.seconds * given.rounds)]
    most = given.pods.split(",")[-1]
    closed = bench(*common, "--pods", given.pods)
    opened = bench(*common, "--pods", most, "--fps", str(given.fps))
    rows = [*closed["rows"], *opened["rows"]]
    result = {
        "model": closed["model"],
        "clip": closed["clip"],
        "rounds": given.rounds,
        "seconds_per_round": given.seconds,
        "goals": GOALS,
        "closed_loop": {cameras: compared(pair) for cameras, pair in by_cameras(closed["rows"]).items()},
        "open_loop": {cameras: compared(pair) for cameras, pair in by_cameras(opened["rows"]).items()},
        "stage_gap": max(stage_gap(row) for row in rows),
        "rows": [{key: row[key] for key in KEPT} for row in rows],
    }
    print(write_result("topologies", result))
    draw_bars("topologies", {name(row): row["fps"] for row in closed["rows"]}, "frames/s, each camera as fast as it can")
    print(json.dumps({key: result[key] for key in ("closed_loop", "open_loop", "stage_gap")}, indent=1))


def bench(*arguments: str) -> dict[str, Any]:
    """The report of `camslice bench` over both topologies."""
    command = [str(Path(sys.executable).parent / "camslice"), "bench", "--topology", ",".join(TOPOLOGIES), *arguments, "--json"]
    report = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
    assert not report["partial"], [row["problem"] for row in report["rows"]]
    return dict(report)


def by_cameras(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Mapping[str, Any]]]:
    """Rows of the same load beside each other, by topology."""
    pairs: dict[str, dict[str, Mapping[str, Any]]] = {}
    for row in rows:
        pairs.setdefault(str(row["cameras"]), {})[row["topology"]] = row
    return pairs


def compared(pair: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Ratios, turn by turn where a turn has the figure."""
    sliced, pooled = (pair[topology] for topology in TOPOLOGIES)
    turns = list(zip(sliced["rounds"], pooled["rounds"], strict=True))
    return {
        "pooled_over_sliced_fps": spread([pooled_turn["fps"] / sliced_turn["fps"] for sliced_turn, pooled_turn in turns]),
        "pooled_over_sliced_p50": spread([pooled_turn["p50_ms"] / sliced_turn["p50_ms"] for sliced_turn, pooled_turn in turns]),
        "pooled_over_sliced_p95": spread([pooled_turn["p95_ms"] / sliced_turn["p95_ms"] for sliced_turn, pooled_turn in turns]),
        "sliced_over_pooled_memory_per_camera": round(sliced["memory_mb_per_camera"] / pooled["memory_mb_per_camera"], 2),
        "sliced_memory_mb": sliced["memory_mb"],
        "p50_ms": {topology: row["stages"]["total"]["p50"] for topology, row in pair.items()},
        "p95_ms": {topology: row["stages"]["total"]["p95"] for topology, row in pair.items()},
    }


def stage_gap(row: Mapping[str, Any]) -> float:
    """How far the sum of the stages' means is from the mean of the total, as a share of it."""
    means = {stage: latency["mean"] for stage, latency in row["stages"].items()}
    total = means.pop("total")
    return float(abs(sum(means.values()) - total) / total)


def name(row: Mapping[str, Any]) -> str:
    return f"{row['topology']}, {row['cameras']} camera{'s' if row['cameras'] > 1 else ''}"


if __name__ == "__main__":
    main()
