"""Clips from real cameras: one that never moves, in front of a busy square, and one that is cut and carried."""

from __future__ import annotations

from itertools import islice

import av
import numpy as np

from camslice.video.gate.gate import Gate
from camslice.video.gate.sight import Disturbance, Sight
from camslice.video.picture import AvPicture
from tests.needs import shared_file


def looked_at(clip: str, step: int, frames: int) -> list[Sight]:
    with av.open(str(shared_file(f"video/{clip}"))) as container:
        rate = float(container.streams.video[0].average_rate or 10)
        gate = Gate()
        decoded = islice(container.decode(video=0), 0, frames, step)
        return [gate.look(AvPicture(frame), k * step / rate) for k, frame in enumerate(decoded)]


def test_a_busy_square_disturbs_nothing_and_most_of_it_is_still() -> None:
    seen = looked_at("vtest.avi", 2, 300)
    assert [sight.disturbance for sight in seen] == [Disturbance.START] + [None] * (len(seen) - 1)
    shares = [sight.cells.mean() for sight in seen[1:]]
    assert 0.005 < np.mean(shares) < 0.15


def test_every_cut_is_found_and_nothing_else_is_taken_for_one() -> None:
    """Where the clip is cut was seen by eye."""
    seen = looked_at("bikes.mp4", 1, 250)
    cuts = [k for k, sight in enumerate(seen) if sight.disturbance is Disturbance.CUT]
    assert cuts == [30, 76, 137, 187, 242]


def test_a_camera_that_is_carried_is_looked_at_in_full_most_of_the_time() -> None:
    seen = looked_at("bikes.mp4", 3, 130)
    assert np.mean([sight.disturbance is not None or sight.cells.mean() > 0.5 for sight in seen]) > 0.6
