"""Whether the exact solver (OR-Tools) is installed: it is an extra, and imported only where it is used."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec


@cache
def has_solver() -> bool:
    """Without it answers come from first fit decreasing, and their bound from relaxation alone."""
    return find_spec("ortools") is not None
