"""What the gate says of whole pictures: each disturbance is recognised, and nothing else is taken for one."""

from __future__ import annotations

import numpy as np
import pytest

from camslice.video.gate.gate import Gate
from camslice.video.gate.sight import Disturbance
from camslice.video.picture import StillPicture
from camslice.video.scene.scene import Scene


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


@pytest.mark.parametrize(("size", "shape"), [((768, 576), (60, 80)), ((1920, 1080), (45, 80)), ((480, 640), (80, 60))])
def test_cells_cover_frames_in_equal_shares(size: tuple[int, int], shape: tuple[int, int]) -> None:
    sight = Gate().look(StillPicture(np.zeros((size[1], size[0], 3), np.uint8)), 0.0)
    assert sight.cells.shape == shape
    assert sight.cells.all()
