"""What numba, an extra, compiles: the kernel from the same source, and a second one for all other nodes of open loops. Both
come to the same result as what they replace, to the bit."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import cast

from camslice.plan.simulation.kernel import run_kernel
from camslice.plan.simulation.node import SimulatedNode

Kernel = Callable[..., tuple[int, int, float, float]]


@cache
def can_compile() -> bool:
    """Whether numba is installed; it is not loaded for the answer."""
    return find_spec("numba") is not None


def is_open(node: SimulatedNode) -> bool:
    """Whether the second kernel knows this node: frames arrive by themselves, may be stale, and no network jitters."""
    streams = (stream for pod in node.pods for stream in pod.streams)
    steady = all(server.network_jitter_ms == 0.0 for server in node.servers)
    return steady and math.isfinite(node.latency_ms) and all(stream.interval_ms is not None for stream in streams)


@cache
def compiled_kernel() -> Kernel:
    """The compiled kernel. Compiling takes seconds, once: numba keeps the result beside the source or in the user's cache."""
    import numba

    try:
        return cast("Kernel", numba.njit(cache=True)(run_kernel))
    except RuntimeError:  # no folder that it may write to
        return cast("Kernel", numba.njit(run_kernel))
