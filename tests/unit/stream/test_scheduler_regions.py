"""Frames of which only regions are analysed: canvases wait for company and no longer, and every frame has one fate."""

from __future__ import annotations

import inspect
import threading
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from camslice.engine.protocol import InferenceTimes
from camslice.fleet.accounting import FrameCounts, total_of
from camslice.fleet.errors import EngineAwayError, TooLateError
from camslice.fleet.geometry import Letterbox, Region
from camslice.fleet.policy import LADDER
from camslice.models.detections import Detections
from camslice.stream.attention import Attention
from camslice.stream.ledger import Ledger, ledger_bytes
from camslice.stream.outbox import OUTBOX_BYTES, Inbox, Outbox
from camslice.stream.previews import Previews, previews_bytes
from camslice.stream.request import LoadedModel, Part, Request
from camslice.stream.scheduler import ERRORS_IN_A_ROW, Scheduler
from camslice.stream.watching.look import Decision, Glance, Look
from camslice.stream.watching.steward import Steward
from camslice.video.colour import Matrix, YuvColour
from camslice.video.frame import Frame
from camslice.video.gate.sight import Sight
from tests.unit.stream.fakes import FakeBatch, FakeClock, FakeEngine, FakePicture, a_frame, nothing_found

ROWS = 3
SIDE = 64
"""Of the fake engine's slots; the fake picture of 64 x 48 lies in them at scale 1."""
STILL = Sight(np.zeros((6, 8), np.bool_))
NEVER = threading.Event()
SMALL = (Region(0, 0, 16, 16),)
"""With its guard band a fifth of what makes a canvas leave."""
UNPACKABLE = (Region(0, 0, 30, 30), Region(34, 0, 30, 30))
"""No more than a canvas by area, and yet more than one can hold."""
FULL_FRAME = (Look.FULL, Look.FULL, ())
PASSING = (Look.CARRIED, Look.CARRIED, ())
"""Without so much as a look by the gate."""
GATED, CARRIED = (Look.GATED, Look.GATED, ()), (Look.CARRIED, Look.CARRIED, ())
IN_REGIONS = (Look.REGIONS, Look.REGIONS, SMALL)
AUDITED = (Look.FULL, Look.REGIONS, SMALL)
TOO_LARGE = (Look.REGIONS, Look.REGIONS, UNPACKABLE)
Wanted = tuple[Look, Look, tuple[Region, ...]]


class ScriptedAttention(Attention):
    """Looks at each frame as the test says, and remembers what it was told."""

    def __init__(self, steward: Steward, clock: FakeClock) -> None:
        super().__init__(steward, lambda: clock.now_ns / 1e9)
        self.next = IN_REGIONS
        self.seen: list[tuple[int, Detections, Detections]] = []
        self.given_up: list[int] = []
        self.decided = 0
        self.knows_nothing = False

    def decide(self, row: int, sight: Sight, at_s: float, size: tuple[int, int], scale: float) -> Decision:
        look, policy_look, regions = self.next
        self.decided += 1
        none = np.zeros(0, np.bool_)
        glance = Glance(1, regions, Detections.none(), none, none, np.zeros(0, np.int32))
        return Decision(1, look, policy_look, glance, at_s, size, sight, sight.cells)

    def looks(self, row: int) -> bool:
        return self.next != PASSING

    def skip(self, row: int, at_s: float, size: tuple[int, int]) -> Decision | None:
        return None if self.knows_nothing else self.decide(row, STILL, at_s, size, 1.0)

    def passed(self) -> None:
        pass

    def lost(self, request: Request, *, late: bool) -> None:
        self.given_up.append(request.frame.stamp.sequence)

    def analysed(
        self, request: Request, full: Detections, in_regions: Detections, confidence: float, total_ms: float
    ) -> Detections:
        self.seen.append((request.frame.stamp.sequence, full, in_regions))
        return full if request.whole else in_regions


@dataclass
class FakeAlarm:
    """Rings when the test lets it."""

    scheduler: Scheduler
    clock: FakeClock
    at_ns: list[int] = field(default_factory=list)

    def set(self, at_ns: int) -> None:
        self.at_ns.append(at_ns)

    def ring_if_due(self) -> None:
        if self.at_ns and min(self.at_ns) <= self.clock():
            self.at_ns.clear()
            self.scheduler._pump()


