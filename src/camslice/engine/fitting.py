"""How a region of a frame lies in the slots of an engine that reads pictures of one size."""

from __future__ import annotations

from functools import lru_cache

from camslice.fleet.geometry import Letterbox, Region


@lru_cache(maxsize=4096)
def fitted(region: Region, width: int, height: int, *, centred: bool, even: bool) -> Letterbox:
    """The letterbox of `region` in `width` x `height`. Cached: a camera's regions hardly change."""
    return Letterbox.fit(region, width, height, centred=centred, even=even)
