"""The calibration's part of the page of recorded benchmarks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from markdown_table import table


def calibration(result: Mapping[str, Any]) -> Iterator[str]:
    """`result`: what benchmarks/calibration.py wrote."""
    others = result["share_of_the_machine_used_by_others"]
    yield "## The simulator against a machine\n"
    yield (
        f"From the closed loops of 1, 2, 4 and 8 pods of one stream alone ({' and '.join(result['models'].values())}), medians "
        f"of {result['rounds']} rounds in turns, the simulator predicts loads that are none of them; beside it the same loads "
        "measured, with the same phases. No case set any parameter. In brackets a straight line through the closed loops, read "
        "off at the number of streams or, in an open loop, at the mean number of frames on their way. Of each case the half of "
        f"the rounds counts in which other programs took least of the machine ({others['median']:.0%} in the median trial, up "
        f"to {others['max']:.0%}) (`benchmarks/calibration.py`; [what was learnt](../design/calibration.md)).\n"
    )
    head = ("ms, predicted", "measured", "error (line)")
    yield table(
        ("case", "model", "frames/s each", *(f"{name} {words}" for name in ("p50", "p95") for words in head)),
        [
            (
                row["case"],
                row["model"],
                "as fast as they can" if row["fps_per_stream"] is None else f"{row['fps_per_stream']:g}",
                *(cell for index in (0, 1) for cell in _predicted(row, index)),
            )
            for row in result["cases"]
        ],
    )
    names = {"errors": "all", "errors_in_closed_loops": "closed loops", "errors_in_open_loops": "open loops"}
    yield table(
        ("error of p50 and p95, median / worst", "simulator", "straight line", "the line at the number of streams"),
        [
            (words, *(f"{each['median']:.1%} / {each['max']:.0%}" for each in result[name].values()))
            for name, words in names.items()
        ],
    )
    yield f"Goal: a median of at most {result['goal']:.0%}, and below the straight line's.\n"
    yield "![Predicted against measured](../pictures/calibration.svg)\n"


def calibrated_capacity(result: Mapping[str, Any]) -> Iterator[str]:
    """`result`: what benchmarks/calibration_capacity.py wrote."""
    objective = result["objective"]
    yield (
        f"Then the machine itself is planned: the most streams of {result['model']} at {result['fps_per_stream']:g} frames/s "
        f"for which p{objective['percentile']} <= {objective['latency_ms']} ms and drops <= {objective['drop_rate']:.0%} hold "
        f"in the simulation, and `camslice bench` with {result['margin']:.0%} fewer and {result['margin']:.0%} more, trials of "
        f"{result['trial_s']:g} s, each round with a profile of its own from closed loops. `camslice plan` names fewer, for it "
        "keeps back what Kubernetes takes (`benchmarks/calibration_capacity.py`).\n"
    )
    head = ("streams", "p95 of all, ms", "dropped", "objective")
    yield table(
        ("topology", "planned", "simulated", *(f"{side}: {words}" for side in ("fewer", "more") for words in head)),
        [
            (
                each["topology"],
                str(each["predicted"]["planned_streams"]),
                str(each["predicted"]["streams"]),
                *_trial(each["below"]),
                *_trial(each["above"]),
            )
            for each in result["rounds"]
        ],
    )


def _predicted(row: Mapping[str, Any], index: int) -> tuple[str, str, str]:
    return (
        f"{row['predicted_ms'][index]:.1f}",
        f"{row['measured_ms'][index]:.1f}",
        f"{row['errors'][index]:+.0%} ({row['line_errors'][index]:+.0%})",
    )


def _trial(trial: Mapping[str, Any]) -> tuple[str, str, str, str]:
    p95_ms = "never" if trial["p95_all_ms"] is None else f"{trial['p95_all_ms']:.0f}"
    return str(trial["streams"]), p95_ms, f"{trial['drop_rate']:.1%}", "holds" if trial["met"] else "breaks"
