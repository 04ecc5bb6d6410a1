"""Processes that are silent."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import psutil

from camslice.fleet.types import Objective, Pace
from camslice.stream.boards import Boards
from camslice.stream.messages import Configure
from camslice.stream.pod_life import PodLife
from camslice.stream.topologies.sharing import PodPlan


def test_a_process_that_hangs_is_killed_and_started_again() -> None:
    boards = Boards(1)
    pod = PodLife(0, PodPlan(1), Configure(Objective(), Pace.LIVE, 1), boards, lambda: 0.0, lambda: None, hung_s=3.0)

    def tend_until(what: Callable[[], bool]) -> None:
        until_s = time.monotonic() + 60
        while not what():
            assert time.monotonic() < until_s, "it did not happen in time"
            pod.tend(may_start=True)
            time.sleep(0.02)

    try:
        tend_until(lambda: pod.has_spoken)
        assert pod.child is not None
        first = psutil.Process(pod.child.pid)
        first.send_signal(signal.SIGSTOP)
        tend_until(lambda: pod.restarts == 1 and pod.child is not None)
        assert not first.is_running() or first.status() == psutil.STATUS_ZOMBIE
    finally:
        pod.drain(0.0)
        pod.end(5.0)
        pod.close()
        boards.close()
