"""More pods than memory holds are refused before they are started, with the arithmetic."""

from __future__ import annotations

import pytest

from camslice.fleet.errors import EngineError, MachineError
from camslice.fleet.types import Topology
from camslice.measure.bench.load import load_for
from camslice.measure.bench.room import SMALLEST_POD_MB, Taken, refuse_what_memory_cannot_hold
from camslice.measure.bench.values import Load
from tests.unit.measure.bench.made import QUESTION


class Probe:
    """Says that one pod takes `mb`, and notes what it was asked."""

    def __init__(self, mb: float | None, engine_mb: float = 0.0, error: Exception | None = None) -> None:
        self.mb = mb
        self.engine_mb = engine_mb
        self.error = error
        self.asked: list[tuple[Topology, int, int]] = []

    def __call__(self, load: Load, threads: int) -> Taken | None:
        self.asked.append((load.topology, len(load.fleet.cameras), threads))
        if self.error is not None and load.topology is Topology.SLICED:
            raise self.error
        return None if self.mb is None else Taken(self.mb, self.engine_mb)


def refuse(probe: Probe, available_mb: float, *rows: tuple[Topology, int]) -> list[tuple[Topology, int, str]]:
    loads = [load_for(topology, pods, QUESTION) for topology, pods in rows]
    broken = refuse_what_memory_cannot_hold(loads, QUESTION, probe, lambda: available_mb)
    return [(load.topology, load.pods, why) for load, why in broken]


def test_what_no_pod_can_do_is_refused_without_starting_one() -> None:
    probe = Probe(100.0)
    with pytest.raises(MachineError, match=r"54 pods need 2,430 MB, and this machine has 1,000 MB to give; ask for at most 22"):
        refuse(probe, 1000.0, (Topology.SLICED, 54))
    assert SMALLEST_POD_MB == 45.0
    assert probe.asked == []


def test_one_pod_shows_what_the_others_will_take() -> None:
    probe = Probe(100.0)
    with pytest.raises(
        MachineError, match=r"takes 100 MB for itself, so 54 pods need 5,400 MB, .* 5,000 MB .* at most 50 pods"
    ):
        refuse(probe, 5000.0, (Topology.SLICED, 1), (Topology.SLICED, 54), (Topology.SLICED, 20))
    assert [(topology, cameras) for topology, cameras, _ in probe.asked] == [(Topology.SLICED, 1)]


def test_the_one_pod_has_as_many_threads_as_it_will_have_among_the_others() -> None:
    probe = Probe(100.0)
    refuse(probe, 1e6, (Topology.SLICED, 1000))
    assert [threads for *_, threads in probe.asked] == [1]


def test_what_fits_is_not_refused_and_one_pod_is_not_tried() -> None:
    probe = Probe(100.0)
    refuse(probe, 5400.0, (Topology.SLICED, 54))
    refuse(probe, 1.0e3, (Topology.SLICED, 1), (Topology.POOLED, 54), (Topology.DEDICATED, 54))
    assert len(probe.asked) == 1


def test_the_engine_server_of_remote_needs_memory_too() -> None:
    probe = Probe(100.0, engine_mb=300.0)
    refuse(probe, 800.0, (Topology.REMOTE, 5))
    with pytest.raises(MachineError, match=r"their engine server 300 MB, so 5 pods need 800 MB, .* at most 4 pods"):
        refuse(probe, 799.0, (Topology.REMOTE, 5))


def test_a_probe_that_fails_costs_its_own_row_only() -> None:
    probe = Probe(100.0, error=EngineError("the model does not load there."))
    found = refuse(probe, 5000.0, (Topology.SLICED, 1), (Topology.SLICED, 5), (Topology.REMOTE, 5))
    assert found == [(Topology.SLICED, 5, "the model does not load there.")]
    assert [topology for topology, *_ in probe.asked] == [Topology.REMOTE, Topology.SLICED]


def test_a_probe_that_finds_no_room_ends_the_bench() -> None:
    with pytest.raises(MachineError, match="no room"):
        refuse(Probe(100.0, error=MachineError("no room")), 5000.0, (Topology.SLICED, 5))


def test_being_asked_to_stop_meanwhile_refuses_nothing() -> None:
    refuse(Probe(None), 5000.0, (Topology.SLICED, 54))