class CountingPreviews(Previews):
    """As if somebody watched every camera, and fetched every picture at once."""

    def __init__(self) -> None:
        super().__init__(memoryview(bytearray(previews_bytes(ROWS))))
        self.offered: list[int] = []

    def offer(self, row: int, frame: Frame, now_ns: int) -> None:
        self.offered.append(frame.stamp.sequence)


class Bench:
    """A scheduler that looks at regions, with everything around it."""

    def __init__(self, *, batches: int = 2, max_batch: int = 1, depth: int = 6, latency_ms: float = 100.0) -> None:
        self.clock = FakeClock()
        self.ledger = Ledger(memoryview(bytearray(ledger_bytes(ROWS))))
        shared = memoryview(bytearray(OUTBOX_BYTES))
        self.inbox, self.previews = Inbox(shared), CountingPreviews()
        self.stopped: list[str] = []
        steward = Steward(LADDER[2], LADDER[2], 0.9, latency_ms, 0.01)
        self.attention = ScriptedAttention(steward, self.clock)
        self.scheduler = Scheduler(
            latency_ms, self.ledger, Outbox(shared), self.previews, self._stopped, self.clock, attention=self.attention
        )
        self.alarm = FakeAlarm(self.scheduler, self.clock)
        self.scheduler._alarm = self.alarm  # type: ignore[assignment]
        self.answers: dict[int, Detections] = {}
        self.engine = FakeEngine(self.clock, batches, max_batch, SIDE)
        self.scheduler.use(LoadedModel(self.engine, self._decode, number=0))
        self.sequence = 0
        for row in range(ROWS):
            self.scheduler.open(row, depth)

    def _stopped(self, number: int, reason: str) -> None:
        self.stopped.append(reason)

    def _decode(self, outputs: object, index: int) -> Detections:
        return self.answers.get(index, Detections.none())

    def pass_by(self, row: int = 0, *, captured_ms_ago: float = 0.0) -> bool:
        """A frame that the gate did not see; returns whether it should have."""
        self.attention.next = PASSING
        frame = a_frame(self.clock, self.sequence)
        frame = replace(frame, stamp=replace(frame.stamp, captured_ns=frame.stamp.captured_ns - round(captured_ms_ago * 1e6)))
        should = self.scheduler.looks(row, frame.stamp.captured_ns)
        self.scheduler.offer(row, frame, 1, NEVER, None)
        self.sequence += 1
        return should

    def offer(self, wanted: Wanted = IN_REGIONS, row: int = 0, *, broken: bool = False, colour: YuvColour | None = None) -> int:
        self.attention.next = wanted
        frame = a_frame(self.clock, self.sequence, broken=broken)
        if colour is not None:
            frame = Frame(FakePicture(colour=colour), frame.stamp)
        self.scheduler.offer(row, frame, 1, NEVER, STILL)
        self.sequence += 1
        return self.sequence - 1

    def wait(self, ms: float) -> None:
        self.clock.now_ns += round(ms * 1e6)
        self.alarm.ring_if_due()

    def counts(self, row: int = 0) -> FrameCounts:
        """Of frames."""
        return replace(self.ledger.read(row), accelerator_ns=0)

    def used_ns(self) -> list[int]:
        return [self.ledger.read(row).accelerator_ns for row in range(ROWS)]

    def parts_at_work(self) -> list[Part]:
        """Put back, or at the device."""
        sheets = [inspect.getclosurevars(batch.on_done).nonlocals["sheet"] for batch in self.engine.running if batch.on_done]
        return [*self.scheduler._held, *(part for sheet in sheets for part in sheet.parts)]

    def at_work(self) -> int:
        """Frames."""
        return len({part.request for part in self.parts_at_work() if not part.request.over})

    def ready(self) -> int:
        """Results that only wait for those of earlier frames."""
        return sum(line.ready for line in self.scheduler._departures._lines.values())


def detections(*boxes: tuple[float, float, float, float]) -> Detections:
    count = len(boxes)
    return Detections(np.array(boxes, np.float32).reshape(-1, 4), np.full(count, 0.9, np.float32), np.zeros(count, np.int32))


