"""`workers: auto`: how many processes decode for one engine.

One process is the cheapest while its interpreter lock is mostly free. Every frame holds that lock for a while (taking it over
from the decoder, scheduling, reading boxes, publishing), so there is a rate that one process cannot pass.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from camslice.fleet.types import CameraSpec, Pace

FRAMES_PER_S_OF_ONE_PROCESS = 1000.0
"""What one process carries without losing anything to its lock: measured (benchmarks/workers.py) with a model that is nearly
free, one process on two cores passed 1,300 frames/s, where decoding used both cores up, and workers did not do better.
"""
_TWO = 2
"""One worker has one lock, as one process has."""
FRAMES_PER_S_IN_REGIONS = 120.0
"""The same where the gate and the watch look at every frame: measured (docs/design/processes.md), one process on two cores
carried 160 frames/s and fell behind at 180 (policy carry-1), two workers carried 185 to 194 (carry-2).
"""


def workers_for(cameras: Sequence[CameraSpec], pace: Pace, cores: float, *, in_regions: bool = False) -> int:
    """Processes that are worth while for these cameras, 0 for none beside the engine's. At most one per core.

    Where cameras go as fast as they can (pace other than `live`) the engine sets the rate, and the fleet does not tell it.
    """
    if pace is not Pace.LIVE:
        return 0
    frames_per_s = sum(camera.fps * len(camera.models) for camera in cameras)
    of_one = FRAMES_PER_S_IN_REGIONS if in_regions else FRAMES_PER_S_OF_ONE_PROCESS
    if frames_per_s <= of_one or (in_regions and cores < _TWO):
        return 0
    return min(math.ceil(frames_per_s / of_one), max(1, math.floor(cores)))
