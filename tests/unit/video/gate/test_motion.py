"""Hard scenes with known truth: who moves is seen, who stands is held, and what is nobody is not told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from camslice.video.gate.gate import Gate
from camslice.video.gate.sight import Disturbance, Sight
from camslice.video.picture import AvPicture, StillPicture
from camslice.video.scene.conditions import Behaviour, Conditions
from camslice.video.scene.scene import Scene
from tests.unit.video.gate.looking import FPS, SIZE, inside, looks, scene, sights

SEEN = 0.99
FALSE = 0.02
WARM = 5
"""Looks that a gate has to get to know a camera."""


@pytest.mark.parametrize("name", ["people", "night", "flicker", "slow", "tiny", "crossing", "shake", "snow", "lights"])
def test_who_moves_is_touched_by_cells(name: str) -> None:
    hits = [
        inside(sight.cells, box).any()
        for seed in (1, 2)
        for k, sight, box in moving(scene(name, seed), 80)
        if sight.disturbance is None or k < WARM
    ]
    assert len(hits) > 100
    assert np.mean(hits) >= SEEN


def moving(drawn: Scene, frames: int) -> Iterator[tuple[int, Sight, npt.NDArray[np.float32]]]:
    """Each box of somebody who moved, with what the gate said of that frame."""
    before = drawn.truth(WARM - 1)
    for k, sight in enumerate(sights(drawn, frames)):
        now = drawn.truth(k)
        if k >= WARM:
            for box, last in zip(now, before, strict=True):
                if (box != last).any():
                    yield k, sight, box
            before = now


@pytest.mark.parametrize("name", ["night", "flicker", "slow", "snow"])
def test_where_nobody_is_nothing_is_told(name: str) -> None:
    told = [sight.cells.any() for seed in (1, 2) for sight in sights(scene(name, seed, people=0), 150)[WARM:]]
    assert np.mean(told) <= FALSE


@pytest.mark.parametrize("noise", [0.0, 3.0, 10.0])
@pytest.mark.parametrize("light", [0.15, 1.0])
def test_noise_of_any_strength_is_no_motion(noise: float, light: float) -> None:
    drawn = Scene(5, SIZE, people=0, fps=FPS, conditions=Conditions(light=light, noise=noise))
    assert np.mean([sight.cells.any() for sight in sights(drawn, 110)[WARM:]]) <= FALSE


def test_small_people_are_seen_in_snow() -> None:
    drawn = Scene(1, SIZE, people=6, fps=FPS, behaviour=Behaviour(scale=0.3), conditions=Conditions(noise=1.5, snow=400))
    hits = [inside(sight.cells, box).any() for _, sight, box in moving(drawn, 60)]
    assert np.mean(hits) >= SEEN


def test_somebody_12_pixels_tall_where_the_detector_looks_is_seen() -> None:
    """At 640 pixels of 768, 14 pixels of the frame; he walks one pixel a look, on a street without much contrast."""
    street = scene("empty").frame(0)[0]
    noise = np.random.default_rng(3)

    def pictures(walker: int) -> Iterator[StillPicture]:
        for k in range(60):
            y = street + noise.normal(0, 1.5, street.shape)
            y[400:414, 200 + k : 205 + k] += walker
            yield StillPicture(np.repeat(np.clip(y, 0, 255).astype(np.uint8)[..., None], 3, axis=2))

    hits = [
        inside(sight.cells, np.array([200 + k, 400, 205 + k, 414])).any()
        for k, sight in enumerate(looks(pictures(35)))
        if k >= WARM
    ]
    assert np.mean(hits) >= SEEN
    assert not any(sight.cells.any() for sight in list(looks(pictures(0)))[WARM:])


def test_who_comes_in_is_seen_at_the_first_look_that_shows_half_of_him() -> None:
    drawn = scene("entering", 2)
    first = round(30 * FPS)
    seen = list(looks(drawn.picture(k) for k in range(first - 40, first + 30)))
    assert not any(sight.cells.any() for sight in seen[WARM:40])
    whole = max(np.ptp(drawn.truth(first + k)[:, ::2]) for k in range(30) if len(drawn.truth(first + k)))
    half = next(k for k in range(30) if len(t := drawn.truth(first + k)) and np.ptp(t[:, ::2]) >= whole / 2)
    assert inside(seen[40 + half].cells, drawn.truth(first + half)[0]).any()


def test_who_stops_for_minutes_is_held_and_said_to_stand_still() -> None:
    drawn = scene("stopping", 1)
    gate = Gate()
    for k in range(60):
        gate.look(drawn.picture(k), k / FPS)
    times = np.arange(12.0, 150.0, 1.0)
    held, still = [], []
    for at_s in times:
        k = int(at_s * FPS)
        sight = gate.look(drawn.picture(k), at_s)
        held += [inside(sight.cells, box).any() for box in drawn.truth(k)]
        still.append(sight.still is not None)
    assert np.mean(held) >= SEEN
    assert np.mean(still) >= 0.8


def test_what_stands_for_ten_minutes_belongs_to_the_background() -> None:
    gate = Gate()
    street, box = scene("slow", people=0), np.array([300, 400, 360, 450])
    told = {}
    for k in range(20 + 720):
        y = street.frame(k)[0]
        if k >= 20:
            y[box[1] : box[3], box[0] : box[2]] = 30
        rgb = np.repeat(y[..., None], 3, axis=2)
        told[k] = inside(gate.look(StillPicture(rgb), float(k)).cells, box).any()
    assert all(told[k] for k in range(20, 20 + 590))
    assert not any(told[k] for k in range(20 + 620, 20 + 720))


def test_who_was_there_at_the_start_and_leaves_leaves_no_ghost() -> None:
    drawn = scene("people", 3, people=1)
    left = drawn.truth(0)[0]
    seen = sights(drawn, 60)
    away = [k for k in range(60) if drawn.truth(k)[0][0] > left[2] + 20 or drawn.truth(k)[0][2] < left[0] - 20]
    assert len(away) > 30
    late = [k for k in away if k > away[0] + 4 * FPS]
    assert not any(inside(seen[k].cells, left + np.array([20, 0, -20, 0])).any() for k in late)


def test_a_lamp_that_lights_a_part_of_the_wall_is_soon_known() -> None:
    street = scene("slow", people=0)
    gate, told = Gate(), []
    for k in range(80):
        y = street.frame(k)[0].astype(np.float32)
        if k >= 20:
            y[100:300, 100:350] *= 1.4
        rgb = np.repeat(np.clip(y, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
        told.append(gate.look(StillPicture(rgb), k / FPS).cells.any())
    assert told[20]
    assert not any(told[20 + 5 * int(FPS) :])


def test_flicker_of_the_whole_picture_is_told_no_more_after_a_few_looks() -> None:
    street = scene("slow", people=0)
    bright = [np.clip(street.frame(k)[0] * (1.16 if k % 2 else 0.84), 0, 255).astype(np.uint8) for k in range(60)]
    seen = list(looks(StillPicture(np.repeat(y[..., None], 3, axis=2)) for y in bright))
    assert {sight.disturbance for sight in seen[:10]} <= {None, Disturbance.START, Disturbance.LIGHT}
    assert not any(sight.cells.any() for sight in seen[10:])


def test_what_a_codec_changes_from_key_frame_to_key_frame_is_no_motion(tmp_path: Path) -> None:
    """H.264 at about 200 kbit/s for 25 frames a second, a key frame every 25."""
    street, path = scene("slow", people=0), tmp_path / "street.mkv"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=5, options={"preset": "veryfast", "crf": "35"})
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = *SIZE, "yuv420p", 25
        for k in range(110):
            planes = np.concatenate([plane.ravel() for plane in street.frame(k)])
            output.mux(stream.encode(av.VideoFrame.from_ndarray(planes.reshape(-1, SIZE[0]), "yuv420p")))
        output.mux(stream.encode())
    with av.open(str(path)) as container:
        seen = list(looks(AvPicture(frame) for frame in container.decode(video=0)))
    assert np.mean([sight.cells.any() for sight in seen[WARM:]]) <= FALSE


def test_noise_that_a_camera_did_not_have_before_is_got_used_to() -> None:
    quiet, loud = (Scene(1, SIZE, people=0, fps=FPS, conditions=Conditions(noise=noise)) for noise in (0.0, 12.0))
    seen = list(looks([*(quiet.picture(k) for k in range(20)), *(loud.picture(k) for k in range(100))]))
    assert np.mean([sight.cells.any() for sight in seen[60:]]) <= FALSE
