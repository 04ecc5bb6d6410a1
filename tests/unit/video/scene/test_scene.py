from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from camslice.video.scene.scene import Scene

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
