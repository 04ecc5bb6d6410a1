"""What sharing costs and what memory holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from camslice.fleet.errors import MachineError
from camslice.fleet.types import Topology
from camslice.measure.profile.journal import Journal
from camslice.measure.profile.settings import Settings
from camslice.measure.profile.shared import Most, Shared, measured_sharing
from tests.unit.measure.profile.machines import MadeUpMachine


def sharing(machine: MadeUpMachine, available_mb: float = 1e5, settings: Settings | None = None) -> Shared:
    return measured_sharing(settings or Settings(), machine, Journal(None, {}), lambda _words, _seconds: None, available_mb)


def test_one_two_four_and_eight_pods_are_measured_and_pooled_cameras_too() -> None:
    points = sharing(MadeUpMachine()).points
    assert [(point.topology, point.pods, point.streams_per_pod) for point in points] == [
        (Topology.SLICED, 1, 1),
        (Topology.SLICED, 2, 1),
        (Topology.SLICED, 4, 1),
        (Topology.SLICED, 8, 1),
        (Topology.POOLED, 1, 1),
        (Topology.POOLED, 1, 8),
    ]


def test_pods_that_memory_does_not_hold_are_not_started() -> None:
    machine = MadeUpMachine(pod_mb=100)
    points = sharing(machine, available_mb=400).points
    assert [point.pods for point in points if point.topology is Topology.SLICED] == [1, 2, 4]
    assert "closed sliced 8 1" not in machine.asked


def test_a_load_that_the_machine_refuses_is_left_out() -> None:
    points = sharing(MadeUpMachine(most_pods=2)).points
    assert [point.pods for point in points if point.topology is Topology.SLICED] == [1, 2]


def test_a_refusal_that_passed_is_not_remembered(tmp_path: Path) -> None:
    for most_pods, pods in ((2, [1, 2]), (64, [1, 2, 4, 8])):
        journal = Journal(tmp_path / "partial", {})
        points = measured_sharing(Settings(), MadeUpMachine(most_pods=most_pods), journal, lambda _w, _s: None, 1e5).points
        assert [point.pods for point in points if point.topology is Topology.SLICED] == pods


def test_a_machine_with_room_for_nothing_is_said_so() -> None:
    with pytest.raises(MachineError, match="not even one stream"):
        sharing(MadeUpMachine(most_pods=0))


def test_memory_of_a_pod_and_of_a_further_stream_comes_from_pods_of_one_and_of_many() -> None:
    memory = sharing(MadeUpMachine(pod_mb=100, stream_mb=4)).memory
    assert memory.pod_mb is not None
    assert memory.further_stream_mb is not None
    assert memory.supervisor_mb is not None
    assert memory.pod_mb.value == pytest.approx(100)
    assert memory.further_stream_mb.value == pytest.approx(4)
    assert memory.supervisor_mb.value == 60


def test_pooled_streams_fit_in_greater_numbers_than_pods() -> None:
    shared = sharing(MadeUpMachine(pod_mb=100, stream_mb=4))
    assert shared.most_streams(Topology.POOLED, 1000) == Most(1 + 200, by_memory=True)
    # the made-up pods share a fifth of their pages with one another
    assert shared.most_streams(Topology.SLICED, 1000) == Most(11, by_memory=True)
    assert shared.most_streams(Topology.POOLED, 1e6).by_memory is False


def test_the_profile_covers_what_was_seen() -> None:
    covered = sharing(MadeUpMachine()).coverage(Topology.POOLED)
    assert covered.topologies == (Topology.DEDICATED, Topology.SLICED, Topology.POOLED)
    assert covered.instance_types == ()
