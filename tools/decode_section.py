"""What decoding costs a camera, before and after, for the page of benchmarks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from markdown_table import table

_FRAMES_PER_S = 25


def decoding(result: Mapping[str, Any]) -> Iterator[str]:
    """The section, from benchmarks/results/decode.json."""
    rows = [
        (
            row["stream"],
            f"{row['width']} x {row['height']}",
            f"{row['fps']:g}",
            *(f"{row['cpu_ms_per_second'][way]['median'] / 10:.1f}" for way in ("all", "needed", "key_frames")),
            *("{min:.2f} / {median:.2f} / {max:.2f}".format(**row["ratio_to_all"][way]) for way in ("needed", "key_frames")),
            f"{row['decoded']['needed']} of {row['decoded']['all']}",
        )
        for row in result["rows"]
    ]
    compared = sum(row["due_frames"] for row in result["rows"])
    same = all(row["identical"] for row in result["rows"])
    yield "## Decoding one camera\n"
    yield (
        f"CPU of reading and decoding one camera of {_FRAMES_PER_S} frames/s in % of a core, from {result['frames']} pictures "
        f"of {result['clip']} scaled up and encoded as cameras send (4 Mbit/s, the substream 0.5), medians of "
        f"{result['rounds']} rounds in turns. How long the camera's groups of pictures are is learnt meanwhile, so that the "
        "first ones are decoded in full. "
        f"The {compared} due frames of `decode: needed` were compared with those of `decode: all`, every luma sample and time "
        f"stamp: {'all the same' if same else 'NOT THE SAME'} (`benchmarks/decode.py`; [how](../design/decode.md)).\n"
    )
    ways = ("all", "needed", "key frames", "needed / all", "key frames / all", "decoded if needed")
    yield table(("stream", "pixels", "analysed/s", *ways), rows)
    yield "![Decoding one camera at 1 frame/s](../pictures/decode.svg)\n"
