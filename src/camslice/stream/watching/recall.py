"""How much of what full frames show a policy keeps, from the frames that were looked at both ways."""

from __future__ import annotations

from collections import deque

import numpy as np
import numpy.typing as npt

_WINDOW = 600
_DRAWS = 400
FEWEST_FRAMES = 20
"""Audited frames, with something in them, before anything is said."""


class Recall:
    """The last audited frames: how many detections each had in full, and how many of them the policy had reported.

    Detections of one frame stand or fall together (a crowd, a shadow), so that frames are drawn and not detections: the
    bootstrap of Efron (1979), with frames as the units. Not thread-safe.
    """

    def __init__(self, seed: int = 0) -> None:
        self._frames: deque[tuple[int, int]] = deque(maxlen=_WINDOW)
        self._rng = np.random.default_rng(seed)
        self._drawn: npt.NDArray[np.float64] | None = None

    def note(self, kept: int, wanted: int) -> None:
        """An audited frame. One in which the full frame shows nothing says nothing."""
        if wanted:
            self._frames.append((kept, wanted))
            self._drawn = None

    def forget(self) -> None:
        """Another policy is in force."""
        self._frames.clear()
        self._drawn = None

    @property
    def frames(self) -> int:
        """How many audited frames it rests on."""
        return len(self._frames)

    @property
    def value(self) -> float | None:
        """None before the first audited frame with something in it."""
        wanted = sum(each[1] for each in self._frames)
        return sum(each[0] for each in self._frames) / wanted if wanted else None

    def probability_below(self, objective: float) -> float | None:
        """That the recall of all frames lies below `objective`; None while too few were audited to say."""
        if len(self._frames) < FEWEST_FRAMES:
            return None
        if self._drawn is None:
            frames = np.array(self._frames, np.float64)
            self._drawn = frames[self._rng.integers(len(frames), size=(_DRAWS, len(frames)))].sum(axis=1)
        kept, wanted = self._drawn.T
        return float(np.mean(kept < objective * wanted))
