"""Light and sensor: how bright a drawn picture is, and how noisy."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from camslice.fleet.geometry import FloatArray
from camslice.video.scene.conditions import Conditions
from camslice.video.slot import ByteArray

Planes420 = tuple[ByteArray, ByteArray, ByteArray]
_DARK = 0.25
"""Share of the light that is left while lights are off."""
_LAMP_HZ = 100.3
"""Lamps flicker at twice the mains' frequency, which is never quite 50 Hz: so a camera beats with it."""
_READOUT_S = 1 / 40
"""From the first to the last row of a rolling shutter."""
_BLACK, _GREY = 16.0, 128.0
_SPARE = 64
"""By so many pixels the noise may be shifted from frame to frame."""


class Light:
    """Light and noise of one scene, as functions of time and frame number alone."""

    def __init__(self, seed: int, width: int, height: int, conditions: Conditions) -> None:
        self._seed = seed
        self._conditions = conditions
        self._rows = np.linspace(0, _READOUT_S, height, dtype=np.float32)[:, None]
        across = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
        # A lamp above the middle: what is far from it gets less.
        self._lamp: FloatArray = np.asarray(
            1 - 0.35 * (across**2 + np.linspace(0, 1, height, dtype=np.float32)[:, None] ** 2) / 2
        )
        self._noise: npt.NDArray[np.int16] | None = None
        if conditions.noise:
            grain = np.random.default_rng((seed, 1)).normal(0, conditions.noise, (height + _SPARE, width + _SPARE))
            self._noise = np.rint(grain).astype(np.int16)

    def fall_on(self, planes: Planes420, k: int, time_s: float) -> Planes420:
        """The planes of frame k, BT.601 limited range, under this light."""
        y, u, v = planes
        gain = self._gain(time_s)
        if gain is not None:
            y = _times(y, gain, _BLACK)
            half = gain if gain.size == 1 else gain[::2, :: min(2, gain.shape[1])]
            u, v = _times(u, half, _GREY), _times(v, half, _GREY)
        if self._noise is not None:
            y = self._with_noise(y, self._noise, k)
        return y, u, v

    def _gain(self, time_s: float) -> FloatArray | None:
        """What levels are multiplied by: [1, 1], [H, 1] or [H, W]; None if by 1."""
        told = self._conditions
        gain: FloatArray | None = np.full((1, 1), told.light, np.float32) if told.light != 1 else None
        if told.flicker:
            waves = 1 + told.flicker * np.cos(2 * np.pi * np.float32(_LAMP_HZ) * (np.float32(time_s % 10) + self._rows))
            gain = np.asarray(waves if gain is None else gain * waves, np.float32)
        if told.lights_at_s is not None:
            share = np.full((1, 1), _DARK, np.float32) if time_s < told.lights_at_s else self._lamp
            gain = np.asarray(share if gain is None else gain * share, np.float32)
        return gain

    def _with_noise(self, y: ByteArray, noise: npt.NDArray[np.int16], k: int) -> ByteArray:
        """The same grain, elsewhere and mirrored, in every frame: as good as new grain, at a tenth of the price."""
        down, across, mirrored = np.random.default_rng((self._seed, 2, k)).integers(0, _SPARE, 3).tolist()
        grain = noise[down : down + y.shape[0], across : across + y.shape[1]]
        grain = grain[:: -1 if mirrored & 1 else 1, :: -1 if mirrored & 2 else 1]
        return np.asarray(cv2.add(y, np.ascontiguousarray(grain), dtype=cv2.CV_8U), np.uint8)


def _times(plane: ByteArray, gain: FloatArray, zero: float) -> ByteArray:
    lit = np.subtract(plane, np.float32(zero), dtype=np.float32)
    lit *= gain
    lit += np.float32(zero + 0.5)
    return np.clip(lit, 0, 255).astype(np.uint8)
