"""The stages of one frame: consecutive wall-clock intervals that add up to `total`, frame by frame.

They are measured from stamps of the monotonic clock taken at both ends of each stage, `queue` included;
`total` has its own final stamp, so a stage that somebody forgot shows up as a gap instead of being hidden.
"""

from __future__ import annotations

from typing import NamedTuple

STAGES = ("decode", "gate", "preprocess", "queue", "network", "inference", "postprocess")


class StageTimes(NamedTuple):
    """Milliseconds of one frame per stage. `gate` and `network` are 0 where the stage is absent."""

    decode: float
    gate: float
    preprocess: float
    queue: float
    network: float
    inference: float
    postprocess: float
    total: float
