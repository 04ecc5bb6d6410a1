"""The case study's 1 / 20 / 54 table on this machine: time-sliced pods against one pooled pod, by `camslice bench` itself.

First a closed loop, as the case study measured: frames/s and memory. Then an open loop, cameras at their own rate: latency. The
rows take turns within each, so that a slow minute of the machine hits both topologies alike; what counts is the ratio within
each turn. Latencies are over all captured frames, a dropped one infinitely late. When a goal is missed it writes the result all
the same, and exits with 1.

    python -m benchmarks.topologies --clip vtest.avi --model yolox-nano
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.record import draw_bars, spread, write_result

TOPOLOGIES = ("sliced", "pooled")
KEPT = (
    "topology", "pods", "cameras", "loop", "fps_per_camera", "seconds", "fps", "stages", "p50_all_ms", "p95_all_ms",
    "p99_all_ms", "frames", "memory_mb", "memory_mb_per_camera", "supervisor_memory_mb", "cpu_cores", "objective", "rounds",
    "engine", "negative_stages", "problem",
)  # fmt: skip
ACCOUNTED = (0.9, 1.05)
"""Frames/s x mean latency / cameras of a closed loop: 1 less the time between an answer and the next frame (Little's law). It
compares the latencies with a count and a clock of their own, so a total that leaves something out shows."""


@dataclass(frozen=True)
class Goal:
    """A figure and where it has to lie; `value` None: it is infinite, or was not measured."""

    name: str
    value: float | None
    least: float | None = None
    most: float | None = None

    @property
    def met(self) -> bool:
        return (
            self.value is not None
            and (self.least is None or self.value >= self.least)
            and (self.most is None or self.value <= self.most)
        )


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
    found = judged(closed["rows"], opened["rows"])
    header = {"model": closed["model"], "clip": closed["clip"], "rounds": given.rounds, "seconds_per_round": given.seconds}
    rows = [{key: row[key] for key in KEPT} for row in [*closed["rows"], *opened["rows"]]]
    print(write_result("topologies", {**header, **found, "rows": rows}))
    draw_bars("topologies", {name(row): row["fps"] for row in closed["rows"]}, "frames/s, each camera as fast as it can")
    print(json.dumps(found, indent=1))
    if missed := [goal["name"] for goal in found["goals"] if not goal["met"]]:
        sys.exit(f"missed: {', '.join(missed)}")


def bench(*arguments: str) -> dict[str, Any]:
    """The report of `camslice bench` over both topologies; there is one as well when a row has a problem, and the code is 1."""
    command = [str(Path(sys.executable).parent / "camslice"), "bench", "--topology", ",".join(TOPOLOGIES), *arguments, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in {0, 1}:
        sys.exit(f"camslice bench ended with code {done.returncode}")
    report = json.loads(done.stdout)
    if report["partial"]:
        sys.exit(f"not everything was measured: {[row['problem'] for row in report['rows']]}")
    return dict(report)


def judged(closed: Sequence[Mapping[str, Any]], opened: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Both loops compared load by load, and the goals."""
    by_loop = {
        loop: {cameras: compared(pair) for cameras, pair in by_cameras(rows).items()}
        for loop, rows in (("closed_loop", closed), ("open_loop", opened))
    }
    rows = [*closed, *opened]
    stage_gaps = [stage_gap(row) for row in rows if row["stages"]]
    goals = [
        Goal("rows with a problem", sum(row["problem"] is not None for row in rows), most=0),
        *goals_of(by_loop["closed_loop"], by_loop["open_loop"]),
        *(Goal(f"{name(row)}: time accounted for", accounted(row), *ACCOUNTED) for row in closed),
        Goal("stage gap", max(stage_gaps, default=None), most=0.01),
        Goal("negative stages", sum(row["negative_stages"] for row in rows), most=0),
    ]
    return {**by_loop, "goals": [{**asdict(goal), "met": goal.met} for goal in goals]}


def goals_of(closed: Mapping[str, Mapping[str, Any]], opened: Mapping[str, Mapping[str, Any]]) -> Iterator[Goal]:
    """Frames/s at every load; memory and open-loop latency at the largest."""
    for cameras, each in closed.items():
        yield Goal(f"{cameras} cameras: pooled over sliced frames/s", middle(each["pooled_over_sliced_fps"]), least=0.97)
    cameras, each = max(closed.items(), key=lambda item: int(item[0]))
    yield Goal(f"{cameras} cameras: sliced over pooled memory", each["sliced_over_pooled_memory_per_camera"], least=8.0)
    yield Goal(f"{cameras} cameras: MB of sliced pods and their supervisor", each["sliced_memory_mb"], most=8000.0)
    for cameras, each in opened.items():
        for percentile in ("p50", "p95"):
            value = middle(each[f"pooled_over_sliced_{percentile}"])
            yield Goal(f"{cameras} cameras, open loop: pooled over sliced {percentile}", value, most=1.0)


def by_cameras(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Mapping[str, Any]]]:
    """Rows of the same load beside each other, by topology."""
    pairs: dict[str, dict[str, Mapping[str, Any]]] = {}
    for row in rows:
        pairs.setdefault(str(row["cameras"]), {})[row["topology"]] = row
    return pairs


