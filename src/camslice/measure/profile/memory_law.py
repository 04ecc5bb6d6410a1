"""Memory as a pod and its further streams: a straight line through what was seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def pod_and_stream_mb(seen: Sequence[tuple[int, float]]) -> tuple[float, float]:
    """From pairs (streams of a pod, MB of that pod): a pod with its first stream, and each stream more; never below zero.

    Least squares; with only one number of streams, further ones are taken to cost as much as that share of the pod.

    >>> pod_and_stream_mb([(1, 200.0), (5, 220.0)])
    (200.0, 5.0)
    """
    streams = np.array([each[0] for each in seen], np.float64)
    memory_mb = np.array([each[1] for each in seen], np.float64)
    if np.ptp(streams) == 0:
        each_mb = float(memory_mb.mean() / streams.mean())
        return each_mb, each_mb
    slope = max(0.0, float(np.polyfit(streams, memory_mb, 1)[0]))
    first = float(memory_mb.mean() - slope * (streams.mean() - 1))
    return round(max(0.0, first), 3), round(slope, 3)


def most_streams_in(memory_mb: float, pod_mb: float, stream_mb: float) -> int:
    """How many streams fit into `memory_mb`, all in one pod.

    >>> most_streams_in(300.0, 200.0, 5.0), most_streams_in(199.0, 200.0, 5.0)
    (21, 0)
    """
    return 0 if memory_mb < pod_mb else 1 + int((memory_mb - pod_mb) / max(stream_mb, 1e-3))
