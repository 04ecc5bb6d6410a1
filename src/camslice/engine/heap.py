"""How much freed memory a process keeps for itself."""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""Options of glibc's `mallopt`, from its malloc.h."""
_ARENAS = 2
_OWN_MAPPING_BYTES = 8 << 20
_KEPT_BYTES = 16 << 20


def bound_heap() -> None:
    """Have this process give large blocks back as soon as they are freed. Best called before it starts threads.

    Left alone, glibc gives every thread a heap of its own and, once a block of 25 MB was freed, carves such blocks out of
    those heaps: a server that was sent a few large pictures kept 100 to 200 MB more for good. Other C libraries are left
    as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_ARENA_MAX, _ARENAS)
        mallopt(_MMAP_THRESHOLD, _OWN_MAPPING_BYTES)
        mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
