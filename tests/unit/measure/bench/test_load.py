"""From a row of the table to a fleet."""

from __future__ import annotations

from dataclasses import replace

import pytest

from camslice.fleet.errors import CamsliceError
from camslice.fleet.types import Pace, Topology
from camslice.measure.bench.load import load_for, phases_of
from camslice.measure.bench.values import Phase
from tests.unit.measure.bench.made import QUESTION

OPEN = replace(QUESTION, fps=5.0)


@pytest.mark.parametrize(
    ("topology", "pods", "cameras", "machines", "measured"),
    [
        (Topology.SLICED, 20, 20, 1, 20),
        (Topology.POOLED, 1, 20, 1, 20),  # one pod, and as many cameras as the others have
        (Topology.REMOTE, 20, 20, 1, 20),
        (Topology.DEDICATED, 20, 20, 20, 1),  # one stands for 20 machines
    ],
)
def test_twenty_pods_are_twenty_cameras_in_every_topology(
    topology: Topology, pods: int, cameras: int, machines: int, measured: int
) -> None:
    load = load_for(topology, 20, QUESTION)
    assert (load.pods, load.cameras, load.machines, len(load.fleet.cameras)) == (pods, cameras, machines, measured)
    assert load.pods_here == pods // machines
    assert load.fleet.topology is topology


def test_pods_of_several_streams_have_as_many_cameras_each() -> None:
    question = replace(QUESTION, streams_per_pod=4)
    sliced, pooled = load_for(Topology.SLICED, 5, question), load_for(Topology.POOLED, 5, question)
    assert (sliced.pods, sliced.cameras, pooled.pods, pooled.cameras) == (5, 20, 1, 20)
    assert load_for(Topology.DEDICATED, 1, question).cameras == 1


def test_remote_has_the_workers_that_were_asked_for_else_one_for_each_pod() -> None:
    assert load_for(Topology.REMOTE, 8, QUESTION).fleet.workers == 8
    asked = load_for(Topology.REMOTE, 8, replace(QUESTION, workers=2))
    assert (asked.fleet.workers, asked.pods, asked.cameras) == (2, 2, 8)


def test_in_a_closed_loop_every_frame_of_the_clip_is_due_and_the_clip_starts_again() -> None:
    load = load_for(Topology.SLICED, 2, QUESTION)
    assert load.fleet.pace is Pace.CLOSED_LOOP
    assert all(camera.loop and camera.playback_fps is None and camera.fps > 240 for camera in load.fleet.cameras)


def test_in_an_open_loop_the_clip_plays_at_the_rate_of_the_load() -> None:
    load = load_for(Topology.SLICED, 2, OPEN)
    assert load.fleet.pace is Pace.LIVE
    assert [(camera.fps, camera.playback_fps) for camera in load.fleet.cameras] == [(5.0, 5.0)] * 2


def test_phases_are_drawn_from_the_seed_and_differ_from_turn_to_turn() -> None:
    def drawn(seed: int, turn: int) -> list[float]:
        phases = phases_of(replace(OPEN, seed=seed), turn)
        return [phases(camera) for camera in range(1, 55)]

    assert drawn(1, 0) == drawn(1, 0)
    assert drawn(1, 0) != drawn(1, 1)
    assert drawn(1, 0) != drawn(2, 0)
    assert all(0 <= phase < 1 for phase in drawn(1, 0))
    assert len(set(drawn(1, 0))) == 54


def test_aligned_cameras_have_their_frames_due_at_the_same_instant() -> None:
    phases = phases_of(replace(OPEN, phase=Phase.ALIGNED), 3)
    assert {phases(camera) for camera in range(1, 55)} == {0.0}


@pytest.mark.parametrize(
    ("topology", "pods", "words"),
    [
        (Topology.SLICED, 2000, "2000 pods of 1 make 2000 streams"),
        (Topology.MIG, 2, "this machine has none"),
    ],
)
def test_what_this_machine_cannot_do_is_refused_before_anything_starts(topology: Topology, pods: int, words: str) -> None:
    with pytest.raises(CamsliceError, match=words):
        load_for(topology, pods, QUESTION)
