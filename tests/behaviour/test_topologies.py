"""Every topology analyses the same frames with the same code, and a process that dies takes nobody with it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from camslice.fleet.errors import MachineError
from camslice.fleet.secrets import Source
from camslice.fleet.types import Fleet, Pace, Topology
from camslice.stream import memory
from camslice.stream.results import FrameResult
from camslice.stream.supervisor import Supervisor
from camslice.video.camera_state import CameraState
from tests.behaviour.running import Run, running, scene_camera, scene_fleet, tiny_models
from tests.clips import write_clip
from tests.unit.engine.tiny_models import failing_model

SHARED_MEMORY = Path("/dev/shm")
TOPOLOGIES = {
    "dedicated": {"topology": Topology.DEDICATED},
    "sliced": {"topology": Topology.SLICED},
    "remote": {"topology": Topology.REMOTE, "workers": 2},
    "pooled": {"topology": Topology.POOLED, "workers": 0},
    "pooled with workers": {"topology": Topology.POOLED, "workers": 2},
}
every_topology = pytest.mark.parametrize("name", TOPOLOGIES)
SHARING = [name for name in TOPOLOGIES if name != "dedicated"]


def in_topology(fleet: Fleet, name: str) -> Fleet:
    return replace(fleet, **TOPOLOGIES[name])  # type: ignore[arg-type]  # keys of Fleet, by name


def three_cameras(name: str) -> Fleet:
    return in_topology(scene_fleet([scene_camera(camera, fps=20) for camera in ("gate", "yard", "hall")]), name)


def live_again(run: Run) -> None:
    run.wait_for(lambda: all(life.state is CameraState.LIVE for life in run.supervisor.cameras().values()))
    for camera in ("gate", "yard", "hall"):
        run.wait_for_more(camera)


def leftovers() -> set[str]:
    """Named shared memory of clients of the protocol, which should have no name but for a moment."""
    named = SHARED_MEMORY.iterdir() if SHARED_MEMORY.is_dir() else ()
    return {path.name for path in named if re.fullmatch(r"camslice-\d+-[0-9a-f]{16}", path.name)}


@every_topology
def test_the_same_clip_gives_the_same_boxes_in_every_topology(name: str, tmp_path: Path) -> None:
    clip = str(write_clip(tmp_path / "clip.mkv"))
    camera = replace(scene_camera("gate"), source=Source(clip, clip), fps=240.0, loop=False)
    found = {}
    for each in ("pooled", name):
        fleet = in_topology(scene_fleet([camera], pace=Pace.LOSSLESS), each)
        with running(fleet, tiny_models(tmp_path)) as run:
            run.wait_for(lambda: all(life.state is CameraState.ENDED for life in run.supervisor.cameras().values()))
        found[each] = {result.sequence: result.detections.boxes.tolist() for result in run.results}
        assert len(found[each]) == run.counts("gate").captured == run.counts("gate").analysed > 0
    assert found[name] == found["pooled"]


@every_topology
def test_stages_add_up_to_the_total_in_every_topology(name: str, tmp_path: Path) -> None:
    fleet = in_topology(scene_fleet([scene_camera("gate", fps=20)]), name)
    with running(fleet, tiny_models(tmp_path)) as run:
        run.wait_for_more("gate", 20)
    for result in run.results:
        *stages, total = result.stages
        assert abs(sum(stages) - total) <= 0.01 * total
        assert min(stages) >= -0.01 * total
    assert any(result.stages.network > 0 for result in run.results) == (name == "remote")


@pytest.mark.parametrize("name", SHARING)
def test_a_killed_pod_fails_only_its_own_frames_and_comes_back(name: str, tmp_path: Path) -> None:
    with running(three_cameras(name), tiny_models(tmp_path)) as run:
        live_again(run)
        pods = run.supervisor.pods()
        victim = pods[0]
        assert victim.pid is not None
        os.kill(victim.pid, signal.SIGKILL)
        run.wait_for(lambda: run.supervisor.restarts == 1)
        live_again(run)
        after = run.supervisor.pods()
        assert [pod.pid for pod in after[1:]] == [pod.pid for pod in pods[1:]]
        spared = [camera for pod in pods[1:] for camera in pod.cameras]
        assert all(run.counts(camera).failed == 0 for camera in spared)
        assert all(run.counts(camera).missed == 0 for camera in spared)
        assert all(run.counts(camera).missed > 0 for camera in victim.cameras)
    for camera in ("gate", "yard", "hall"):
        assert run.counts(camera).balanced
        assert run.counts(camera).in_flight == 0


@pytest.mark.parametrize("name", ["remote", "pooled with workers"])
def test_a_killed_engine_process_is_loaded_again_and_its_workers_find_it(name: str, tmp_path: Path) -> None:
    with running(three_cameras(name), tiny_models(tmp_path)) as run:
        live_again(run)
        pods = {pod.pid for pod in run.supervisor.pods()}
        (engine,) = set(run.supervisor.pids()) - pods
        os.kill(engine, signal.SIGKILL)
        run.wait_for(lambda: run.supervisor.restarts == 1)
        live_again(run)
        assert {pod.pid for pod in run.supervisor.pods()} == pods, "workers outlive the engine"
    for camera in ("gate", "yard", "hall"):
        assert run.counts(camera).balanced
        assert run.counts(camera).in_flight == 0


def test_pods_come_and_go_with_their_cameras(tmp_path: Path) -> None:
    models = tiny_models(tmp_path)
    fleet = in_topology(scene_fleet([scene_camera("gate"), scene_camera("yard")]), "sliced")
    with running(fleet, models) as run:
        run.wait_for_more("yard")
        first, second = (pod.pid for pod in run.supervisor.pods())
        run.supervisor.apply(replace(fleet, cameras=(*fleet.cameras, scene_camera("hall"))), models)
        run.wait_for_more("hall")
        assert len(run.supervisor.pods()) == 3
        run.supervisor.apply(replace(fleet, cameras=(fleet.cameras[0],)), models)
        run.wait_for(lambda: run.supervisor.pids() == [first])
        assert second is not None
        assert not psutil.pid_exists(second) or psutil.Process(second).status() == psutil.STATUS_ZOMBIE
        run.supervisor.apply(fleet, models)
        run.wait_for_more("yard")
    assert run.counts("yard").balanced
    assert run.counts("yard").in_flight == 0


def test_a_camera_that_was_removed_while_its_pod_was_down_comes_back(tmp_path: Path) -> None:
    models = tiny_models(tmp_path)
    fleet = in_topology(scene_fleet([scene_camera("gate"), scene_camera("yard")]), "sliced")
    without = replace(fleet, cameras=fleet.cameras[1:])
    with running(fleet, models) as run:
        run.wait_for_more("gate")
        gate = next(pod.pid for pod in run.supervisor.pods() if "gate" in pod.cameras)
        assert gate is not None
        os.kill(gate, signal.SIGKILL)
        run.wait_for(lambda: run.supervisor.restarts == 1 and len(run.supervisor.pids()) == 1)
        run.supervisor.apply(without, models)
        run.wait_for(lambda: len(run.supervisor.pods()) == 1)
        missed = run.counts("gate").missed
        run.supervisor.apply(fleet, models)
        run.wait_for_more("gate")
        assert run.counts("gate").missed == missed, "nothing was due while it was removed"
        assert run.supervisor.restarts == 1, "a pod that is gone was still started again"
    assert run.counts("gate").in_flight == 0


def test_whoever_gets_results_may_ask_the_supervisor_while_pods_die(tmp_path: Path) -> None:
    supervisors: list[Supervisor] = []
    answered = threading.Event()

    def ask_from_another_thread(results: Sequence[FrameResult]) -> None:
        asker = threading.Thread(target=supervisors[0].cameras)
        asker.start()
        asker.join(20)
        if asker.is_alive():
            answered.clear()
            return
        answered.set()

    supervisor = Supervisor(three_cameras("sliced"), tiny_models(tmp_path), ask_from_another_thread)
    supervisors.append(supervisor)
    run = Run(supervisor)
    try:
        supervisor.start()
        live_again(run)
        for pid in supervisor.pids():
            os.kill(pid, signal.SIGKILL)
        run.wait_for(lambda: supervisor.restarts == 3)
        live_again(run)
        assert answered.is_set()
    finally:
        supervisor.stop()
        supervisor.close()


def test_a_model_that_the_engine_process_cannot_load_is_told_at_once(tmp_path: Path) -> None:
    broken = failing_model(tmp_path / "broken.onnx")
    fleet = in_topology(scene_fleet([scene_camera("gate")]), "pooled with workers")
    supervisor = Supervisor(fleet, {"tiny": broken}, lambda results: None)
    try:
        supervisor.start(patience_s=30.0)
        assert supervisor.models()["tiny"].problem
        assert supervisor._crew.answered, "pods wait for what will never come"
    finally:
        supervisor.stop()
        supervisor.close()


def test_pods_that_memory_cannot_hold_are_refused_with_the_arithmetic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = iter([10**12, 10_000_000])
    monkeypatch.setattr(memory, "available_memory_bytes", lambda: next(free))
    supervisor = Supervisor(three_cameras("sliced"), tiny_models(tmp_path), lambda results: None)
    try:
        with pytest.raises(MachineError, match=r"3 pods do not fit into memory: .* 2 more need 2 x \d+ = \d+ MB, and 10 MB"):
            supervisor.start()
        assert len(supervisor.pids()) == 1
    finally:
        supervisor.stop()
        supervisor.close()


def test_a_number_of_pods_that_cannot_fit_is_refused_before_any_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_memory_bytes", lambda: 100_000_000)
    with pytest.raises(MachineError, match=r"even the smallest take 45 MB each, 3 x 45 = 135 MB, and 100 MB are free"):
        Supervisor(three_cameras("sliced"), tiny_models(tmp_path), lambda results: None)


def test_cameras_that_are_held_begin_together(tmp_path: Path) -> None:
    results: list[FrameResult] = []
    supervisor = Supervisor(three_cameras("sliced"), tiny_models(tmp_path), results.extend, hold=True, phases=lambda start: 0.0)
    try:
        supervisor.start()
        assert all(counts.captured == 0 for counts in supervisor.counts().values())
        supervisor.release(time.monotonic_ns() + 1_000_000_000)
        run = Run(supervisor)
        for camera in ("gate", "yard", "hall"):
            run.wait_for_more(camera)
    finally:
        supervisor.stop()
        supervisor.close()
    first = {result.stream.camera: result.captured_at_s for result in reversed(results) if result.sequence == 0}
    assert len(first) == 3
    assert max(first.values()) - min(first.values()) < 0.02, "one instant, as far as three readings of two clocks agree"


@every_topology
def test_nothing_is_left_when_the_supervisor_is_killed(name: str, tmp_path: Path) -> None:
    tiny_models(tmp_path)
    program = f"""
        import sys, time
        from pathlib import Path
        from tests.behaviour.running import scene_camera, tiny_models
        from tests.behaviour.test_topologies import in_topology, scene_fleet
        from camslice.stream.supervisor import Supervisor
        fleet = in_topology(scene_fleet([scene_camera("gate")]), {name!r})
        supervisor = Supervisor(fleet, tiny_models(Path({str(tmp_path)!r})), lambda results: None)
        supervisor.start()
        while not any(counts.analysed for counts in supervisor.counts().values()):
            time.sleep(0.02)
        print(*supervisor.pids(), flush=True)
        time.sleep(600)
    """
    before = leftovers()
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    processes = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
    assert processes
    parent.kill()
    parent.wait()
    parent.stdout.close()
    _, alive = psutil.wait_procs(processes, timeout=10)
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]
    assert leftovers() == before
