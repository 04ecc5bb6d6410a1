"""What lately happened, from counters that run since the start."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from camslice.fleet.accounting import FrameCounts
from camslice.fleet.secrets import Source
from camslice.fleet.types import CameraSpec, StreamKey
from camslice.web.observer import Observer
from tests.fake_fleet import MODEL, FakeFleet


@dataclass
class Clock:
    now_s: float = 100.0

    def __call__(self) -> float:
        return self.now_s


def observer_of(fleet: FakeFleet) -> tuple[Observer, Clock]:
    clock = Clock()
    return Observer(fleet, clock, clock), clock


def test_the_first_look_knows_nothing_recent() -> None:
    observer, _ = observer_of(FakeFleet())
    look = observer.look()
    assert look.latency.n == 800
    assert look.recent_latency.n == 0
    assert look.recent_frames == FrameCounts()


def test_recent_latency_holds_only_what_came_in_the_last_ten_seconds() -> None:
    fleet = FakeFleet(["gate"])
    observer, clock = observer_of(fleet)
    observer.look()
    fleet.cameras["gate"].slowness = 20.0
    for _ in range(30):
        clock.now_s += 1
        fleet.cameras["gate"].analyse(5, seed=int(clock.now_s))
        look = observer.look()
    assert look.recent_latency.n == 50
    assert look.latency.n == 550
    recent_p50_ms, all_p50_ms = look.recent_latency.percentile(50), look.latency.percentile(50)
    assert recent_p50_ms is not None
    assert all_p50_ms is not None
    assert recent_p50_ms > 5 * all_p50_ms


def test_drops_are_those_of_the_last_minute() -> None:
    fleet = FakeFleet(["gate"])
    observer, clock = observer_of(fleet)
    fleet.cameras["gate"].analyse(10, dropped=90)
    for _ in range(90):
        observer.look()
        clock.now_s += 1
        fleet.cameras["gate"].analyse(1)
    minute = observer.look().minute_frames[StreamKey("gate", MODEL)]
    assert (minute.captured, minute.dropped) == (60, 0)


def test_a_camera_that_came_back_under_its_old_name_counts_from_its_new_start() -> None:
    fleet = FakeFleet(["gate"])
    observer, clock = observer_of(fleet)
    observer.look()
    fleet.remove_camera("gate")
    fleet.add_camera(CameraSpec("gate", Source("scene://x", "scene://x"), 5.0, (MODEL,)))
    fleet.cameras["gate"].analyse(7)
    clock.now_s += 1
    look = observer.look()
    assert look.minute_frames[StreamKey("gate", MODEL)].captured == 7
    assert (look.recent_latency.n, look.recent_frames.captured) == (7, 7)


def test_frames_of_a_removed_camera_stay_in_the_sums() -> None:
    fleet = FakeFleet(["gate", "yard"])
    observer, clock = observer_of(fleet)
    observer.look()
    fleet.remove_camera("gate")
    fleet.cameras["yard"].analyse(3)
    clock.now_s += 1
    look = observer.look()
    assert (look.frames.captured, look.recent_frames.captured, look.recent_latency.n) == (803, 3, 3)
    assert list(look.minute_frames) == [StreamKey("yard", MODEL)]


def test_many_readers_do_not_crowd_the_history() -> None:
    observer, clock = observer_of(FakeFleet())
    for _ in range(50):
        observer.look()
        clock.now_s += 0.01
    assert len(observer.history()) == 1


def test_the_history_is_bounded() -> None:
    observer, clock = observer_of(FakeFleet(["gate"]))
    for _ in range(500):
        observer.look()
        clock.now_s += 1
    history = observer.history()
    assert 300 <= len(history) < 340
    assert history[-1].at_s == pytest.approx(599.0)


def test_dropped_frames_make_the_history_infinitely_late() -> None:
    fleet = FakeFleet(["gate"])
    observer, clock = observer_of(fleet)
    observer.look()
    fleet.cameras["gate"].analyse(50, dropped=50)
    clock.now_s += 1
    observer.look()
    point = observer.history()[-1]
    assert (point.p_all_ms, point.frames) == (None, 100)
