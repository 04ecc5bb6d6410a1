"""The kernel compiled by numba, an extra: the same source, hence the same rules, and the same result to the bit."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import cast

from camslice.plan.simulation.kernel import run_kernel

Kernel = Callable[..., tuple[int, int, float, float]]


@cache
def can_compile() -> bool:
    """Whether numba is installed; it is not loaded for the answer."""
    return find_spec("numba") is not None


@cache
def compiled_kernel() -> Kernel:
    """The compiled kernel. Compiling takes seconds, once: numba keeps the result beside the source or in the user's cache."""
    import numba

    try:
        return cast("Kernel", numba.njit(cache=True)(run_kernel))
    except RuntimeError:  # no folder that it may write to
        return cast("Kernel", numba.njit(run_kernel))
