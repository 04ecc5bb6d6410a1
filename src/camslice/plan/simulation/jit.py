"""Functions that numba, an extra, compiles: the same source runs without it, only slower."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

Given = ParamSpec("Given")
Answer = TypeVar("Answer")


def jitted(function: Callable[Given, Answer]) -> Callable[Given, Answer]:
    """The function compiled at its first call, or itself where numba is not installed. Loads numba, so modules that use it are
    to be imported when they are needed."""
    try:
        import numba
    except ImportError:
        return function
    try:
        return cast("Callable[Given, Answer]", numba.njit(cache=True)(function))
    except RuntimeError:  # no folder that the result may be kept in
        return cast("Callable[Given, Answer]", numba.njit(function))
