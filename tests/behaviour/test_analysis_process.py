"""The analysis process and its supervisor: nothing is lost and nobody is disturbed, whatever happens to whom."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from camslice.fleet.errors import FleetError
from camslice.fleet.secrets import Source
from camslice.fleet.types import Objective, Pace
from camslice.measure.processes import pss_mb
from camslice.stream.boards import MAX_STREAMS
from camslice.stream.supervisor import Supervisor
from camslice.video.camera_state import CameraState
from tests.behaviour.running import running, scene_camera, scene_fleet, tiny_models
from tests.clips import write_clip
from tests.unit.engine.tiny_models import failing_model


def test_frames_become_results_with_stages_that_add_up(tmp_path: Path) -> None:
    with running(scene_fleet([scene_camera("gate"), scene_camera("yard")]), tiny_models(tmp_path)) as run:
        run.wait_for_more("gate", 10)
        run.wait_for_more("yard", 10)
    assert {result.stream.camera for result in run.results} == {"gate", "yard"}
    for result in run.results:
        *stages, total = result.stages
        assert abs(sum(stages) - total) <= max(0.01 * total, 0.2)
        assert (result.width, result.height) == (128, 96)
        assert len(result.detections) == 1
        assert result.labels[result.detections.class_id[0]] == "thing"
    for camera in ("gate", "yard"):
        counts = run.counts(camera)
        assert counts.balanced
        assert counts.in_flight == 0
        assert counts.analysed == sum(result.stream.camera == camera for result in run.results)


def test_a_killed_process_loses_no_count_and_its_cameras_come_back(tmp_path: Path) -> None:
    with running(scene_fleet([scene_camera("gate", fps=20), scene_camera("yard")]), tiny_models(tmp_path)) as run:
        for round_ in range(3):
            run.wait_for_more("gate", 10)
            before = run.counts("gate")
            os.kill(run.supervisor.pids()[0], signal.SIGKILL)
            run.wait_for(lambda: run.supervisor.restarts == round_ + 1)  # noqa: B023 (called at once)
            run.check()
            assert run.counts("gate").captured >= before.captured
        run.wait_for_more("gate", 10)
        run.wait_for_more("yard", 5)
        assert run.counts("gate").missed > 0
        assert run.supervisor.cameras()["gate"].state is CameraState.LIVE
    sequences = [result.sequence for result in run.results if result.stream.camera == "gate"]
    assert len(set(sequences)) == len(sequences), "a restarted process must not reuse the numbers of frames"
    assert run.counts("gate").in_flight == 0


def test_cameras_come_and_go_without_touching_the_others(tmp_path: Path) -> None:
    models = tiny_models(tmp_path)
    with running(scene_fleet([scene_camera("stays")]), models) as run:
        run.wait_for_more("stays")
        pids = run.supervisor.pids()
        for round_ in range(3):
            run.supervisor.apply(scene_fleet([scene_camera("stays"), scene_camera("guest", seed=round_)]), models)
            run.wait_for_more("guest")
            run.supervisor.apply(scene_fleet([scene_camera("stays")]), models)
            run.wait_for(lambda: "guest" not in run.supervisor.pods()[0].cameras)
        run.wait_for_more("stays")
        assert run.supervisor.pids() == pids
        assert run.counts("stays").dropped == 0
    guest = run.counts("guest")
    assert guest.balanced
    assert guest.in_flight == 0
    sequences = [result.sequence for result in run.results if result.stream.camera == "guest"]
    assert len(set(sequences)) == len(sequences)


def test_a_changed_camera_is_started_anew_and_goes_on_counting(tmp_path: Path) -> None:
    models = tiny_models(tmp_path)
    with running(scene_fleet([scene_camera("gate", fps=5)]), models) as run:
        run.wait_for_more("gate")
        before = run.counts("gate").captured
        run.supervisor.apply(scene_fleet([scene_camera("gate", fps=25)]), models)
        run.wait_for(lambda: run.supervisor.cameras()["gate"].spec.fps == 25)
        run.wait_for_more("gate", 20)
        assert run.counts("gate").captured >= before + 20


def test_two_models_on_one_camera_are_two_streams_with_accounts_of_their_own(tmp_path: Path) -> None:
    fleet = scene_fleet([scene_camera("gate", models=("a", "b"))], models=("a", "b"))
    with running(fleet, tiny_models(tmp_path, ("a", "b"))) as run:
        run.wait_for_more("gate", 5, "a")
        run.wait_for_more("gate", 5, "b")
    shas = {result.stream.model: result.model_sha256 for result in run.results}
    assert len(set(shas.values())) == 2
    assert run.counts("gate", "a").decoded == run.counts("gate", "b").decoded


def test_a_model_is_replaced_without_a_gap(tmp_path: Path) -> None:
    old, new = tiny_models(tmp_path, ("old", "new")).values()
    fleet = scene_fleet([scene_camera("gate", fps=20)])
    with running(fleet, {"tiny": old}) as run:
        run.wait_for_more("gate")
        run.supervisor.apply(fleet, {"tiny": new})
        run.wait_for(lambda: any(result.model_sha256 == new.sha256 for result in list(run.results)))
        run.wait_for_more("gate")
        assert run.counts("gate").dropped == 0
    order = [result.model_sha256 for result in run.results]
    changes = sum(a != b for a, b in pairwise(order))
    assert order[0] == old.sha256
    assert order[-1] == new.sha256
    assert changes <= 3, "the two models overlap for the frames in flight only"


def test_a_model_that_keeps_failing_stops_and_the_others_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = tiny_models(tmp_path, ("good",)) | {"bad": failing_model(tmp_path / "bad.onnx")}
    fleet = scene_fleet([scene_camera("gate", models=("good", "bad"), fps=20)], models=("good", "bad"))
    with running(fleet, models) as run:
        run.wait_for(lambda: run.supervisor.models()["bad"].problem is not None)
        run.wait_for_more("gate", 20, "good")
        problem = run.supervisor.models()["bad"].problem
        assert problem is not None
        assert "errors in a row" in problem
        assert run.supervisor.models()["good"].problem is None
        assert run.counts("gate", "bad").failed > 0
        assert run.counts("gate", "good").dropped == 0
    assert run.counts("gate", "bad").in_flight == 0


def test_at_pace_lossless_every_frame_is_analysed_and_the_output_is_the_same_each_time(tmp_path: Path) -> None:
    clip = str(write_clip(tmp_path / "clip.avi", frames=40))
    camera = replace(scene_camera("gate", fps=240), source=Source(clip, clip))
    fleet = scene_fleet([camera, replace(camera, name="yard")], pace=Pace.LOSSLESS)
    outputs = []
    for _ in range(2):
        with running(fleet, tiny_models(tmp_path)) as run:
            run.wait_for(lambda: all(life.state is CameraState.ENDED for life in run.supervisor.cameras().values()))
            run.wait_for(lambda: run.counts("gate").in_flight == 0)
        assert run.counts("gate").dropped == 0
        outputs.append(
            sorted(
                (
                    result.stream.camera,
                    result.sequence,
                    result.detections.confidence.tobytes(),
                    result.detections.boxes.tobytes(),
                )
                for result in run.results
            )
        )
    assert len(outputs[0]) == 80
    assert outputs[0] == outputs[1]


def test_at_pace_lossless_a_failing_device_stops_the_model_and_nobody_hangs(tmp_path: Path) -> None:
    clip = str(write_clip(tmp_path / "clip.avi", frames=40))
    camera = replace(scene_camera("gate", fps=240), source=Source(clip, clip))
    fleet = scene_fleet([camera], pace=Pace.LOSSLESS)
    with running(fleet, {"tiny": failing_model(tmp_path / "bad.onnx")}) as run:
        run.wait_for(lambda: run.supervisor.models()["tiny"].problem is not None)
        run.wait_for(lambda: run.supervisor.cameras()["gate"].state is CameraState.ENDED)
        run.wait_for(lambda: run.counts("gate").in_flight == 0)
        assert run.counts("gate").failed == 40


def test_a_replacement_that_cannot_be_loaded_leaves_the_model_at_work(tmp_path: Path) -> None:
    models = tiny_models(tmp_path)
    fleet = scene_fleet([scene_camera("gate", fps=20)])
    broken = replace(fleet, models={"tiny": replace(fleet.models["tiny"], device="abacus")})
    with running(fleet, models) as run:
        run.wait_for_more("gate")
        run.supervisor.apply(broken, models)
        run.wait_for(lambda: "abacus" in (run.supervisor.models()["tiny"].problem or ""))
        run.wait_for_more("gate", 10)
        assert run.counts("gate").dropped == 0


def test_a_clip_that_ended_is_not_played_again_after_a_restart(tmp_path: Path) -> None:
    clip = str(write_clip(tmp_path / "clip.avi", frames=10))
    ended = replace(scene_camera("gate", fps=240), source=Source(clip, clip), loop=False)
    models = tiny_models(tmp_path)
    with running(scene_fleet([ended, scene_camera("yard")]), models) as run:
        run.wait_for(lambda: run.supervisor.cameras()["gate"].state is CameraState.ENDED)
        captured = run.counts("gate").captured
        os.kill(run.supervisor.pids()[0], signal.SIGKILL)
        run.wait_for(lambda: run.supervisor.restarts == 1)
        run.wait_for_more("yard")
        assert run.counts("gate").captured == captured
        assert run.supervisor.cameras()["gate"].state is CameraState.ENDED
        run.supervisor.apply(scene_fleet([scene_camera("yard")]), models)
        run.wait_for(lambda: "gate" not in run.supervisor.pods()[0].cameras)


def test_more_streams_than_one_process_holds_are_refused_at_the_border(tmp_path: Path) -> None:
    fleet = scene_fleet([scene_camera(f"c{i}") for i in range(MAX_STREAMS + 1)])
    with pytest.raises(FleetError, match=f"{MAX_STREAMS + 1} streams"):
        Supervisor(fleet, {}, lambda _: None)


def test_objective_and_pace_cannot_change_under_frames_in_flight(tmp_path: Path) -> None:
    models = tiny_models(tmp_path)
    fleet = scene_fleet([scene_camera("gate")])
    with running(fleet, models) as run, pytest.raises(FleetError, match="restart"):
        run.supervisor.apply(replace(fleet, objective=Objective(latency_ms=100)), models)


def test_stopping_twice_is_stopping_once(tmp_path: Path) -> None:
    with running(scene_fleet([scene_camera("gate")]), tiny_models(tmp_path)) as run:
        run.supervisor.stop()
        assert run.counts("gate").in_flight == 0


def test_a_supervisor_killed_with_sigkill_leaves_no_process_behind(tmp_path: Path) -> None:
    script = textwrap.dedent(
        f"""
        import sys, threading
        from pathlib import Path
        from tests.behaviour.running import *
        supervisor = Supervisor(scene_fleet([scene_camera("gate")]), tiny_models(Path({str(tmp_path)!r})), lambda r: None)
        supervisor.start()
        print(supervisor.pids()[0], flush=True)
        threading.Event().wait()
        """
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    assert parent.stdout is not None
    pod = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    parent.stdout.close()
    psutil.wait_procs([pod], timeout=10)
    assert not pod.is_running() or pod.status() == psutil.STATUS_ZOMBIE


def test_a_hundred_cameras_that_came_and_went_leave_nothing(tmp_path: Path) -> None:
    models = tiny_models(tmp_path)
    with running(scene_fleet([scene_camera("stays")]), models) as run:
        run.wait_for_more("stays")
        pod = psutil.Process(run.supervisor.pids()[0])

        def cycle(seed: int) -> None:
            run.supervisor.apply(scene_fleet([scene_camera("stays"), scene_camera("guest", fps=30, seed=seed)]), models)
            run.wait_for(lambda: run.supervisor.cameras()["guest"].state is CameraState.LIVE)
            run.supervisor.apply(scene_fleet([scene_camera("stays")]), models)
            run.wait_for(lambda: "guest" not in run.supervisor.pods()[0].cameras)

        for seed in range(5):
            cycle(seed)
        threads, files, ours = pod.num_threads(), pod.num_fds(), threading.active_count()
        memory_mb = pss_mb([pod.pid])
        for seed in range(100):
            cycle(seed)
        assert pod.num_threads() <= threads + 1
        assert pod.num_fds() <= files + 1
        assert threading.active_count() <= ours
        assert pss_mb([pod.pid]) - memory_mb < 10