def test_regions_wait_for_company_and_leave_when_the_earliest_must() -> None:
    bench = Bench()
    bench.offer(row=0)
    bench.wait(20)
    bench.offer(row=1)
    assert not bench.engine.running
    bench.wait(15)
    assert not bench.engine.running
    bench.wait(10)
    assert len(bench.engine.running) == 1
    assert bench.engine.finish() == 1
    assert bench.counts(0) == bench.counts(1) == FrameCounts(captured=1, analysed=1, regions=1)


def test_a_full_canvas_leaves_at_once() -> None:
    bench = Bench(batches=4)
    for index in range(5):
        assert not bench.engine.running
        bench.offer(row=index % ROWS)
    bench.offer(row=0)
    assert len(bench.engine.running) == 1
    # The sixth had no room any more. It waits for others just as if it had come later.
    bench.wait(39)
    assert len(bench.engine.running) == 1
    bench.wait(1)
    assert len(bench.engine.running) == 2


def test_a_canvas_that_is_not_full_waits_for_a_device_that_is_busy() -> None:
    bench = Bench(batches=2)  # one for the device, and one that may be filled meanwhile
    bench.offer(FULL_FRAME, row=0)
    bench.offer(row=1)
    bench.wait(50)
    assert len(bench.engine.running) == 1  # its time has come, and in the device's queue nobody could join it
    bench.offer(row=2)
    bench.engine.finish()
    assert len(bench.engine.running) == 1
    assert bench.engine.finish() == 1
    assert bench.counts(1).regions == bench.counts(2).regions == 1


def test_a_full_frame_takes_waiting_regions_along_where_the_batch_has_room() -> None:
    bench = Bench(max_batch=2)
    bench.offer(row=0)
    bench.offer(FULL_FRAME, row=1)
    assert bench.engine.finish() == 2
    assert bench.counts(0).regions == 1
    assert bench.counts(1) == FrameCounts(captured=1, analysed=1)


def test_a_canvas_leaves_sooner_where_an_answer_takes_most_of_the_objective() -> None:
    bench = Bench(latency_ms=100.0)
    for _ in range(60):  # the scheduler learns that an answer takes 80 ms
        bench.offer(FULL_FRAME)
        bench.wait(80)
        bench.engine.finish()
    bench.offer()
    started_ns = bench.clock()
    while not bench.engine.running:
        bench.wait(1)
    assert (bench.clock() - started_ns) / 1e6 + 80 <= 100


def test_the_canvases_of_a_batch_are_filled_before_frames_are_put_off() -> None:
    bench = Bench(max_batch=3, batches=1)
    bench.offer(FULL_FRAME)
    for index in range(12):
        bench.offer(row=index % ROWS)
    bench.engine.finish()
    assert bench.engine.running[0].count == 2
    bench.engine.finish()
    assert sum(bench.counts(row).analysed for row in range(ROWS)) == 13


def test_regions_that_no_canvas_can_hold_are_analysed_as_a_full_frame() -> None:
    bench = Bench()
    bench.offer(TOO_LARGE)
    bench.wait(50)
    bench.answers[0] = detections((10, 10, 30, 40))
    bench.engine.finish()
    assert bench.counts() == FrameCounts(captured=1, analysed=1)
    (record,) = bench.inbox.take()
    assert record.look is Look.FULL
    assert record.detections.boxes.tolist() == [[10, 10, 30, 40]]


def test_regions_that_need_a_batch_of_their_own_are_not_put_off_for_ever_by_full_frames() -> None:
    bench = Bench(max_batch=2, batches=1, depth=20, latency_ms=10_000)
    bench.offer(FULL_FRAME)
    large = bench.offer(TOO_LARGE, row=1)
    for _ in range(6):
        bench.offer(FULL_FRAME, row=2)
        bench.engine.finish()
    assert large in [sequence for sequence, _, _ in bench.attention.seen]


def test_pictures_of_two_colour_spaces_lie_on_two_canvases() -> None:
    bench = Bench(max_batch=2)
    other = YuvColour(Matrix.BT709, full_range=True)
    bench.offer(row=0)
    bench.offer(row=1, colour=other)
    bench.offer(row=2)
    bench.wait(50)
    assert bench.engine.finish() == 2
    assert [bench.counts(row).regions for row in range(ROWS)] == [1, 1, 1]


