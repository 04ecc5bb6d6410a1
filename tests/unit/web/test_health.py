"""The rules behind the probes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from camslice.fleet.types import ModelSpec
from camslice.stream.lives import ModelLife
from camslice.stream.messages import ModelLoaded
from camslice.stream.pulse import ProcessPulse, Pulse
from camslice.web.health import Verdict, live, ready, started
from camslice.web.placements import NOBODY_PLACED_IT, Revisions
from tests.unit.web.test_running import INFO

LOADED = ModelLoaded("people", 0, "openvino", "CPU", "bf16", 64, 64, 1)
HAS_STARTED = Verdict(True)
WELL = ProcessPulse("pod 0", running=True, answered=True, silent_s=0.4, models={"people": Pulse(12.0, 20.0)})


def life(*, loaded: bool = False, problem: str | None = None) -> ModelLife:
    return ModelLife(ModelSpec("people", "tiny"), INFO, 0, LOADED if loaded else None, problem)


@pytest.mark.parametrize(
    ("begun", "models", "reason"),
    [
        (False, {}, "the fleet has not begun yet"),
        (False, {"people": life()}, "model people is being loaded"),
        (False, {"people": life(loaded=True)}, "the fleet has not begun yet"),
        (True, {"people": life(problem="no such file")}, "model people cannot be loaded: no such file"),
        (True, {"cars": life(loaded=True), "people": life()}, "model people is being loaded"),
        (True, {"people": life(loaded=True)}, ""),
        (True, {}, ""),
    ],
)
def test_a_run_has_started_when_every_model_is_loaded_and_cameras_began(
    begun: bool, models: dict[str, ModelLife], reason: str
) -> None:
    assert started(begun=begun, models=models) == Verdict(not reason, reason)


@pytest.mark.parametrize(
    ("process", "problem", "revisions", "reason"),
    [
        (WELL, None, Revisions("7", "7"), ""),
        (WELL, None, NOBODY_PLACED_IT, ""),
        (WELL, None, Revisions("6", "7"), "revision 7 is there and 6 runs"),
        (WELL, "the fleet file is wrong", Revisions("7", "7"), "the fleet file is wrong"),
        (replace(WELL, running=False), None, Revisions("7", "7"), "pod 0 is being started again"),
        (replace(WELL, answered=False), None, Revisions("7", "7"), "pod 0 is loading its models"),
    ],
)
def test_a_run_is_ready_when_it_runs_what_it_was_told_to(
    process: ProcessPulse, problem: str | None, revisions: Revisions, reason: str
) -> None:
    verdict = ready(has_started=HAS_STARTED, problem=problem, revisions=revisions, processes=[WELL, process])
    assert verdict == Verdict(not reason, reason, revisions)


def test_a_run_that_has_not_started_is_not_ready() -> None:
    waiting = Verdict(False, "model people is being loaded")
    verdict = ready(has_started=waiting, problem=None, revisions=Revisions("7", "7"), processes=[])
    assert (verdict.ok, verdict.reason) == (False, waiting.reason)


@pytest.mark.parametrize(
    ("process", "alive"),
    [
        (WELL, True),
        (replace(WELL, running=False, silent_s=500.0), True),
        (replace(WELL, answered=False, silent_s=None, models={}), True),
        (replace(WELL, silent_s=29.0), True),
        (replace(WELL, silent_s=46.0), False),
        (replace(WELL, models={"people": Pulse(199.0, 20.0)}), True),
        (replace(WELL, models={"people": Pulse(4_999.0, 20.0)}), True),
        (replace(WELL, models={"people": Pulse(5_001.0, 20.0)}), False),
        (replace(WELL, models={"people": Pulse(19_999.0, 2_000.0)}), True),
        (replace(WELL, models={"people": Pulse(20_001.0, 2_000.0)}), False),
        (replace(WELL, models={"cars": Pulse(0.0, 20.0), "people": Pulse(6_000.0, 20.0)}), False),
        (replace(WELL, models={"people": Pulse(119_000.0, None)}), True),
        (replace(WELL, models={"people": Pulse(121_000.0, None)}), False),
    ],
)
def test_a_run_is_alive_while_batches_come_back_and_processes_are_started_again(process: ProcessPulse, alive: bool) -> None:
    verdict = live(still_s=0.02, processes=[WELL, process])
    assert verdict.ok is alive
    assert bool(verdict.reason) is not alive


def test_a_supervisor_that_stands_still_or_whose_lock_is_held_is_not_alive() -> None:
    assert live(still_s=9.0, processes=[WELL]).ok
    assert not live(still_s=11.0, processes=[WELL]).ok
    assert not live(still_s=0.0, processes=None).ok
