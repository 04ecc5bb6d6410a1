"""Snow: flakes that fall, near ones large and fast, far ones small and slow."""

from __future__ import annotations

import numpy as np

from camslice.video.slot import ByteArray

_WHITE = 215
_LARGEST = 5
"""Pixels that the nearest flakes measure in a picture 576 pixels high."""
_FALL_S = 2.0
"""Seconds that the nearest flakes take from top to bottom."""


class Snow:
    """So many flakes over a picture of one size, as a function of time alone."""

    def __init__(self, seed: int, width: int, height: int, flakes: int) -> None:
        rng = np.random.default_rng((seed, 3))
        self._width, self._height = width, height
        nearness = rng.uniform(0.15, 1, flakes) ** 2
        self._sizes = np.maximum(1, np.rint(nearness * _LARGEST * height / 576)).astype(int)
        self._speeds = height / _FALL_S * (0.2 + 0.8 * nearness)
        self._x, self._y = rng.uniform(0, width, flakes), rng.uniform(0, height, flakes)
        self._sway_s, self._phase = rng.uniform(1.5, 4, flakes), rng.uniform(0, 2 * np.pi, flakes)

    def fall(self, y: ByteArray, time_s: float) -> None:
        """Draw the flakes of that moment onto a Y plane."""
        sway = 0.02 * self._width * np.sin(2 * np.pi * time_s / self._sway_s + self._phase)
        columns = (self._x + sway).astype(int) % self._width
        rows = (self._y + self._speeds * time_s).astype(int) % self._height
        for size in range(1, int(self._sizes.max(initial=0)) + 1):
            of_size = self._sizes == size
            for down, across in np.ndindex(size, size):
                if size > 2 and down in (0, size - 1) and across in (0, size - 1):
                    continue  # round
                y[(rows[of_size] + down) % self._height, (columns[of_size] + across) % self._width] = _WHITE