def test_a_frame_in_which_nothing_is_looked_at_meets_its_fate_at_once() -> None:
    bench = Bench()
    bench.offer(GATED)
    bench.offer(CARRIED)
    assert bench.counts() == FrameCounts(captured=2, gated=1, predicted=1)
    assert [record.look for record in bench.inbox.take()] == [Look.CARRIED]
    assert bench.at_work() == 0


def test_both_parts_of_an_audited_frame_are_answered_before_it_ends() -> None:
    for first, second in ((0, 0), (1, 0)):
        bench = Bench(batches=4)
        bench.offer(AUDITED)
        assert len(bench.engine.running) == 1  # its regions wait for company
        bench.wait(50)
        assert len(bench.engine.running) == 2
        bench.engine.finish(which=first)
        assert bench.counts() == FrameCounts(captured=1, in_flight=1)
        bench.engine.finish(which=second)
        assert bench.counts() == FrameCounts(captured=1, analysed=1)
        assert len(bench.attention.seen) == 1
        assert bench.at_work() == 0


@pytest.mark.parametrize("failing", [0, 1])
@pytest.mark.parametrize("failing_first", [True, False])
@pytest.mark.parametrize("error", [RuntimeError("no"), TooLateError("late"), EngineAwayError("away")])
def test_an_audited_frame_of_which_one_part_fails_ends_once(failing: int, failing_first: bool, error: Exception) -> None:
    bench = Bench(batches=4)
    bench.offer(AUDITED)
    bench.wait(50)
    order = [failing, 1 - failing] if failing_first else [1 - failing, failing]
    bench.engine.finish(error if order[0] == failing else None, which=order[0])
    bench.engine.finish(error if order[1] == failing else None)
    late = isinstance(error, TooLateError)
    assert bench.counts() == FrameCounts(captured=1, stale=int(late), failed=int(not late))
    assert bench.attention.given_up == [0]
    assert bench.attention.seen == []
    assert bench.at_work() == 0
    assert bench.scheduler.close(0, patience_s=0.0)


