"""Random processes are killed again and again, and every frame is still accounted for.

`CAMSLICE_CHAOS_S=60 pytest tests/soak` for the long run; the short one is part of every test run.
"""

from __future__ import annotations

import gc
import os
import random
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from camslice.fleet.types import Topology
from camslice.video.camera_state import CameraState
from tests.behaviour.running import Run, running, scene_camera, scene_fleet, tiny_models
from tests.behaviour.test_topologies import leftovers

SECONDS = float(os.environ.get("CAMSLICE_CHAOS_S", "8"))
KILL_EVERY_S = 2.0
CAMERAS = 20
TOPOLOGIES = {
    "sliced": {"topology": Topology.SLICED},
    "pooled": {"topology": Topology.POOLED, "workers": 0},
    "pooled with workers": {"topology": Topology.POOLED, "workers": 2},
    "remote": {"topology": Topology.REMOTE, "workers": 2},
}


@pytest.mark.timeout(300 + 2 * SECONDS)
@pytest.mark.parametrize("name", TOPOLOGIES)
def test_every_frame_is_accounted_for_while_random_processes_are_killed(name: str, tmp_path: Path) -> None:
    files, threads, named = psutil.Process().num_fds(), threading.active_count(), leftovers()
    _run_and_kill(name, tmp_path)
    gc.collect()  # who still reads the counts keeps the memory mapped
    assert threading.active_count() <= threads
    assert psutil.Process().num_fds() <= files
    assert leftovers() == named


def _run_and_kill(name: str, tmp_path: Path) -> None:
    fleet = scene_fleet([scene_camera(f"c{i}", fps=2.0, seed=i) for i in range(CAMERAS)])
    fleet = replace(fleet, **TOPOLOGIES[name])  # type: ignore[arg-type]  # keys of Fleet, by name
    with running(fleet, tiny_models(tmp_path)) as run:
        run.wait_for(lambda: _all_live(run))
        killed = _kill_at_random(run, random.Random(name))
        # Pauses between starts grow with every kill, up to half a minute.
        run.wait_for(lambda: run.supervisor.restarts == killed and _all_live(run), patience_s=120)
        before = {key: counts.analysed for key, counts in run.supervisor.counts().items()}
        run.wait_for(lambda: all(counts.analysed > before[key] for key, counts in run.supervisor.counts().items()))
        pids = run.supervisor.pids()
        run.supervisor.stop()
        counts = run.supervisor.counts()
    assert len(counts) == CAMERAS
    assert killed > 0
    for key, each in counts.items():
        assert each.balanced
        assert each.in_flight == 0
        sequences = [result.sequence for result in run.results if result.stream == key]
        assert len(set(sequences)) == len(sequences), "a result came twice"
        # A process may be killed between publishing a result and writing down that its frame was analysed.
        assert each.analysed <= len(sequences) <= each.analysed + each.failed
    assert not [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]


def _kill_at_random(run: Run, chance: random.Random) -> int:
    """Kill one process every two seconds. Returns how many were hit."""
    killed: set[int] = set()
    until_s = time.monotonic() + SECONDS
    while time.monotonic() < until_s:
        alive = [pid for pid in run.supervisor.pids() if pid not in killed]
        if alive:
            victim = chance.choice(alive)
            os.kill(victim, signal.SIGKILL)
            killed.add(victim)
        next_s = time.monotonic() + KILL_EVERY_S
        while time.monotonic() < next_s:
            run.check()
            time.sleep(0.05)
    return len(killed)


def _all_live(run: Run) -> bool:
    return all(life.state is CameraState.LIVE for life in run.supervisor.cameras().values())
