from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camslice.video.scene.conditions import Behaviour, Conditions
from camslice.video.scene.names import SCENES
from camslice.video.scene.scene import Scene
from camslice.video.scene.shake import offset

seeds = st.integers(0, 2**32)
numbers = st.integers(0, 5000)


@given(seeds, numbers)
@settings(max_examples=10, deadline=None)
def test_the_same_seed_draws_the_same_frames_in_any_order(seed: int, k: int) -> None:
    one, other = Scene(seed, (160, 120), people=3), Scene(seed, (160, 120), people=3)
    other.frame(k + 7)
    for plane, again in zip(one.frame(k), other.frame(k), strict=True):
        assert (plane == again).all()
    assert (one.truth(k) == other.truth(k)).all()


def test_another_seed_is_another_scene() -> None:
    assert (Scene(1, (160, 120)).frame(0)[0] != Scene(2, (160, 120)).frame(0)[0]).any()


@given(seeds, numbers, st.sampled_from([(160, 120), (768, 576), (64, 64), (320, 640), (64, 1024), (128, 1024)]))
@settings(max_examples=20, deadline=None)
def test_the_truth_encloses_exactly_what_was_drawn(seed: int, k: int, size: tuple[int, int]) -> None:
    """Against the same street without people: the pixels that differ, of one walker, fill his box up to its sides."""
    alone, empty = Scene(seed, size, people=1), Scene(seed, size, people=0)
    differs = alone.frame(k)[0] != empty.frame(k)[0]
    (box,) = alone.truth(k).astype(int)
    rows, columns = np.flatnonzero(differs.any(1)), np.flatnonzero(differs.any(0))
    drawn = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    # A pixel of the figure may by chance have the background's value, never the other way round.
    assert box[0] <= drawn[0]
    assert box[1] <= drawn[1]
    assert drawn[2] <= box[2]
    assert drawn[3] <= box[3]
    assert np.abs(np.subtract(drawn, box)).max() <= 2


@given(seeds, numbers)
@settings(max_examples=20, deadline=None)
def test_everybody_stays_inside_the_picture(seed: int, k: int) -> None:
    truth = Scene(seed, (320, 240), people=8).truth(k)
    assert truth.shape == (8, 4)
    assert (truth[:, :2] >= 0).all()
    assert (truth[:, 2] <= 320).all()
    assert (truth[:, 3] <= 240).all()
    assert (truth[:, 2:] > truth[:, :2]).all()


def test_people_walk() -> None:
    scene = Scene(3, (320, 240), people=4, fps=10)
    assert (np.abs(scene.truth(10) - scene.truth(0)).max(axis=1) > 2).all()


def test_an_empty_scene_has_a_street_and_no_truth() -> None:
    scene = Scene(1, (160, 120), people=0)
    assert scene.truth(5).shape == (0, 4)
    assert scene.frame(0)[0].std() > 5


def test_a_frame_belongs_to_its_caller() -> None:
    scene = Scene(1, (160, 120))
    scene.frame(0)[0].fill(0)
    assert scene.frame(0)[0].any()


def named(name: str, seed: int = 1, *, size: tuple[int, int] = (320, 240)) -> Scene:
    manner = SCENES[name]
    return Scene(seed, size, people=manner.people, fps=5, behaviour=manner.behaviour, conditions=manner.conditions)


@pytest.mark.parametrize("name", SCENES)
def test_every_named_scene_is_the_same_in_any_order_and_keeps_people_inside(name: str) -> None:
    one, other = named(name), named(name)
    other.frame(99)
    for k in (0, 33, 151):
        for plane, again in zip(one.frame(k), other.frame(k), strict=True):
            assert (plane == again).all()
        truth = one.truth(k)
        assert (truth == other.truth(k)).all()
        assert (truth >= 0).all()
        assert (truth[:, 2:] <= [320, 240]).all()
        assert (truth[:, 2:] > truth[:, :2]).all()


def test_noise_is_as_strong_as_told_and_new_in_every_frame() -> None:
    clean, noisy = Scene(1, (320, 240), people=0), Scene(1, (320, 240), people=0, conditions=Conditions(noise=4.0))
    first, second = (noisy.frame(k)[0].astype(float) - clean.frame(k)[0] for k in (0, 1))
    assert first.std() == pytest.approx(4, abs=0.2)
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.05


