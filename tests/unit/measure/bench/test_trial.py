"""One trial: started together, warmed up, watched, and nothing left behind; with a supervisor that is none."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camslice.fleet.accounting import FrameCounts
from camslice.fleet.errors import EngineError, MachineError
from camslice.fleet.types import Fleet, StreamKey, Topology
from camslice.measure.bench.load import load_for
from camslice.measure.bench.trial import Phases, Trial, WarmUp, carried, run_trial
from camslice.models.model import ModelInfo
from camslice.stream.lives import ModelLife, PodStatus
from camslice.stream.messages import ModelLoaded
from camslice.stream.results import FrameResult
from tests.unit.measure.bench.made import INFO, QUESTION, result, stream

FLEET = load_for(Topology.SLICED, 2, QUESTION).fleet
LOADED = ModelLoaded("model", 0, "openvino", "CPU", "bf16", 64, 64, 1)
WARM = WarmUp(frames_per_camera=3, shortest_s=0.0, longest_s=60.0)


@dataclass
class Scripted:
    """A supervisor whose cameras each have one more frame whenever the counts are looked at, once they are released.

    `lasts_s` passes at every look, on a clock that the trial shares. One frame is always in flight.
    """

    problem: str | None = None
    later: ModelLife | None = None
    loads: bool = True
    error: Exception | None = None
    stuck: frozenset[int] = frozenset()
    restarts: int = 0
    calls: list[str] = field(default_factory=list)
    asked: dict[str, object] = field(default_factory=dict)
    analysed: int = 0

    def __call__(
        self,
        fleet: Fleet,
        models: Mapping[str, ModelInfo],
        on_results: Callable[[Sequence[FrameResult]], None],
        *,
        hold: bool,
        phases: Phases,
        threads: int | None,
    ) -> Scripted:
        self.asked = {"hold": hold, "threads": threads, "phase": phases(1), "cameras": len(fleet.cameras)}
        self.on_results = on_results
        return self

    def start(self) -> None:
        self.calls.append("start")
        if self.error:
            raise self.error

    def release(self, start_ns: int) -> None:
        assert start_ns > time.monotonic_ns(), "a camera that is released late would start alone"
        self.calls.append("release")

    def pids(self) -> list[int]:
        return [os.getpid(), 1]

    def pods(self) -> list[PodStatus]:
        return [PodStatus(0, os.getpid(), ("camera-1",), self.restarts), PodStatus(1, None, ("camera-2",), 0)]

    def models(self) -> dict[str, ModelLife]:
        loaded = None if self.problem else LOADED
        if not self.loads:
            return {}
        if self.later is not None and "release" in self.calls:
            return {"model": self.later}
        return {"model": ModelLife(QUESTION.spec, INFO, 0, loaded, self.problem)}

    def counts(self) -> dict[StreamKey, FrameCounts]:
        if "release" not in self.calls:
            return {}
        self.analysed += 1
        moving = [number for number in (1, 2) if number not in self.stuck]
        self.on_results([result(stream(number)) for number in moving])
        return {stream(number): self._frames(number in moving) for number in (1, 2)}

    def stop(self, patience_s: float = 0.0) -> None:
        self.calls.append("stop")

    def close(self) -> None:
        self.calls.append("close")

    def _frames(self, moving: bool) -> FrameCounts:
        analysed = self.analysed if moving else 0
        return FrameCounts(captured=analysed + 1, analysed=analysed, in_flight=1)


def never(seconds: float) -> bool:
    return False


def tried(runner: Scripted, warm_up: WarmUp = WARM, wait: Callable[[float], bool] = never) -> Trial | None:
    return run_trial(FLEET, {"model": INFO}, 0.02, wait=wait, threads=3, phases=lambda _: 0.25, warm_up=warm_up, make=runner)


def test_cameras_are_held_until_every_pod_has_its_model_and_nothing_is_left_behind() -> None:
    runner = Scripted()
    assert tried(runner) is not None
    assert runner.calls == ["start", "release", "stop", "close"]
    assert runner.asked == {"hold": True, "threads": 3, "phase": 0.25, "cameras": 2}


def test_what_was_in_flight_when_the_window_opened_is_carried_in() -> None:
    trial = tried(Scripted())
    assert trial is not None
    assert trial.frames.balanced
    assert trial.frames.in_flight == 2
    assert trial.frames.captured == trial.frames.analysed + 2


def test_the_warm_up_is_left_out() -> None:
    runner = Scripted()
    trial = tried(runner, replace(WARM, frames_per_camera=10))
    assert trial is not None
    assert trial.frames.analysed <= 2 * (runner.analysed - 10)
    assert trial.stages["total"].n == trial.frames.analysed > 0


def test_a_camera_that_is_stuck_prolongs_the_warm_up_but_not_for_ever() -> None:
    trial = tried(Scripted(stuck=frozenset({2})), WarmUp(3, 0.0, longest_s=0.05))
    assert trial is not None
    assert trial.frames.analysed > 0


@pytest.mark.parametrize(("fps", "longest_s"), [(None, 60.0), (5.0, 60.0), (0.05, 90.0)])
def test_slow_cameras_are_waited_for(fps: float | None, longest_s: float) -> None:
    assert WarmUp().at_rate(fps).longest_s == longest_s


def test_nobody_measures_a_machine_that_does_nothing() -> None:
    runner = Scripted(stuck=frozenset({1, 2}))
    with pytest.raises(EngineError, match="no frame was analysed"):
        tried(runner, WarmUp(3, 0.0, longest_s=0.05))
    assert runner.calls[-2:] == ["stop", "close"]


def test_a_model_that_does_not_load_says_why_and_no_camera_starts() -> None:
    runner = Scripted(problem="the weights are damaged")
    with pytest.raises(EngineError, match="the weights are damaged"):
        tried(runner)
    assert runner.calls == ["start", "stop", "close"]


def test_a_pod_that_loads_its_model_anew_when_the_window_closes_costs_nothing() -> None:
    trial = tried(Scripted(later=ModelLife(QUESTION.spec, INFO, 0)))
    assert trial is not None
    assert (trial.backend, trial.device, trial.precision, trial.problem) == ("openvino", "CPU", "bf16", None)


def test_what_a_model_has_at_the_end_of_the_window_is_said() -> None:
    trial = tried(Scripted(later=ModelLife(QUESTION.spec, INFO, 0, LOADED, "the device was lost")))
    assert trial is not None
    assert trial.problem == "the device was lost"


def test_a_fleet_without_a_model_is_not_measured() -> None:
    runner = Scripted(loads=False)
    with pytest.raises(EngineError, match="no pod has a model"):
        tried(runner)
    assert runner.calls == ["start", "stop", "close"]


def test_pods_without_a_process_are_told_apart() -> None:
    trial = tried(Scripted())
    assert trial is not None
    assert trial.pods_down == 1


def test_an_error_of_the_supervisor_comes_through() -> None:
    runner = Scripted(error=MachineError("54 pods do not fit into memory"))
    with pytest.raises(MachineError, match="do not fit"):
        tried(runner)
    assert runner.calls == ["start", "stop", "close"]


def test_a_stop_before_the_window_leaves_nothing_to_report() -> None:
    runner = Scripted()
    assert tried(runner, wait=lambda _: True) is None
    assert runner.calls[-2:] == ["stop", "close"]


def test_a_stop_within_the_window_leaves_a_partial_trial() -> None:
    runner = Scripted()
    trial = run_trial(FLEET, {"model": INFO}, 3600.0, wait=lambda _: runner.analysed >= 6, warm_up=WARM, make=runner)
    assert trial is not None
    assert trial.partial
    assert trial.frames.balanced
    assert 0 < trial.seconds < 3600


def test_our_own_process_is_told_apart_from_the_pods() -> None:
    trial = tried(Scripted(restarts=2))
    assert trial is not None
    assert trial.processes == 1
    assert trial.supervisor_memory_mb > 10
    assert trial.private_mb > 1
    assert trial.restarts == 2


frames = st.integers(0, 1000)


@given(*[frames] * 8)
def test_a_window_between_any_two_consistent_states_is_consistent(
    analysed: int, stale: int, failed: int, held: int, more: int, more_stale: int, more_failed: int, held_then: int
) -> None:
    before = FrameCounts(analysed + stale + failed + held, analysed, 0, 0, 0, stale, failed, held)
    ended = FrameCounts(0, analysed + more, 0, 0, 0, stale + more_stale, failed + more_failed, held_then)
    after = replace(ended, captured=ended.ended + held_then)
    window = carried(before, after)
    assert window.balanced
    assert (window.analysed, window.in_flight) == (more, held_then)