def test_both_parts_of_audited_frames_may_end_on_two_threads_at_once() -> None:
    bench = Bench(batches=4)
    frames = 90
    for number in range(frames):
        bench.offer(AUDITED)
        bench.wait(50)
        start = threading.Barrier(2)

        def end(batch: FakeBatch, error: Exception | None, start: threading.Barrier = start) -> None:
            start.wait()
            assert batch.on_done is not None
            batch.on_done(batch, [], InferenceTimes(batch.began_ns, bench.clock()), error)

        # Of three frames one has its full part failing, one its regions, one neither.
        errors = [RuntimeError("no") if number % 3 == which else None for which in (0, 1)]
        threads = [threading.Thread(target=end, args=each) for each in zip(bench.engine.running, errors, strict=True)]
        bench.engine.running.clear()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert bench.counts() == FrameCounts(captured=frames, analysed=frames // 3, failed=frames * 2 // 3)
    assert bench.at_work() == 0
    assert len(bench.attention.seen) + len(bench.attention.given_up) == frames


def test_a_model_that_breaks_while_a_part_of_a_failing_frame_waits_lets_its_cameras_go() -> None:
    bench = Bench(batches=1)
    for _ in range(ERRORS_IN_A_ROW - 1):
        bench.offer(FULL_FRAME, row=1)
        bench.engine.finish(RuntimeError("broken for good"))
    bench.offer(AUDITED, row=0)
    bench.offer(row=1)
    bench.engine.finish(RuntimeError("broken for good"))  # the regions of the audited frame still wait
    assert len(bench.stopped) == 1
    for row in (0, 1):
        assert bench.counts(row).in_flight == 0
        assert bench.scheduler.close(row, patience_s=0.0)


def test_a_frame_that_comes_to_a_broken_model_is_made_known_as_lost() -> None:
    bench = Bench()
    bench.scheduler.give_up()
    sequence = bench.offer(FULL_FRAME)
    assert bench.counts() == FrameCounts(captured=1, failed=1)
    assert bench.attention.given_up == [sequence]


def test_what_moves_while_there_is_no_model_is_made_known_and_the_frame_is_seen_in_full() -> None:
    bench = Bench()
    scheduler = Scheduler(
        100.0, bench.ledger, Outbox(memoryview(bytearray(OUTBOX_BYTES))), bench.previews, bench._stopped, bench.clock,
        attention=bench.attention,
    )  # fmt: skip
    scheduler.open(0, 3)
    bench.attention.next = GATED
    scheduler.offer(0, a_frame(bench.clock), 1, NEVER, STILL)
    assert bench.attention.decided == 1
    assert bench.counts() == FrameCounts(captured=1, in_flight=1)
    scheduler.use(LoadedModel(bench.engine, nothing_found, number=0))
    bench.engine.finish()
    assert bench.counts() == FrameCounts(captured=1, analysed=1)


def test_a_model_that_is_given_up_while_a_canvas_is_laid_out_leaves_no_frame_behind() -> None:
    bench = Bench(batches=1)

    class GivesUp(FakeEngine):
        armed = False

        def fit(self, region: Region) -> Letterbox:
            if self.armed and not bench.scheduler._lock.locked():
                self.armed = False
                bench.scheduler.give_up()
            return super().fit(region)

    engine = GivesUp(bench.clock, 1, 1, SIDE)
    bench.scheduler.use(LoadedModel(engine, nothing_found, number=1))
    bench.offer(TOO_LARGE, row=0)
    bench.offer((Look.REGIONS, Look.REGIONS, (Region(0, 0, 4, 4),)), row=1)
    engine.armed = True
    bench.wait(50)
    while engine.running:
        engine.finish()
    for row in (0, 1):
        assert bench.counts(row).in_flight == 0
        assert bench.scheduler.close(row, patience_s=0.0)


def test_a_broken_picture_fails_alone_and_the_rest_of_its_canvas_is_analysed() -> None:
    bench = Bench()
    bench.offer(row=0)
    bench.offer(row=1, broken=True)
    bench.offer(row=2)
    bench.wait(50)
    bench.engine.finish()
    assert bench.counts(1) == FrameCounts(captured=1, failed=1)
    assert bench.counts(0) == bench.counts(2) == FrameCounts(captured=1, analysed=1, regions=1)


def test_an_audited_frame_whose_picture_is_broken_fails_once_and_as_a_whole() -> None:
    for max_batch in (1, 2):
        bench = Bench(max_batch=max_batch)
        bench.offer(AUDITED, broken=True)
        assert not bench.engine.running
        assert bench.counts() == FrameCounts(captured=1, failed=1)
        assert bench.scheduler.close(0, patience_s=0.0)


def test_a_canvas_full_of_broken_pictures_is_no_trouble_and_each_was_offered_for_preview_once() -> None:
    bench = Bench(depth=400, max_batch=1)
    tiny = (Region(0, 0, 2, 2),)
    expected = [bench.offer((Look.REGIONS, Look.REGIONS, tiny), row=0, broken=index % 7 != 0) for index in range(25)]
    bench.wait(50)
    while bench.engine.running:
        bench.engine.finish()
    assert bench.counts() == FrameCounts(captured=25, analysed=4, regions=4, failed=21)
    assert sorted(bench.previews.offered) == expected


def test_a_frame_is_offered_for_preview_once_even_when_it_is_audited() -> None:
    bench = Bench()
    expected = [bench.offer(AUDITED), bench.offer(IN_REGIONS), bench.offer(FULL_FRAME)]
    bench.wait(50)
    while bench.engine.running:
        bench.engine.finish()
        bench.wait(1)
    assert sorted(bench.previews.offered) == expected


def test_an_audited_frame_that_waits_too_long_with_one_part_is_stale_once() -> None:
    bench = Bench(batches=1)
    bench.offer(AUDITED)
    bench.wait(200)
    bench.engine.finish()
    assert bench.counts() == FrameCounts(captured=1, stale=1)
    assert bench.at_work() == 0


def test_frames_pushed_out_or_gone_stale_are_made_known_as_lost() -> None:
    bench = Bench(batches=1, depth=2)
    bench.offer(FULL_FRAME)
    pushed_out = bench.offer(FULL_FRAME)
    bench.offer(FULL_FRAME)
    bench.offer(FULL_FRAME)
    assert bench.attention.given_up == [pushed_out]
    bench.wait(500)
    bench.engine.finish()
    assert bench.attention.given_up == [1, 2, 3]
    assert bench.counts() == FrameCounts(captured=4, analysed=1, superseded=1, stale=2)


def test_a_camera_that_goes_gives_up_what_waits_and_what_was_put_back() -> None:
    bench = Bench(batches=1)
    bench.offer(AUDITED)  # its regions are put back: the batch has no room for them
    bench.offer(FULL_FRAME)
    assert not bench.scheduler.close(0, patience_s=0.0)
    assert bench.counts() == FrameCounts(captured=2, failed=2)
    bench.engine.finish()
    assert bench.scheduler.close(0, patience_s=0.0)
    assert bench.counts() == FrameCounts(captured=2, failed=2)
    bench.offer(FULL_FRAME, row=1)
    bench.engine.finish()
    assert bench.counts(1).analysed == 1


def test_a_camera_that_goes_while_its_frame_is_at_the_device_asks_again() -> None:
    bench = Bench(batches=1)
    bench.offer(FULL_FRAME)
    assert not bench.scheduler.close(0, patience_s=0.0)
    bench.engine.finish()
    assert bench.scheduler.close(0, patience_s=0.0)


@pytest.mark.parametrize("ending", ["analysed", "failed", "stale", "superseded", "given up", "closed"])
def test_a_frame_that_is_carried_on_leaves_behind_an_earlier_one_whatever_becomes_of_that(ending: str) -> None:
    bench = Bench(depth=1)
    first = bench.offer()
    carried = bench.offer(CARRIED)
    assert list(bench.inbox.take()) == []
    match ending:
        case "analysed" | "failed":
            bench.wait(50)
            bench.engine.finish(RuntimeError("no") if ending == "failed" else None)
        case "stale":
            bench.clock.now_ns += 10**9
            bench.scheduler._pump()
        case "superseded":
            bench.offer()
        case "given up":
            bench.scheduler.give_up()
        case _:
            assert bench.scheduler.close(0, patience_s=0.0)
    assert [record.sequence for record in bench.inbox.take()] == ([first, carried] if ending == "analysed" else [carried])
    assert bench.counts().predicted == 1
    assert bench.ready() == 0


def test_a_stream_s_later_batch_may_end_first_and_its_result_leaves_last() -> None:
    bench = Bench(batches=2)
    sequences = [bench.offer(FULL_FRAME), bench.offer(FULL_FRAME)]
    bench.engine.finish(which=1)
    assert bench.counts() == FrameCounts(captured=2, in_flight=2)
    assert not bench.scheduler.close(0, patience_s=0.0)
    bench.engine.finish()
    assert [record.sequence for record in bench.inbox.take()] == sequences
    assert bench.scheduler.close(0, patience_s=0.0)


def test_streams_do_not_wait_for_each_other() -> None:
    bench = Bench()
    bench.offer(row=0)
    bench.offer(CARRIED, row=1)
    assert [record.row for record in bench.inbox.take()] == [1]


def test_streams_share_the_time_of_their_canvas_by_what_they_take_of_it() -> None:
    bench = Bench()
    bench.offer((Look.REGIONS, Look.REGIONS, (Region(0, 0, 16, 16),)), row=0)
    bench.offer((Look.REGIONS, Look.REGIONS, (Region(0, 0, 16, 16), Region(20, 0, 28, 16))), row=1)
    bench.wait(50)
    bench.clock.now_ns += 72_000
    bench.engine.finish()
    # 24 x 24, 24 x 24 and 36 x 24 square pixels, guard bands and all.
    assert bench.used_ns() == [20_571, 51_429, 0]
    assert bench.scheduler.busy_ns == 72_000


@pytest.mark.parametrize("error", [RuntimeError("no"), TooLateError("late"), EngineAwayError("away")])
def test_the_time_of_a_device_that_failed_is_told_as_well(error: Exception) -> None:
    bench = Bench(batches=1)
    bench.offer(FULL_FRAME)
    bench.clock.now_ns += 5_000
    bench.engine.finish(error)
    assert bench.used_ns() == [5_000, 0, 0]
    assert bench.scheduler.busy_ns == 5_000


def test_answers_that_nobody_can_read_took_their_time_all_the_same() -> None:
    bench = Bench(batches=1)

    def unreadable(outputs: object, index: int) -> Detections:
        raise ValueError("what is this?")

    bench.scheduler.use(LoadedModel(bench.engine, unreadable, number=0))
    bench.offer(FULL_FRAME)
    bench.clock.now_ns += 5_000
    bench.engine.finish()
    assert bench.counts() == FrameCounts(captured=1, failed=1)
    assert bench.used_ns() == [5_000, 0, 0]


def test_each_request_gets_what_lies_on_its_own_regions_in_pixels_of_its_own_picture() -> None:
    bench = Bench()
    places = (Region(8, 4, 16, 16), Region(32, 20, 20, 20), Region(40, 8, 12, 12))
    for row, place in enumerate(places):
        bench.offer((Look.REGIONS, Look.REGIONS, (place,)), row=row)
    # The tallest lies at the left, the others beside it, 8 pixels apart.
    bench.answers[0] = detections((2, 2, 18, 18), (30, 2, 42, 14), (53, 1, 63, 11))
    bench.wait(50)
    bench.engine.finish()
    found = {record.row: record.detections.boxes.tolist() for record in bench.inbox.take()}
    assert found == {1: [[34, 22, 50, 38]], 0: [[10, 6, 22, 18]], 2: [[41, 9, 51, 19]]}


def test_pulse_tells_of_no_wait_while_a_canvas_waits_for_company_and_of_one_behind_its_deadline() -> None:
    bench = Bench(batches=1)
    bench.offer()
    bench.wait(30)
    assert bench.scheduler.pulse().oldest_ms == 0
    bench.offer(FULL_FRAME)
    bench.wait(30)
    assert bench.scheduler.pulse().oldest_ms == 30


WANTED = [FULL_FRAME, IN_REGIONS, AUDITED, TOO_LARGE, GATED, CARRIED, (Look.FULL, Look.REGIONS, UNPACKABLE)]
ERRORS = [None, None, None, RuntimeError("no"), TooLateError("late"), EngineAwayError("away")]


class Life(RuleBasedStateMachine):
    """Everything that can happen to frames, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.max_batch = 1
        self.bench = Bench(batches=2, max_batch=1, depth=4)
        self.open = set(range(ROWS))
        self.retired = FrameCounts()
        self.newest = dict.fromkeys(range(ROWS), -1)
        self.loaded = True

    @rule(row=st.integers(0, ROWS - 1), wanted=st.sampled_from(WANTED), broken=st.integers(0, 9), other=st.booleans())
    def offer(self, row: int, wanted: Wanted, broken: int, other: bool) -> None:
        if row in self.open:
            colour = YuvColour(Matrix.BT709, full_range=True) if other else None
            self.bench.offer(wanted, row, broken=broken == 0, colour=colour)

    @rule(ms=st.integers(0, 60))
    def time_passes(self, ms: int) -> None:
        self.bench.wait(ms)

    @precondition(lambda self: self.bench.engine.running)
    @rule(data=st.data(), error=st.sampled_from(ERRORS))
    def a_batch_ends(self, data: st.DataObject, error: Exception | None) -> None:
        self.bench.engine.finish(error, which=data.draw(st.integers(0, len(self.bench.engine.running) - 1)))

    @rule(row=st.integers(0, ROWS - 1))
    def a_camera_goes_or_comes(self, row: int) -> None:
        if row not in self.open:
            self.bench.scheduler.open(row, 4)
            self.open.add(row)
        elif self.bench.scheduler.close(row, patience_s=0.0):
            self.open.discard(row)
            assert self.bench.counts(row).in_flight == 0
            self.retired += self.bench.ledger.read(row)
            self.bench.ledger.reset(row)

    @rule(max_batch=st.integers(1, 3))
    def another_model_comes(self, max_batch: int) -> None:
        while self.bench.engine.running:
            self.bench.engine.finish()
        self.bench.engine = FakeEngine(self.bench.clock, 2, max_batch, SIDE)
        self.bench.scheduler.use(LoadedModel(self.bench.engine, nothing_found, number=0))
        self.bench.stopped.clear()
        self.loaded = True

    @rule()
    def the_model_is_given_up(self) -> None:
        self.bench.scheduler.give_up()
        self.loaded = False

    @invariant()
    def every_frame_has_one_fate_or_is_held(self) -> None:
        counts = [self.bench.counts(row) for row in range(ROWS)]
        assert all(each.balanced for each in counts)
        at_work, ready = self.bench.at_work(), self.bench.ready()
        assert sum(each.in_flight for each in counts) == len(self.bench.scheduler._queue) + at_work + ready
        parts = [part.request.row for part in self.bench.parts_at_work()]
        assert self.bench.scheduler._at_work == {row: parts.count(row) for row in self.open}

    @invariant()
    def results_of_a_stream_leave_in_the_order_of_capture(self) -> None:
        for record in self.bench.inbox.take():
            assert record.sequence > self.newest[record.row]
            self.newest[record.row] = record.sequence

    @invariant()
    def no_result_waits_that_has_nothing_to_wait_for(self) -> None:
        for line in self.bench.scheduler._departures._lines.values():
            assert not line.places or next(iter(line.places.values())).record is None

    @invariant()
    def streams_used_all_of_the_device_time_and_one_that_is_gone_none_of_it(self) -> None:
        assert self.retired.accelerator_ns + sum(self.bench.used_ns()) == self.bench.scheduler.busy_ns
        assert all(self.bench.ledger.read(row) == FrameCounts() for row in range(ROWS) if row not in self.open)

    @invariant()
    def what_waits_for_company_waits_with_an_alarm_set(self) -> None:
        idle = len(self.bench.engine.free) == 2
        if idle and self.loaded and not self.bench.stopped:
            held = {part.request for part in self.bench.scheduler._held}
            assert not (len(self.bench.scheduler._queue) or held) or self.bench.alarm.at_ns
            assert self.bench.at_work() == len(held)

    @invariant()
    def every_frame_that_ended_was_made_known_once(self) -> None:
        known = self.bench.attention.given_up + [sequence for sequence, _, _ in self.bench.attention.seen]
        assert len(known) == len(set(known))

    @invariant()
    def what_waits_is_added_up_rightly(self) -> None:
        waiting = [entry[3] for entry in self.bench.scheduler._queue._order if not entry[3].gone]
        requests = [each.item for each in waiting]
        assert self.bench.scheduler._waiting_area == pytest.approx(sum(request.area for request in requests), abs=1e-6)
        assert self.bench.scheduler._waiting_whole == sum(request.whole for request in requests)

    def teardown(self) -> None:
        for _ in range(200):
            while self.bench.engine.running:
                self.bench.engine.finish()
            self.bench.wait(10)
        for row in self.open:
            assert self.bench.scheduler.close(row, patience_s=0.0)
        for row in range(ROWS):
            counts = self.bench.counts(row)
            assert counts.in_flight == 0
            assert counts.balanced
        known = len(self.bench.attention.given_up) + len(self.bench.attention.seen)
        total = total_of([self.retired, *map(self.bench.counts, range(ROWS))])
        assert known == total.captured - total.gated - total.predicted


Life.TestCase.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)
TestLife = Life.TestCase


def test_a_frame_that_is_not_looked_at_has_its_boxes_carried_on() -> None:
    bench = Bench()
    assert not bench.pass_by()
    assert bench.counts() == FrameCounts(captured=1, predicted=1)
    assert [record.look for record in bench.inbox.take()] == [Look.CARRIED]


def test_a_frame_that_comes_too_late_is_stale_and_nobody_looks_at_it() -> None:
    bench = Bench(latency_ms=100.0)
    bench.attention.next = IN_REGIONS
    assert bench.scheduler.looks(0, bench.clock())
    assert not bench.scheduler.looks(0, bench.clock() - 101_000_000)
    bench.pass_by(captured_ms_ago=101)
    assert bench.counts() == FrameCounts(captured=1, stale=1)
    assert bench.attention.given_up == [0]
    assert bench.attention.decided == 0


def test_a_frame_that_passes_when_nothing_is_known_yet_is_lost() -> None:
    bench = Bench()
    bench.attention.knows_nothing = True
    bench.pass_by()
    assert bench.counts() == FrameCounts(captured=1, stale=1)
