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
    fleet = scene_fleet([scene_camera(f"c{i}", fps=2.0, seed=i) for i in range(CAMERAS)])
    fleet = replace(fleet, **TOPOLOGIES[name])  # type: ignore[arg-type]  # keys of Fleet, by name
    models = tiny_models(tmp_path)
    files, threads, named = psutil.Process().num_fds(), threading.active_count(), leftovers()
    with running(fleet, models) as run:
        run.wait_for(lambda: _all_live(run))
        killed = _kill_at_random(run, random.Random(name))
        # Pauses between starts grow with every kill, up to half a minute.
        run.wait_for(lambda: run.supervisor.restarts == killed and _all_live(run), patience_s=120)
        before = {key: counts.analysed for key, counts in run.supervisor.counts().items()}
        run.wait_for(lambda: all(counts.analysed > before[key] for key, counts in run.supervisor.counts().items()))
        pids = run.supervisor.pids()
    counts = run.supervisor.counts()
    assert len(counts) == CAMERAS
    assert all(each.balanced and each.in_flight == 0 for each in counts.values())
    assert killed > 0
    assert not [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]
    del run
    gc.collect()  # who still reads the counts keeps the memory mapped
    assert threading.active_count() <= threads
    assert psutil.Process().num_fds() <= files
    assert leftovers() == named


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
