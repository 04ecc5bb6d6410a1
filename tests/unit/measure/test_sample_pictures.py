"""Pictures to calibrate with: spread over a folder, or taken from cameras as the model sees them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from camslice.engine.slots import Layout, SlotArrays
from camslice.fleet.errors import SourceError
from camslice.fleet.geometry import Letterbox, Region
from camslice.fleet.secrets import Source
from camslice.fleet.types import CameraSpec, Pace
from camslice.measure.sample_pictures import sample_cameras, sample_folder, spread
from camslice.models.model import InputSpec
from camslice.video.slot import holding_planes
from camslice.video.sources.request import SourceRequest
from camslice.video.sources.scene import open_scene
from tests.labelled_pictures import gray_picture

SPEC = InputSpec(96, 64, dynamic_batch=True, dynamic_size=True)


def camera(name: str, address: str) -> CameraSpec:
    return CameraSpec(name, Source(address, address), 5, ("m",))


@given(there=st.integers(1, 500), most=st.integers(1, 500))
def test_a_spread_takes_as_many_as_asked_and_none_twice(there: int, most: int) -> None:
    taken = spread(there, most)
    assert len(taken) == len(set(taken)) == min(there, most)
    assert taken == sorted(taken)
    assert taken[0] == 0
    assert taken[-1] < there
    gaps = {after - before for before, after in pairwise(taken)}
    assert max(gaps, default=0) - min(gaps, default=0) <= 1


def test_a_folder_gives_its_pictures_and_nothing_else(tmp_path: Path) -> None:
    for number in range(10):
        gray_picture(tmp_path / f"{number}.png", 10 * number)
    (tmp_path / "notes.txt").write_text("no picture")
    sample = sample_folder(tmp_path, 5)
    assert sample.layout is Layout.RGB
    assert [int(picture.luma(2, 2).mean()) for picture in sample.pictures] == [0, 20, 40, 60, 80]
    assert [int(picture.luma(2, 2).mean()) for picture in sample.take([1, 3]).pictures] == [20, 60]


def test_every_source_gives_as_many_frames_scaled_to_the_model_and_without_padding() -> None:
    cameras = [camera(f"c{seed}", f"scene://people?seed={seed % 2}&size=320x240&seconds=5") for seed in range(4)]
    sample = sample_cameras(cameras, SPEC, 12)
    assert len(sample.pictures) == 12
    assert sample.origin == "2 of the fleet's 2 sources"
    assert {(picture.width, picture.height) for picture in sample.pictures} == {(86, 64)}


def test_a_sampled_frame_goes_into_a_slot_as_the_camera_would_put_it() -> None:
    address = "scene://people?seed=1&size=320x240&seconds=0.1"
    (sampled,) = sample_cameras([camera("a", address)], SPEC, 1).pictures
    box = Letterbox.fit(Region(0, 0, sampled.width, sampled.height), 96, 64, centred=True, even=True)
    again = SlotArrays(Layout.I420, 1, 96, 64, SPEC.pad)
    slot = holding_planes(again.slot_for(0, box))
    sampled.scale_into(slot, box)
    feed = open_scene(SourceRequest(camera("a", address), Pace.LOSSLESS))
    feed.advance()
    frame = feed.decode()[0].picture()
    whole = Letterbox.fit(Region(0, 0, frame.width, frame.height), 96, 64, centred=True, even=True)
    direct = holding_planes(SlotArrays(Layout.I420, 1, 96, 64, SPEC.pad).slot_for(0, whole))
    frame.scale_into(direct, whole)
    for plane in ("y", "u", "v", "colour"):
        np.testing.assert_array_equal(getattr(slot, plane), getattr(direct, plane))


def test_the_same_frames_are_taken_each_time() -> None:
    cameras = [camera("a", "scene://people?seed=1&size=320x240&seconds=20")]
    once, again = ([picture.luma(86, 64) for picture in sample_cameras(cameras, SPEC, 4).pictures] for _ in range(2))
    np.testing.assert_array_equal(once, again)
    assert len({frame.tobytes() for frame in once}) == 4


def test_cameras_that_give_nothing_are_told_without_their_secrets(caplog: pytest.LogCaptureFixture) -> None:
    secret = Source("none/${WORD}.mp4", "none/hunter2.mp4", ("hunter2",))
    with pytest.raises(SourceError, match="none of the 1 cameras gave a frame"):
        sample_cameras([CameraSpec("gate", secret, 5, ("m",))], SPEC, 4)
    assert "camera gate" in caplog.text
    assert "hunter2" not in caplog.text