def test_flicker_goes_through_the_rows_and_leaves_the_mean() -> None:
    clean = Scene(1, (320, 240), people=0).frame(0)[0].astype(float) - 16
    dark = Scene(1, (320, 240), people=0, conditions=Conditions(flicker=0.1))
    shares = np.array([((dark.frame(k)[0].astype(float) - 16) / clean).mean(axis=1) for k in range(20)])
    assert shares.max() == pytest.approx(1.1, abs=0.02)
    assert shares.min() == pytest.approx(0.9, abs=0.02)
    assert abs(shares.mean() - 1) < 0.02
    assert np.ptp(shares[0]) > 0.1


def test_lights_go_on_when_told() -> None:
    scene = Scene(1, (320, 240), people=0, fps=10, conditions=Conditions(lights_at_s=3.0))
    dark, lit = scene.frame(29)[0].mean() - 16, scene.frame(30)[0].mean() - 16
    assert lit > 2 * dark


def test_a_gust_moves_picture_and_truth_alike() -> None:
    swaying = Scene(2, (320, 240), people=2, fps=10, conditions=Conditions(shake=8))
    steady = Scene(2, (320, 240), people=2, fps=10)
    moved = [k for k in range(50, 80) if offset(k / 10, 8) != (0, 0)]
    assert len(moved) > 15
    for k in moved:
        across, down = offset(k / 10, 8)
        assert max(abs(across), abs(down)) <= 8
        middle = steady.frame(k)[0][100:140, 100:200]
        assert (swaying.frame(k)[0][100 + down : 140 + down, 100 + across : 200 + across] == middle).all()
        shifted = np.clip(steady.truth(k) + np.array([across, down] * 2), 0, [320, 240, 320, 240])
        assert (swaying.truth(k) == shifted).all()
    assert offset(4.9, 8) == (0, 0)


def test_flakes_fall_and_are_as_many_as_told() -> None:
    clean, snowy = Scene(1, (768, 576), people=0), Scene(1, (768, 576), people=0, conditions=Conditions(snow=300))
    white = [(snowy.frame(k)[0] == 215) & (clean.frame(k)[0] != 215) for k in (0, 1)]
    assert 300 < white[0].sum() < 300 * 25
    assert (white[0] & white[1]).sum() < white[0].sum() / 4


def test_people_stand_for_as_long_as_told_after_every_8_seconds() -> None:
    scene = Scene(1, (320, 240), people=1, fps=10, behaviour=Behaviour(stop_s=20.0))
    steps = np.array([(scene.truth(k) != scene.truth(k + 10)).any() for k in range(0, 560, 10)])
    assert 30 <= np.count_nonzero(~steps) <= 44
    changes = np.count_nonzero(steps[1:] != steps[:-1])
    assert 3 <= changes <= 5


def test_who_comes_in_is_not_there_before() -> None:
    scene = Scene(3, (320, 240), people=1, fps=10, behaviour=Behaviour(enter_s=4.0))
    empty = Scene(3, (320, 240), people=0, fps=10)
    for k in (0, 39):
        assert scene.truth(k).shape == (0, 4)
        assert (scene.frame(k)[0] == empty.frame(k)[0]).all()
    widths = [np.ptp(scene.truth(k)[:, ::2]) for k in range(44, 60) if len(scene.truth(k))]
    assert widths
    assert widths[0] < max(widths)
    assert (scene.truth(60)[:, 0] >= 0).all()


def test_groups_cross() -> None:
    scene = Scene(1, (768, 576), people=8, fps=5, behaviour=Behaviour(groups=2))
    directions = np.sign(scene.truth(5)[:, 0] - scene.truth(0)[:, 0])
    assert set(directions) == {-1, 1}
    rightward = directions > 0
    middles = [scene.truth(k)[:, 0] for k in range(150)]
    ahead = [x[rightward].mean() < x[~rightward].mean() for x in middles]
    assert len(set(ahead)) == 2


@pytest.mark.parametrize("scale", [0.3, 2.0])
def test_people_are_as_tall_as_told(scale: float) -> None:
    usual = Scene(1, (768, 576), people=5).truth(0)
    told = Scene(1, (768, 576), people=5, behaviour=Behaviour(scale=scale)).truth(0)
    heights = np.ptp(told[:, 1::2], axis=1) / np.ptp(usual[:, 1::2], axis=1)
    assert np.abs(heights / scale - 1).max() < 0.15
