"""How much of what full frames show a policy keeps: by the frames that were looked at both ways, and by what was known."""

from __future__ import annotations

from collections import deque

import numpy as np
import numpy.typing as npt

from camslice.fleet.policy import Evaluated

_WINDOW = 600
_DRAWS = 400
FEWEST_FRAMES = 20
"""Audited frames, with something in them, before anything is said."""
_PRIOR_FRAMES = 30
"""An evaluation on clips counts for as many audited frames as it rests on, but no more than these: what is seen now soon counts
for more than what was seen then."""
_SURE = 1.645
"""Standard deviations from the mean to the 5th percentile of a normal distribution."""


class Recall:
    """The last audited frames: how many detections each had in full, and how many of them the policy had reported.

    Detections of one frame stand or fall together (a crowd, a shadow), so that frames are drawn and not detections: the
    bootstrap of Efron (1979), with frames as the units. What an evaluation on clips found is the prior: frames with as many
    detections as the audited ones, and its recall, drawn from its own distribution. Not thread-safe.
    """

    def __init__(self, seed: int = 0, prior: Evaluated | None = None) -> None:
        self._prior = prior
        self._frames: deque[tuple[int, int]] = deque(maxlen=_WINDOW)
        self._rng = np.random.default_rng(seed)
        self._drawn: npt.NDArray[np.float64] | None = None

    def note(self, kept: int, wanted: int) -> None:
        """An audited frame. One in which the full frame shows nothing says nothing."""
        if wanted:
            self._frames.append((kept, wanted))
            self._drawn = None

    def forget(self, prior: Evaluated | None = None) -> None:
        """Another policy is in force, of which this is known."""
        self._prior = prior
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
        """That the recall of all frames lies below `objective`; None while too little is known to say."""
        if len(self._frames) < FEWEST_FRAMES and self._prior is None:
            return None
        if self._drawn is None:
            self._drawn = self._draws()
        kept, wanted = self._drawn
        return float(np.mean(kept < objective * wanted))

    def _draws(self) -> npt.NDArray[np.float64]:
        """(2, draws): detections that were kept, and that were to be kept."""
        seen = np.array(self._frames, np.float64).reshape(-1, 2)
        drawn = np.zeros((2, _DRAWS))
        if len(seen):
            drawn += seen[self._rng.integers(len(seen), size=(_DRAWS, len(seen)))].sum(axis=1).T
        if self._prior is None:
            return drawn
        prior = self._prior
        spread = max(0.0, prior.recall - prior.low) / _SURE
        recalls = np.clip(self._rng.normal(prior.recall, spread, _DRAWS), 0.0, 1.0)
        wanted = min(prior.frames, _PRIOR_FRAMES) * (seen[:, 1].mean() if len(seen) else 1.0)
        drawn += np.stack([wanted * recalls, np.full(_DRAWS, wanted)])
        return drawn
