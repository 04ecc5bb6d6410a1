"""What a camera sees when nothing moves: for each pixel a mean and how far it strays from it by itself.

The noise is a mean absolute deviation, so that one passer-by weighs less than in a variance. Both are running averages in
time, not in frames: a camera looked at twice as often learns no faster. A change counts from so many deviations plus a
floor on, for each pixel; 4.5 mean deviations are 3.6 standard deviations of Gaussian noise.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from camslice.video.slot import ByteArray

LEARNING_S = 20.0
"""Time constant of the running averages."""
_PRIOR_LOOKS = 6
"""So many looks weighs the noise of the whole picture in the first estimate of each pixel's own."""
_FIRST_NOISE, _MOST_NOISE = 1.25, 8.0
"""Between these, in grey levels, lies what is guessed: more is a camera that moves."""
_MEAN_OF_MEDIAN = 1.18
"""Mean absolute deviation over the median one, for Gaussian noise."""


class Background:
    """Mean and noise of a luma picture of one size, in grey levels. Owns its buffers; used by one thread."""

    def __init__(self, shape: tuple[int, int], noises: float, floor: float) -> None:
        """`noises`, `floor`: mean deviations, and grey levels even without noise, that a change must have."""
        self._noises, self._floor = noises, floor
        self._mean = np.zeros(shape, np.float32)
        self._noise = np.zeros(shape, np.float32)
        self.levels: ByteArray = np.zeros(shape, np.uint8)
        self.limits: ByteArray = np.zeros(shape, np.uint8)
        self._apart: ByteArray = np.zeros(shape, np.uint8)
        self._changed: ByteArray = np.zeros(shape, np.uint8)
        self._looks = 0
        self._guesses = False
        self._publish()

    def restart(self, picture: ByteArray) -> None:
        """Take `picture` for what is seen when nothing moves. What is known of the noise is kept."""
        np.copyto(self._mean, picture)
        self._looks = 1
        self._publish()

    def changed(self, picture: ByteArray) -> ByteArray:
        """255 where `picture` differs by more than noise, else 0. Valid until the next call."""
        cv2.absdiff(picture, self.levels, dst=self._apart)
        if self._guesses:
            self._guess()
        cv2.compare(self._apart, self.limits, cv2.CMP_GT, dst=self._changed)
        return self._changed

    def beyond(self, levels: float) -> ByteArray:
        """255 where the picture that `changed` was asked about last is more than `levels` apart. Valid until the next call."""
        cv2.threshold(self._apart, levels, 255, cv2.THRESH_BINARY, dst=self._changed)
        return self._changed

    def guess_noise(self) -> None:
        """At the next look, take no pixel for less noisy than the picture as a whole: another picture may have other noise."""
        self._guesses = True
        self._looks = 1

    def learn(self, picture: ByteArray, elapsed_s: float, where: ByteArray | None) -> None:
        """Go on averaging with the picture that `changed` was asked about last, where `where` is not 0 (None: everywhere).

        `picture` may be brighter than the one that was compared: a gradual change of light is learnt, and is no noise.
        """
        share = elapsed_s / LEARNING_S
        cv2.accumulateWeighted(picture, self._mean, max(1 / (self._looks + 1), share), mask=where)
        cv2.accumulateWeighted(self._apart, self._noise, max(1 / (self._looks + _PRIOR_LOOKS), share), mask=where)
        self._looks += 1
        self._publish()

    def absorb(self, picture: ByteArray, where: npt.NDArray[np.bool_]) -> None:
        """Take `picture` for the background where `where` is True."""
        np.copyto(self._mean, picture, where=where)
        self._publish()

    def usual_noise(self) -> float:
        """Mean noise over the picture, in grey levels."""
        return float(self._noise.mean())

    def _guess(self) -> None:
        """Noise of the whole picture from what its quieter half strays, until each pixel has an estimate of its own."""
        sample = self._apart[::4, ::4].ravel()
        typical = float(np.sort(sample)[sample.size // 2])
        guess = min(max(typical * _MEAN_OF_MEDIAN, _FIRST_NOISE), _MOST_NOISE)
        np.maximum(self._noise, guess, out=self._noise)
        self._guesses = False
        self._publish()

    def _publish(self) -> None:
        cv2.convertScaleAbs(self._mean, dst=self.levels)
        cv2.convertScaleAbs(self._noise, dst=self.limits, alpha=self._noises, beta=self._floor)
