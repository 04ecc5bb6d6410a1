"""How a device's throughput is timed, with a device and a clock that are made up."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from camslice.engine.protocol import InferenceTimes
from camslice.measure.profile import device
from camslice.measure.profile.device import _Meter

FULL_S, ALONE_S = 0.001, 0.050


class MadeUpDevice:
    """Takes 1 ms for a batch while another one waits, 50 ms for one that is alone. Owns a thread until `close`."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self._waiting: queue.Queue[tuple[MadeUpBatch, Callable[..., None]] | None] = queue.Queue()
        self._both = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def start(self, batch: MadeUpBatch, on_done: Callable[..., None]) -> None:
        self._waiting.put((batch, on_done))
        self._both.release()

    def close(self) -> None:
        self._waiting.put(None)
        self._both.release()
        self._thread.join(10)

    def _run(self) -> None:
        self._both.acquire()
        self._both.acquire()
        while (next_one := self._waiting.get(timeout=10)) is not None:
            batch, on_done = next_one
            self.now_s += FULL_S if self._waiting.qsize() else ALONE_S
            on_done(batch, None, InferenceTimes(0, 1), None)


@dataclass
class MadeUpBatch:
    device: MadeUpDevice

    def start(self, count: int, on_done: Callable[..., None], deadline_ns: int | None = None) -> None:
        self.device.start(self, on_done)


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[MadeUpDevice]:
    made = MadeUpDevice()
    monkeypatch.setattr(device, "time", SimpleNamespace(monotonic=lambda: made.now_s, process_time=lambda: made.now_s / 2))
    monkeypatch.setattr(device, "_WARM_UP", 0)
    yield made
    made.close()


def test_the_time_in_which_a_full_device_runs_empty_does_not_count(made_up: MadeUpDevice) -> None:
    meter = _Meter([MadeUpBatch(made_up), MadeUpBatch(made_up)], 1)  # type: ignore[list-item] # as much of a batch as is needed
    meter.run(0.2)
    assert meter.done > 150
    assert meter.wall_ms / meter.done == pytest.approx(1.0)
    assert meter.cpu_ms / meter.done == pytest.approx(0.5)


def test_a_device_that_is_slower_than_the_time_allowed_is_measured_by_what_it_did(made_up: MadeUpDevice) -> None:
    meter = _Meter([MadeUpBatch(made_up), MadeUpBatch(made_up)], 1)  # type: ignore[list-item] # as much of a batch as is needed
    meter.run(0.0005)
    assert meter.done == 2
    assert meter.wall_ms == pytest.approx(1000 * (FULL_S + ALONE_S))
