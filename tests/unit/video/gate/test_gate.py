"""What the gate says of whole pictures: each disturbance is recognised, and nothing else is taken for one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from camslice.video.gate.gate import Gate
from camslice.video.gate.sight import Disturbance
from camslice.video.picture import StillPicture
from camslice.video.scene.scene import Scene
from camslice.video.scene.shake import offset
from tests.unit.video.gate.looking import FPS, disturbances, looks, scene, sights

START = [(0, Disturbance.START)]


def test_the_first_look_and_the_one_after_a_reconnect_are_a_start() -> None:
    picture = Scene(1, (320, 240), people=0).picture(0)
    gate = Gate()
    assert gate.look(picture, 0.0).disturbance is Disturbance.START
    assert gate.look(picture, 0.2).disturbance is None
    gate.reset()
    assert gate.look(picture, 0.4).disturbance is Disturbance.START


def test_a_frame_of_another_size_is_a_start() -> None:
    gate = Gate()
    gate.look(Scene(1, (320, 240), people=0).picture(0), 0.0)
    assert gate.look(Scene(1, (640, 480), people=0).picture(0), 0.2).disturbance is Disturbance.START


@pytest.mark.parametrize(
    ("size", "shape"),
    [((768, 576), (60, 80)), ((1920, 1080), (45, 80)), ((480, 640), (80, 60)), ((64, 4096), (80, 1)), ((4096, 64), (1, 80))],
)
def test_cells_cover_frames_in_equal_shares(size: tuple[int, int], shape: tuple[int, int]) -> None:
    gate = Gate()
    picture = StillPicture(np.zeros((size[1], size[0], 3), np.uint8))
    for at_s in (0.0, 0.2):
        assert gate.look(picture, at_s).cells.shape == shape


@pytest.mark.parametrize("name", ["people", "night", "flicker", "slow", "stopping", "tiny", "crossing", "snow", "entering"])
@pytest.mark.parametrize("people", [None, 0])
def test_noise_flicker_snow_and_people_disturb_no_whole_picture(name: str, people: int | None) -> None:
    assert disturbances(sights(scene(name, 3, people=people), 60)) == START


@pytest.mark.parametrize("people", [None, 0])
def test_lights_switched_on_are_light_and_said_once(people: int | None) -> None:
    drawn, switched = scene("lights", people=people), round(20 * FPS)
    pictures = [drawn.picture(k) for k in range(switched - 30, switched + 15)]
    assert disturbances(looks(pictures)) == [*START, (30, Disturbance.LIGHT)]


@pytest.mark.parametrize("share", [0.5, 1.5])
def test_a_camera_that_changes_its_exposure_at_one_go_is_light(share: float) -> None:
    plain = scene("empty").picture(0).luma(768, 576)
    rgb = np.repeat(plain[..., None], 3, axis=2)
    other = np.clip(rgb * share, 0, 255).astype(np.uint8)
    pictures = [StillPicture(rgb)] * 5 + [StillPicture(other)] * 5
    assert disturbances(looks(pictures)) == [*START, (5, Disturbance.LIGHT)]


def test_a_gradual_dusk_changes_nothing() -> None:
    plain = scene("empty").picture(0).luma(768, 576)
    darker = (np.repeat((plain * share)[..., None], 3, axis=2).astype(np.uint8) for share in np.linspace(1, 0.5, 300))
    seen = list(looks(StillPicture(rgb) for rgb in darker))
    assert disturbances(seen) == START
    assert np.mean([sight.cells.any() for sight in seen[1:]]) <= 0.02


@pytest.mark.parametrize("people", [None, 0])
def test_a_camera_that_sways_is_shake_in_every_gust_and_nothing_between(people: int | None) -> None:
    drawn = scene("shake", 2, people=people)
    frames = round(10 * FPS)
    told = {k for k, what in disturbances(sights(drawn, frames)) if what is Disturbance.SHAKE}
    at = [offset(k / FPS, 8) for k in range(frames)]
    moved = {k for k in range(1, frames) if np.abs(np.subtract(at[k], at[k - 1])).max() >= 4}
    still = {k for k in range(1, frames) if at[k] == at[k - 1]}
    assert len(moved) > 8
    assert len(moved - told) <= 1
    assert not told & still


@pytest.mark.parametrize("step", [(12, 0), (0, -10), (60, 24), (-130, 0)])
def test_a_camera_that_pans_is_shake_at_each_step(step: tuple[int, int]) -> None:
    wide = Scene(4, (2400, 1400), people=0).frame(0)[0]
    noise = np.random.default_rng(1)
    pictures = []
    for k in range(10):
        left, top = 800 + step[0] * max(0, k - 4), 400 + step[1] * max(0, k - 4)
        crop = wide[top : top + 576, left : left + 768] + noise.normal(0, 1.5, (576, 768))
        pictures.append(StillPicture(np.repeat(np.clip(crop, 0, 255).astype(np.uint8)[..., None], 3, axis=2)))
    assert disturbances(looks(pictures)) == [*START, *((k, Disturbance.SHAKE) for k in range(5, 10))]


def test_a_cut_is_a_cut_and_the_new_picture_is_watched_from_then_on() -> None:
    street = scene("slow", 2, people=0)
    seen = list(looks([*map(street.picture, range(10)), *(StillPicture(bars(k)) for k in range(10))]))
    assert disturbances(seen) == [*START, (10, Disturbance.CUT)]
    assert not any(sight.cells.any() for sight in seen[12:])


def bars(k: int) -> npt.NDArray[np.uint8]:
    """Upright bars, a little noisy: nothing like a street."""
    noise = np.random.default_rng(k).normal(0, 1, (576, 768, 1))
    levels = np.where(np.arange(768) // 96 % 2, 60, 190)[None, :, None]
    return np.clip(levels + noise + np.zeros((1, 1, 3)), 0, 255).astype(np.uint8)


def test_a_masked_place_is_never_told_and_the_rest_is() -> None:
    drawn = scene("people", 1)
    gate, masked = Gate(), Gate([[(0, 0), (0.5, 0), (0.5, 1), (0, 1)]])
    everywhere, right = sights(drawn, 40, gate), sights(drawn, 40, masked)
    assert any(sight.cells[:, :40].any() for sight in everywhere[1:])
    assert not any(sight.cells[:, :40].any() for sight in right)
    assert any(sight.cells[:, 40:].any() for sight in right[1:])


def test_time_that_goes_back_or_stands_is_no_mishap() -> None:
    drawn = scene("people", 1)
    gate = Gate()
    for k, at_s in enumerate([5.0, 5.0, 4.0, 4.2, 1e9, 0.0]):
        assert gate.look(drawn.picture(k), at_s).cells.shape == (60, 80)


def test_a_sight_stays_as_it_was_when_the_gate_looks_again() -> None:
    drawn, gate = scene("people", 1), Gate()
    seen = [gate.look(drawn.picture(k), k / FPS) for k in range(8)]
    kept = [(sight.cells.copy(), None if sight.luma is None else sight.luma.copy()) for sight in seen]
    for k in range(8, 16):
        gate.look(drawn.picture(k), k / FPS)
    for sight, (cells, luma) in zip(seen, kept, strict=True):
        assert (sight.cells == cells).all()
        assert luma is not None
        assert (sight.luma == luma).all()
