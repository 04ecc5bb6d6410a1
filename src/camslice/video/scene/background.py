"""What people walk in front of: a house front, a pavement and a street, with texture, so that it is no plain colour."""

from __future__ import annotations

import cv2
import numpy as np

from camslice.fleet.geometry import FloatArray
from camslice.video.slot import ByteArray

HORIZON = 0.4
"""Where the ground begins, as a share of the height."""


def draw_background(rng: np.random.Generator, width: int, height: int) -> ByteArray:
    """An RGB picture uint8 [H, W, 3]."""
    picture = np.empty((height, width, 3), np.float32)
    horizon = round(height * HORIZON)
    picture[:horizon] = rng.uniform(95, 150, 3)
    ground = np.linspace(0.75, 1.15, height - horizon, dtype=np.float32)[:, None, None]
    picture[horizon:] = rng.uniform(100, 130) * ground
    _draw_windows(picture, rng, width, horizon)
    _draw_kerbs(picture, height, horizon)
    picture += _texture(rng, width, height)[:, :, None]
    return np.clip(picture, 0, 255).astype(np.uint8)


def _draw_windows(picture: FloatArray, rng: np.random.Generator, width: int, horizon: int) -> None:
    side = max(6, width // 14)
    for left in range(side // 2, width - side, side * 2):
        shade = rng.uniform(35, 90)
        cv2.rectangle(
            picture, (left, horizon // 5), (left + side, horizon // 5 + round(side * 1.3)), (shade, shade, shade * 1.2), -1
        )


def _draw_kerbs(picture: FloatArray, height: int, horizon: int) -> None:
    depth = height - horizon
    for share, shade in ((0.0, 70.0), (0.35, 170.0), (0.38, 80.0)):
        row = horizon + round(depth * share)
        picture[row : row + max(1, depth // 60)] = shade


def _texture(rng: np.random.Generator, width: int, height: int) -> FloatArray:
    """Noise at several scales, as stone and asphalt have it."""
    texture = np.zeros((height, width), np.float32)
    for cell, strength in ((64, 9.0), (12, 6.0), (3, 5.0), (1, 3.0)):
        grid = rng.normal(0, strength, (height // cell + 2, width // cell + 2)).astype(np.float32)
        texture += cv2.resize(grid, (width, height), interpolation=cv2.INTER_LINEAR)
    return texture