def compared(pair: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Ratios, turn by turn where a turn has the figure. Latencies are over all frames: some turns may have an infinite one."""
    sliced, pooled = (pair[topology] for topology in TOPOLOGIES)
    turns = list(zip(sliced["rounds"], pooled["rounds"], strict=True))
    percentiles = ("p50", "p95")
    return {
        "pooled_over_sliced_fps": ratios([(pooled["fps"], sliced["fps"]) for sliced, pooled in turns]),
        **{
            f"pooled_over_sliced_{each}": ratios(
                [(pooled[f"{each}_all_ms"], sliced[f"{each}_all_ms"]) for sliced, pooled in turns]
            )
            for each in percentiles
        },
        "turns_without_end": {
            topology: {each: sum(turn[f"{each}_all_ms"] is None for turn in row["rounds"]) for each in percentiles}
            for topology, row in pair.items()
        },
        "drop_rates": {topology: [turn["drop_rate"] for turn in row["rounds"]] for topology, row in pair.items()},
        "sliced_over_pooled_memory_per_camera": round(sliced["memory_mb_per_camera"] / pooled["memory_mb_per_camera"], 2),
        "sliced_over_pooled_memory_with_supervisor": round(sliced["memory_mb"] / pooled["memory_mb"], 2),
        "sliced_memory_mb": sliced["memory_mb"],
        "p50_all_ms": {topology: row["p50_all_ms"] for topology, row in pair.items()},
        "p95_all_ms": {topology: row["p95_all_ms"] for topology, row in pair.items()},
    }


def ratios(turns: Sequence[tuple[float | None, float | None]]) -> dict[str, float | None] | None:
    """The spread of first over second. A latency that is None is infinite, and so may be an end of the spread (None again);
    a turn in which both are says nothing, and without any other the answer is None."""
    known = [ratio(*turn) for turn in turns if turn != (None, None) and turn[1] != 0]
    if not known:
        return None
    return {end: None if math.isinf(value) else value for end, value in spread(known).items()}


def ratio(first: float | None, second: float | None) -> float:
    if first is None:
        return math.inf
    return 0.0 if second is None else first / second


def middle(found: Mapping[str, float | None] | None) -> float | None:
    return None if found is None else found["median"]


def stage_gap(row: Mapping[str, Any]) -> float:
    """How far the sum of the stages' means is from the mean of the total, as a share of it.

    Stages whose stamps follow each other add up by construction, unless one is below zero, or nobody stamped it.
    """
    means = {stage: latency["mean"] for stage, latency in row["stages"].items()}
    total = means.pop("total")
    return float(abs(sum(means.values()) - total) / total)


def accounted(row: Mapping[str, Any]) -> float | None:
    """See `ACCOUNTED`; None when nothing was analysed."""
    return round(row["fps"] * row["stages"]["total"]["mean"] / 1000 / row["cameras"], 4) if row["stages"] else None


def name(row: Mapping[str, Any]) -> str:
    return f"{row['topology']}, {row['cameras']} camera{'s' if row['cameras'] > 1 else ''}"


if __name__ == "__main__":
    main()
