"""The parts of the gate, each against what can be worked out without it."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camslice.video.gate.background import LEARNING_S, Background
from camslice.video.gate.exposure import Exposure
from camslice.video.gate.grid import CELL, Grid
from camslice.video.gate.speckle import MOST_LOOKS, Speckle
from camslice.video.gate.whole_frame import correlation, moved, sway

ROWS, COLUMNS = 60, 80
Bytes = npt.NDArray[np.uint8]


def texture(seed: int, shape: tuple[int, int] = (ROWS * CELL, COLUMNS * CELL)) -> npt.NDArray[np.float32]:
    """Soft random levels between about 40 and 200."""
    rough = np.random.default_rng(seed).normal(120, 150, shape).astype(np.float32)
    return np.clip(cv2.GaussianBlur(rough, (0, 0), 3), 30, 210)


def as_bytes(levels: npt.NDArray[np.generic]) -> Bytes:
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


@given(st.integers(64, 4096), st.integers(64, 4096))
def test_a_grid_has_its_cells_along_the_longer_side_and_keeps_the_aspect(width: int, height: int) -> None:
    grid = Grid.over(width, height)
    assert max(grid.rows, grid.columns) == 80
    longer, shorter = max(width, height), min(width, height)
    assert abs(min(grid.rows, grid.columns) - max(1, 80 * shorter / longer)) <= 0.5


@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_what_is_spread_has_the_means_it_came_from(rows: int, columns: int, seed: int) -> None:
    grid = Grid(rows, columns)
    cells = np.random.default_rng(seed).integers(0, 256, (rows, columns)).astype(np.uint8)
    luma, back = np.empty((grid.luma_height, grid.luma_width), np.uint8), np.empty_like(cells)
    grid.spread(cells, luma)
    assert (luma == cells.repeat(CELL, axis=0).repeat(CELL, axis=1)).all()
    grid.means_of(luma, back)
    assert (back == cells).all()


def test_means_of_cells_are_means() -> None:
    luma, cells = as_bytes(texture(1)), np.empty((ROWS, COLUMNS), np.uint8)
    Grid(ROWS, COLUMNS).means_of(luma, cells)
    exact = luma.reshape(ROWS, CELL, COLUMNS, CELL).mean(axis=(1, 3))
    assert np.abs(cells - exact).max() <= 1


def test_a_mask_takes_the_cells_of_which_it_covers_half() -> None:
    watched = Grid(ROWS, COLUMNS).watched([[(0.25, 0.5), (0.5, 0.5), (0.5, 1.0), (0.25, 1.0)], [(0, 0), (0.01, 0), (0, 0.01)]])
    expected = np.ones((ROWS, COLUMNS), bool)
    expected[30:, 20:40] = False
    wrong = watched[1:] != expected[1:]
    assert wrong.sum() <= 30  # the cells of one edge, where a rounded half may fall either way


@given(st.floats(1.5, 6), st.integers(0, 100))
@settings(max_examples=10, deadline=None)
def test_a_background_learns_how_noisy_it_is(deviation: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    background = Background((60, 80), 4.5, 2.5)
    background.restart(as_bytes(rng.normal(100, deviation, (60, 80))))
    for _ in range(100):
        seen = as_bytes(rng.normal(100, deviation, (60, 80)))
        background.changed(seen)
        background.learn(seen, 0.2, None)
    # Rounding to whole levels adds a twelfth to the variance; the mean deviation is sqrt(2 / pi) of the standard one.
    expected = np.sqrt(2 / np.pi * (deviation**2 + 1 / 12))
    assert background.usual_noise() == pytest.approx(expected, rel=0.15)
    assert np.abs(background.levels.astype(float) - 100).mean() < 1 + deviation / 4


def test_a_background_learns_in_time_and_not_in_looks() -> None:
    reached = []
    for looks in (20, 80):
        background = Background((1, 1), 4.5, 2.5)
        background.restart(np.array([[100]], np.uint8))
        for _ in range(400):  # known for long
            background.changed(np.array([[100]], np.uint8))
            background.learn(np.array([[100]], np.uint8), 0.2, None)
        for _ in range(looks):
            background.changed(np.array([[200]], np.uint8))
            background.learn(np.array([[200]], np.uint8), LEARNING_S / looks, None)
        reached.append(int(background.levels[0, 0]))
    assert reached[0] == pytest.approx(100 + 100 * (1 - np.exp(-1)), abs=3)
    assert abs(reached[0] - reached[1]) <= 3


def test_where_it_is_told_not_to_a_background_learns_nothing() -> None:
    background = Background((2, 2), 4.5, 2.5)
    background.restart(np.full((2, 2), 50, np.uint8))
    where = np.array([[255, 0], [0, 255]], np.uint8)
    for _ in range(50):
        background.changed(np.full((2, 2), 90, np.uint8))
        background.learn(np.full((2, 2), 90, np.uint8), 1.0, where)
    assert background.levels[0, 1] == background.levels[1, 0] == 50
    assert background.levels[0, 0] > 80


@given(st.floats(0.75, 1.3), st.integers(0, 50))
@settings(max_examples=20, deadline=None)
def test_a_gain_is_found_in_spite_of_a_large_object_and_divided_out(gain: float, seed: int) -> None:
    before = texture(seed)
    after = before * np.float32(gain)
    after[40:200, 20:120] = 20
    grid, exposure = Grid(ROWS, COLUMNS), Exposure(ROWS, COLUMNS)
    now, then = np.empty((ROWS, COLUMNS), np.uint8), np.empty((ROWS, COLUMNS), np.uint8)
    grid.means_of(as_bytes(after), now)
    grid.means_of(as_bytes(before), then)
    exposure.measure(now, then, 0.2)
    assert exposure.gains == pytest.approx(np.full(ROWS, gain), abs=0.04)
    corrected = exposure.correct(as_bytes(after)).astype(float)
    outside = np.ones(before.shape, bool)
    outside[36:204, 16:124] = False
    assert np.abs(corrected - before)[outside].mean() < 3


def test_bands_of_a_rolling_shutter_are_divided_out_row_by_row() -> None:
    before = texture(3)
    bands = 1 + 0.1 * np.sin(np.linspace(0, 4 * np.pi, before.shape[0]))[:, None]
    grid, exposure = Grid(ROWS, COLUMNS), Exposure(ROWS, COLUMNS)
    now, then = np.empty((ROWS, COLUMNS), np.uint8), np.empty((ROWS, COLUMNS), np.uint8)
    grid.means_of(as_bytes(before * bands), now)
    grid.means_of(as_bytes(before), then)
    exposure.measure(now, then, 0.2)
    assert not exposure.switched
    assert np.abs(exposure.correct(as_bytes(before * bands)) - before).mean() < 2


@given(st.floats(-0.9, 0.9), st.floats(-0.9, 0.9), st.integers(0, 50))
@settings(max_examples=30, deadline=None)
def test_a_small_sway_is_measured(across: float, down: float, seed: int) -> None:
    """Shifts in cells; the pictures are made at four times the resolution."""
    fine = texture(seed)
    there = cv2.warpAffine(
        fine, np.array([[1, 0, across * CELL], [0, 1, down * CELL]]), fine.shape[::-1], borderMode=cv2.BORDER_REFLECT
    )
    grid, cells, shifted = Grid(ROWS, COLUMNS), np.empty((ROWS, COLUMNS), np.uint8), np.empty((ROWS, COLUMNS), np.uint8)
    grid.means_of(as_bytes(fine), cells)
    grid.means_of(as_bytes(there), shifted)
    found = sway(shifted, cells, np.ones((ROWS, COLUMNS), bool))
    largest = max(abs(across), abs(down))
    if largest > 0.2:
        assert found.is_one(0.5)
        assert 0.5 * largest < found.cells < 1.6 * largest  # gradients of so coarse a picture are too small


def test_people_who_walk_together_do_not_sway_the_picture() -> None:
    before = as_bytes(texture(5, (ROWS, COLUMNS)))
    after = before.copy()
    after[20:50, 10:40] = before[20:50, 8:38]
    quiet = np.ones((ROWS, COLUMNS), bool)
    quiet[18:52, 7:43] = False
    rng = np.random.default_rng(2)
    noisy = as_bytes(after + rng.normal(0, 1, after.shape))
    assert not sway(noisy, before, quiet).is_one(0.8)


@pytest.mark.parametrize("shift", [(9, 0), (-30, 12), (0, 40), (70, -30)])
def test_a_pan_is_found_and_another_picture_is_none(shift: tuple[int, int]) -> None:
    wide = as_bytes(texture(6, (500, 600)))
    before, after = (wide[100 + y : 340 + y, 140 + x : 460 + x] for x, y in ((0, 0), shift))
    assert moved(after, before)
    assert not moved(as_bytes(texture(7)), before)
    assert not moved(before.copy(), before)


def test_unrelated_pictures_do_not_correlate_and_darker_ones_do() -> None:
    one, other = as_bytes(texture(8, (ROWS, COLUMNS))), as_bytes(texture(9, (ROWS, COLUMNS)))
    assert correlation(one, one) == pytest.approx(1)
    assert correlation(one, as_bytes(one * 0.4)) > 0.98
    assert abs(correlation(one, other)) < 0.3
    black, white = np.zeros((ROWS, COLUMNS), np.uint8), np.full((ROWS, COLUMNS), 200, np.uint8)
    assert correlation(black, white) == 1
    assert correlation(one, black) == pytest.approx(0, abs=0.01)


def test_flares_all_over_are_taken_away_and_what_stays_comes_through() -> None:
    rng = np.random.default_rng(4)
    speckle = Speckle(ROWS, COLUMNS)
    told, stays = [], []
    for look in range(200):
        changed = (rng.random((ROWS, COLUMNS)) < 0.002).astype(np.uint8) * np.uint8(255)
        if look >= 100:
            changed[30, 40:42] = 255
        left = speckle.remove(changed)
        assert not (left & ~changed).any()
        if look >= 100:
            stays.append(bool(left[30, 40]))
            left[28:33, 38:44] = 0
        if look >= 20:
            told.append(bool(left.any()))
    assert np.mean(told) <= 0.05
    assert stays.index(True) < MOST_LOOKS
    assert all(stays[MOST_LOOKS:])


def test_where_it_does_not_snow_something_small_is_told_at_once() -> None:
    speckle = Speckle(ROWS, COLUMNS)
    quiet = np.zeros((ROWS, COLUMNS), np.uint8)
    for _ in range(50):
        assert not speckle.remove(quiet).any()
    quiet[10, 10] = 255
    assert speckle.remove(quiet)[10, 10] == 255
