"""`workers: auto`: how many processes decode for one engine.

One process is the cheapest while its interpreter lock is mostly free. Every frame holds that lock for a while (taking it over
from the decoder, scheduling, reading boxes, publishing), and a thread that waits for it delays its frame.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from camslice.fleet.types import CameraSpec, Pace

LOCK_MS_PER_FRAME = 0.45
"""Time for which a frame holds the interpreter's lock."""
LARGEST_LOCK_SHARE = 0.5
"""Share of one second from which waiting for the lock costs more than a second process."""


def workers_for(cameras: Sequence[CameraSpec], pace: Pace, cores: float) -> int:
    """Processes that are worth while for these cameras, 0 for none beside the engine's. At most one per core.

    Where cameras go as fast as they can (pace other than `live`) the engine sets the rate, and the fleet does not tell it.
    """
    if pace is not Pace.LIVE:
        return 0
    frames_per_s = sum(camera.fps * len(camera.models) for camera in cameras)
    lock_share = frames_per_s * LOCK_MS_PER_FRAME / 1000
    if lock_share <= LARGEST_LOCK_SHARE:
        return 0
    return min(max(2, math.ceil(lock_share / LARGEST_LOCK_SHARE)), max(1, math.floor(cores)))
