"""What policies keep where it is hard, for the page of benchmarks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from markdown_table import table


def hard_scenes(result: Mapping[str, Any]) -> Iterator[str]:
    """The section, from benchmarks/results/hard-scenes.json."""
    names = [policy["policy"] for policy in result["rows"][0]["policies"]]
    rows = [(row["clip"], *(_cell(policy) for policy in row["policies"])) for row in result["rows"]]
    yield "## Less than full frames: what is kept where it is hard\n"
    yield (
        f"Recall / inferences per frame of each policy, {result['model']} in {result['precision'].upper()}, "
        f"{result['cameras']} cameras at {result['fps']:g} frames/s, {result['seconds']:g} s of video each, against FP32 on "
        f"every full frame at confidence {result['confidence']:g} (`benchmarks/hard_scenes.py`; "
        "[what it means](../concepts/recall.md)). Few cameras fill a canvas only in part: with more of them there are fewer "
        "inferences per frame. Where `full` is below 1 the arithmetic alone loses as much.\n"
    )
    yield table(("clip", *names), rows)


def _cell(policy: Mapping[str, Any]) -> str:
    recall = "-" if policy["recall"] is None else f"{policy['recall']:.3f}"
    return f"{recall} / {policy['inferences_per_frame']:.2f}"
