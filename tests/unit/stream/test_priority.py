"""Threads of engines come after those that decide what is worth an inference."""

from __future__ import annotations

import os
import sys
import threading

import pytest

from camslice.stream.priority import come_after_others


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone knows a thread's own priority")
def test_a_thread_and_those_that_it_starts_come_after_all_others() -> None:
    found: list[int] = []

    def note() -> None:
        found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    def load() -> None:
        come_after_others()
        note()
        inner = threading.Thread(target=note)
        inner.start()
        inner.join()

    mine = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    loader = threading.Thread(target=load)
    loader.start()
    loader.join()
    assert found == [10, 10]
    assert mine == os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    assert mine < 10
