"""The running fleet under a hand on the page and a hand on the fleet file."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from camslice.fleet.accounting import FrameCounts
from camslice.fleet.errors import FleetError, ModelError
from camslice.fleet.placement import Placed
from camslice.fleet.secrets import Source
from camslice.fleet.stages import StageTimes
from camslice.fleet.types import CameraSpec, Fleet, ModelSpec, Objective, Store, StreamKey
from camslice.models.detections import Detections
from camslice.models.model import InputSpec, ModelInfo
from camslice.stream.lives import ModelLife
from camslice.stream.messages import ModelLoaded
from camslice.stream.model_work import ModelWork, PolicyChange
from camslice.stream.results import FrameResult
from camslice.stream.statistics import Statistics
from camslice.stream.watching.steward import PolicyState
from camslice.video.camera_state import CameraState
from camslice.web.answers import as_json
from camslice.web.observer import Observer
from camslice.web.placements import Revisions
from camslice.web.running import SupervisedFleet
from camslice.web.status_json import status_json
from tests.unit.web.fake_supervisor import FakeSupervisor

INFO = ModelInfo(
    "tiny", Path("tiny.onnx"), "0" * 64, "Apache-2.0", "detect", ("person",),
    InputSpec(64, 64, dynamic_batch=True, dynamic_size=False), "yolov8", "a test",
)  # fmt: skip


@dataclass
class FakeSink:
    name: str
    dropped: Mapping[str, int] = field(default_factory=dict)
    problem: str | None = None

    def offer(self, results: Sequence[FrameResult]) -> None: ...

    def counts(self, counts: Mapping[StreamKey, FrameCounts], at_s: float) -> None: ...

    def epochs(self, epochs: Mapping[StreamKey, int]) -> None: ...

    @property
    def taken_over(self) -> frozenset[StreamKey]:
        return frozenset()

    def close(self) -> None: ...


@dataclass
class FakeSpool(FakeSink):
    waiting: int = 0


class Stage:
    """A supervised fleet above a supervisor that only remembers. `no_weights` makes `resolve` fail."""

    def __init__(self, *names: str, sinks: Sequence[FakeSink] = ()) -> None:
        self.declared = fleet_of(*names)
        self.supervisor = FakeSupervisor(self.declared)
        self.statistics = Statistics()
        self.no_weights: ModelError | None = None
        self.running = SupervisedFleet(self.supervisor, self.statistics, sinks, self._resolve)

    def _resolve(self, fleet: Fleet) -> Mapping[str, ModelInfo]:
        if self.no_weights is not None:
            raise self.no_weights
        return dict.fromkeys(fleet.models, INFO)

    def names(self) -> list[str]:
        return [camera.name for camera in self.running.fleet.cameras]


def fleet_of(*names: str, models: Sequence[str] = ("people",)) -> Fleet:
    specs = {model: ModelSpec(model, "tiny") for model in models}
    return Fleet(Objective(), specs, tuple(camera(name) for name in names))


def camera(name: str, *, model: str = "people", fps: float = 5.0, address: str = "scene://people") -> CameraSpec:
    return CameraSpec(name, Source(address, address), fps, (model,))


def analysed(stream: str, frames: int) -> list[FrameResult]:
    found = Detections(np.array([[1, 2, 3, 4]], np.float32), np.array([0.9], np.float32), np.zeros(1, np.int32))
    key, stages, at_s = StreamKey(stream, "people"), StageTimes(1, 0, 1, 1, 0, 1, 1, 5), time.time()
    return [FrameResult(key, n, at_s, None, 64, 48, "0" * 64, 1, stages, found, ("person",)) for n in range(frames)]


def test_a_camera_added_by_hand_survives_a_change_of_the_file() -> None:
    stage = Stage("gate")
    stage.running.add_camera(camera("yard"))
    assert stage.names() == ["gate", "yard"]
    stage.running.declare(fleet_of("gate", "lobby"))
    assert stage.names() == ["gate", "lobby", "yard"]


def test_a_camera_removed_by_hand_stays_away_when_the_file_changes() -> None:
    stage = Stage("gate", "yard")
    stage.running.remove_camera("gate")
    stage.running.declare(fleet_of("gate", "yard", "lobby"))
    assert stage.names() == ["yard", "lobby"]


def test_a_declared_camera_that_was_removed_comes_back_as_it_is_added() -> None:
    stage = Stage("gate", "yard")
    stage.running.remove_camera("gate")
    stage.running.add_camera(camera("gate", fps=2.0))
    assert stage.running.fleet.camera("gate").fps == 2.0
    stage.running.declare(fleet_of("gate", "yard"))
    assert sorted(stage.names()) == ["gate", "yard"]
    assert stage.running.fleet.camera("gate").fps == 2.0
    stage.running.remove_camera("gate")
    assert stage.names() == ["yard"]


def test_a_camera_added_and_removed_by_hand_can_be_declared_later() -> None:
    stage = Stage("gate")
    stage.running.add_camera(camera("yard"))
    stage.running.remove_camera("yard")
    stage.running.declare(fleet_of("gate", "yard"))
    assert stage.names() == ["gate", "yard"]


def test_a_name_that_is_taken_is_refused_and_changes_nothing() -> None:
    stage = Stage("gate")
    with pytest.raises(FleetError, match=r"camera gate: there is already one of that name"):
        stage.running.add_camera(camera("gate", fps=1.0))
    assert stage.supervisor.applied == []
    assert stage.running.fleet == stage.declared


def test_a_model_that_the_fleet_has_not_is_refused_and_changes_nothing() -> None:
    stage = Stage("gate")
    with pytest.raises(FleetError, match=r"camera yard: there is no model cars; this fleet has people"):
        stage.running.add_camera(camera("yard", model="cars"))
    stage.running.declare(fleet_of("gate"))
    assert stage.names() == ["gate"]


def test_a_declared_camera_that_was_changed_keeps_its_place_and_the_change() -> None:
    stage = Stage("gate", "yard")
    stage.running.change_camera(camera("gate", fps=2.0))
    assert stage.names() == ["gate", "yard"]
    assert stage.running.fleet.camera("gate").fps == 2.0
    stage.running.declare(fleet_of("gate", "yard", "lobby"))
    assert stage.names() == ["gate", "yard", "lobby"]
    assert stage.running.fleet.camera("gate").fps == 2.0
    stage.running.remove_camera("gate")
    assert stage.names() == ["yard", "lobby"]


@pytest.mark.parametrize("change", [camera("nobody"), camera("gate", model="cars")])
def test_a_change_of_no_camera_or_to_no_model_is_refused_and_changes_nothing(change: CameraSpec) -> None:
    stage = Stage("gate")
    with pytest.raises(FleetError, match="there is no"):
        stage.running.change_camera(change)
    assert stage.running.fleet == stage.declared
    assert stage.supervisor.applied == []


def test_removing_a_camera_that_is_not_there_is_refused() -> None:
    stage = Stage("gate")
    with pytest.raises(FleetError, match=r"camera yard: there is none of that name"):
        stage.running.remove_camera("yard")
    assert stage.supervisor.applied == []


def test_a_file_without_the_model_of_a_camera_added_by_hand_is_refused_whole() -> None:
    stage = Stage("gate")
    stage.running.declare(fleet_of("gate", models=("people", "cars")))
    stage.running.add_camera(camera("yard", model="cars"))
    with pytest.raises(FleetError, match=r"camera yard: there is no model cars"):
        stage.running.declare(fleet_of("lobby"))
    stage.running.remove_camera("yard")
    assert stage.names() == ["gate"]


@pytest.mark.parametrize("fails", ["resolve", "apply"])
def test_a_change_that_fails_leaves_everything_as_it_was(fails: str) -> None:
    stage = Stage("gate", "yard")
    stage.running.add_camera(camera("lobby"))
    stage.running.remove_camera("gate")
    if fails == "resolve":
        stage.no_weights = ModelError("no such weights")
    else:
        stage.supervisor.refuses = FleetError("too many streams")
    with pytest.raises((ModelError, FleetError)):
        stage.running.add_camera(camera("door"))
    with pytest.raises((ModelError, FleetError)):
        stage.running.add_camera(camera("gate"))
    with pytest.raises((ModelError, FleetError)):
        stage.running.remove_camera("yard")
    with pytest.raises((ModelError, FleetError)):
        stage.running.remove_camera("lobby")
    with pytest.raises((ModelError, FleetError)):
        stage.running.declare(fleet_of("cellar"))
    assert stage.names() == ["yard", "lobby"]
    stage.no_weights = stage.supervisor.refuses = None
    stage.running.add_camera(camera("roof"))
    assert stage.names() == ["yard", "lobby", "roof"]


def test_cameras_added_at_once_by_several_hands_are_all_there() -> None:
    stage = Stage("gate")
    hands = [threading.Thread(target=stage.running.add_camera, args=(camera(f"camera-{number}"),)) for number in range(16)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join(10)
    assert sorted(stage.names()) == sorted(["gate", *(f"camera-{number}" for number in range(16))])


def test_streams_of_removed_cameras_are_listed_apart() -> None:
    stage = Stage("gate", "yard")
    stage.supervisor.counted = {
        StreamKey("gate", "people"): FrameCounts(captured=9, analysed=9),
        StreamKey("yard", "people"): FrameCounts(captured=4, analysed=4),
    }
    stage.statistics.add(analysed("gate", 9))
    assert [stream.key.camera for stream in stage.running.status().streams] == ["gate", "yard"]
    stage.running.remove_camera("gate")
    status = stage.running.status()
    assert [stream.key.camera for stream in status.streams] == ["yard"]
    (removed,) = status.removed
    assert (removed.key.camera, removed.frames.analysed, removed.detections) == ("gate", 9, {"person": 9})


def test_a_report_counts_removed_streams_and_names_the_state_of_each_camera() -> None:
    stage = Stage("gate", "yard", "lobby")
    stage.supervisor.counted = {StreamKey("gate", "people"): FrameCounts(captured=9, analysed=9)}
    stage.running.remove_camera("gate")
    stage.supervisor.reasons["lobby"] = (CameraState.RECONNECTING, "the connection broke")
    report = json.loads(json.dumps(stage.running.report()))
    assert report["cameras"] == [
        {"name": "yard", "state": "live", "reason": ""},
        {"name": "lobby", "state": "reconnecting", "reason": "the connection broke"},
    ]
    assert [stream["camera"] for stream in report["streams"]] == ["gate"]
    assert (report["fleet"]["frames"]["captured"], report["fleet"]["cameras"]) == (9, 2)


def test_a_report_stands_still_after_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    now = {"monotonic": 1000.0, "time": time.time()}
    monkeypatch.setattr("camslice.web.running.time.monotonic", lambda: now["monotonic"])
    monkeypatch.setattr("camslice.web.running.time.time", lambda: now["time"])
    stage = Stage("gate")
    stage.supervisor.counted = {StreamKey("gate", "people"): FrameCounts(captured=9, analysed=9)}
    stage.running.begin()
    stage.statistics.add(analysed("gate", 9))
    now["monotonic"] += 30
    now["time"] += 30
    stage.running.end()
    first = json.dumps(stage.running.report())
    ballast = bytearray(32_000_000)
    now["monotonic"] += 500
    now["time"] += 500
    assert json.dumps(stage.running.report()) == first
    report = json.loads(first)
    assert report["duration_s"] == 30.0
    assert report["streams"][0]["age_ms"] == pytest.approx(30_000, abs=2000)
    assert report["fleet"]["memory_mb"] > 1
    assert stage.running.status().uptime_s == 30.0
    del ballast


def test_problems_are_those_of_the_file_the_models_and_the_sinks() -> None:
    sinks = [FakeSink("store", {"queue full": 3}, "the disk is full"), FakeSink("results.jsonl")]
    stage = Stage("gate", sinks=sinks)
    assert stage.running.status().problems == ["store: the disk is full"]
    spec = ModelSpec("people", "tiny")
    stage.supervisor.lives = {"people": ModelLife(spec, INFO, 0, problem="it cannot be loaded")}
    stage.supervisor.lost = 2
    stage.running.problem = "the fleet file was changed and is not followed"
    status = stage.running.status()
    assert status.problems == [
        "the fleet file was changed and is not followed",
        "model people: it cannot be loaded",
        "store: the disk is full",
    ]
    assert status.dropped_results == {"store: queue full": 3, "outbox: full": 2}
    assert [engine.problem for engine in status.engines] == ["it cannot be loaded"]


def test_an_engine_says_what_it_really_runs_on() -> None:
    stage = Stage("gate")
    loaded = ModelLoaded("people", 0, "openvino", "CPU", "bf16", 64, 64, 2, "it was the fastest")
    stage.supervisor.lives = {"people": ModelLife(ModelSpec("people", "tiny"), INFO, 0, loaded)}
    (engine,) = stage.running.status().engines
    assert (engine.model, engine.backend, engine.device, engine.precision) == ("people", "openvino", "CPU", "bf16")
    assert engine.precision_why == "it was the fastest"
    assert (engine.licence, engine.occupancy, engine.problem) == ("Apache-2.0", 0.0, None)


def test_credentials_appear_nowhere() -> None:
    stage = Stage("gate")
    declared = replace(stage.declared, store=Store("postgresql://writer:s3same@db/results"))
    stage.running.declare(declared)
    address = "rtsp://bob:hunter2@10.0.0.7/1?token=t0psecret"
    stage.running.add_camera(CameraSpec("yard", Source("rtsp://${U}:${P}@10.0.0.7/1?token=${T}", address), 5.0, ("people",)))
    stage.running.add_camera(camera("lobby", address=address))
    stage.supervisor.counted = {StreamKey("yard", "people"): FrameCounts(captured=1, analysed=1)}
    with pytest.raises(FleetError) as refused:
        stage.running.add_camera(camera("door", model="cars", address=address))
    page = as_json(status_json(Observer(stage.running).look()))
    texts = [repr(stage.running.status()), str(page), json.dumps(stage.running.report()), str(refused.value)]
    for secret in ("bob", "hunter2", "t0psecret", "writer", "s3same"):
        assert not [text for text in texts if secret in text]


def test_results_that_wait_on_disk_are_told_of_the_sinks_that_can_wait() -> None:
    assert Stage("gate", sinks=[FakeSpool("store", waiting=7), FakeSink("results.jsonl")]).running.status().waiting_results == 7
    assert Stage("gate", sinks=[FakeSink("results.jsonl")]).running.status().waiting_results == 0


def test_a_revision_that_is_refused_is_mounted_and_not_applied() -> None:
    stage = Stage("gate")
    gate, yard = StreamKey("gate", "people"), StreamKey("yard", "people")
    stage.running.place(Placed("1", {gate: 3}))
    stage.no_weights = ModelError("model people: its weights are nowhere")
    with pytest.raises(ModelError):
        stage.running.declare(fleet_of("gate", "yard"), Placed("2", {gate: 3, yard: 1}))
    assert stage.running.status().revisions == Revisions("1", "2")
    assert not stage.running.ready().ok
    stage.no_weights = None
    stage.running.declare(fleet_of("gate", "yard"), Placed("2", {gate: 3, yard: 1}))
    status = stage.running.status()
    assert status.revisions == Revisions("2", "2")
    assert {key: stream.epoch for key, stream in status.placements.items()} == {gate: 3, yard: 1}


def test_a_camera_ends_when_every_stream_of_it_was_taken_over_and_others_stay() -> None:
    stage = Stage("gate", "yard")
    gate, yard = StreamKey("gate", "people"), StreamKey("yard", "people")
    stage.running.place(Placed("1", {gate: 3, yard: 1}))
    stage.running.let_go_of_what_was_taken_over()
    assert stage.names() == ["gate", "yard"]
    assert stage.supervisor.applied == []
    stage.running.placements.release([gate])
    stage.running.let_go_of_what_was_taken_over()
    assert stage.names() == ["yard"]
    stage.running.let_go_of_what_was_taken_over()
    assert len(stage.supervisor.applied) == 1
    stage.running.placements.release([yard])
    stage.running.let_go_of_what_was_taken_over()
    assert stage.names() == []
    assert stage.running.placements.waits_for == frozenset()


def test_a_camera_with_a_stream_that_nobody_took_over_stays_whole() -> None:
    stage = Stage("gate")
    both = replace(camera("gate"), models=("people", "cars"))
    fleet = replace(fleet_of(models=("people", "cars")), cameras=(both,))
    keys = [StreamKey("gate", model) for model in both.models]
    stage.running.declare(fleet, Placed("1", dict.fromkeys(keys, 1)))
    stage.running.placements.release(keys[:1])
    stage.running.let_go_of_what_was_taken_over()
    assert stage.running.fleet.cameras == (both,)


def test_results_that_another_pod_has_written_are_not_lost() -> None:
    store = FakeSink("store", {"taken over": 4, "stored by the placement before": 1, "spool full": 2})
    stage = Stage("gate", sinks=[store])
    status = stage.running.status()
    assert status.refused_results == {"store: taken over": 4, "store: stored by the placement before": 1}
    assert status.dropped_results == {"store: spool full": 2}
    assert stage.running.report()["dropped_results"] == {"store: spool full": 2}


def policy_state(policy: str, recall: float | None, audited: int, *, overloaded: bool = False) -> PolicyState:
    return PolicyState(policy, "there was a reason", recall, audited, overloaded, 3)


def test_a_camera_that_sees_nothing_new_is_as_fresh_as_the_frame_that_showed_nothing_new() -> None:
    stage = Stage("gate")
    key = StreamKey("gate", "people")
    stage.supervisor.counted = {key: FrameCounts(captured=9, gated=9)}
    assert stage.running.status().streams[0].age_ms is None
    stage.supervisor.unchanged = {key: time.time() - 2.0}
    age_ms = stage.running.status().streams[0].age_ms
    assert age_ms is not None
    assert 2000.0 <= age_ms < 10_000.0


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (policy_state("regions", 0.98, 100), ""),
        (policy_state("regions", 0.5, 3), ""),
        (policy_state("careful", None, 0), ""),
        (policy_state("regions", 0.95, 100), "model people: policy regions: recall 0.950 of 100 audited frames, 0.97 demanded"),
        (
            policy_state("carry-2", 0.98, 100, overloaded=True),
            "model people: policy carry-2, less than the recall allows, for want of room (there was a reason)",
        ),
    ],
)
def test_less_quality_than_demanded_or_allowed_is_a_problem_that_is_told(state: PolicyState, said: str) -> None:
    stage = Stage("gate")
    stage.supervisor.wanted = replace(stage.supervisor.wanted, objective=Objective(recall=0.97))
    stage.supervisor.lives = {"people": ModelLife(ModelSpec("people", "tiny"), INFO, 0, policy=state)}
    assert list(stage.running.status().problems) == ([said] if said else [])


def test_policies_their_changes_and_their_recall_are_in_the_report() -> None:
    stage = Stage("gate")
    life = ModelLife(ModelSpec("people", "tiny"), INFO, 0, policy=policy_state("regions", 0.98, 100))
    life.work = ModelWork(500, 1, 200, 1000, 990)
    stage.supervisor.lives = {"people": life}
    stage.supervisor.changes = [PolicyChange(1.7e9, "people", "careful", "regions", "there was a reason")]
    stage.supervisor.counted = {StreamKey("gate", "people"): FrameCounts(captured=10, analysed=10, regions=8)}
    report = json.loads(json.dumps(stage.running.report()))
    assert report["policies"]["people"]["policy"] == "regions"
    assert report["policy_changes"] == [
        {"at_s": 1.7e9, "model": "people", "before": "careful", "after": "regions", "reason": "there was a reason"}
    ]
    assert report["fleet"]["objective"]["recall"] == 0.99
    assert report["fleet"]["inferences"] == 500
    assert report["fleet"]["frames"]["regions"] == 8
