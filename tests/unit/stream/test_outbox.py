"""Results cross the border between processes whole, in order, or are counted as dropped."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from camslice.fleet.stages import StageTimes
from camslice.models.detections import Detections
from camslice.stream.outbox import Inbox, Outbox, Record


def a_record(sequence: int, boxes: int = 0, pts_s: float | None = 1.5) -> Record:
    rng = np.random.default_rng(sequence)
    found = Detections(
        rng.random((boxes, 4), np.float32), rng.random(boxes, np.float32), rng.integers(0, 80, boxes).astype(np.int32)
    )
    stages = StageTimes(1, 0, 2, 3, 0, 4, 5, 15)
    return Record(3, sequence, 1e9 + sequence, pts_s, 768, 576, 2, 1, stages, found if boxes else Detections.none())


def same(a: Record, b: Record) -> bool:
    scalars = ("row", "sequence", "captured_at_s", "pts_s", "width", "height", "generation", "model", "stages")
    arrays = ("boxes", "confidence", "class_id")
    return all(getattr(a, name) == getattr(b, name) for name in scalars) and all(
        np.array_equal(getattr(a.detections, name), getattr(b.detections, name)) for name in arrays
    )


def test_a_record_arrives_as_it_was_sent() -> None:
    shared = memoryview(bytearray(4096))
    outbox, inbox = Outbox(shared), Inbox(shared)
    for record in (a_record(1, boxes=7), a_record(2, boxes=0, pts_s=None)):
        assert outbox.put(record)
        (arrived,) = inbox.take()
        assert same(arrived, record)


def test_a_reader_that_falls_behind_costs_results_and_is_told_how_many() -> None:
    shared = memoryview(bytearray(64 + 1024))
    outbox, inbox = Outbox(shared), Inbox(shared)
    sent = [sequence for sequence in range(50) if outbox.put(a_record(sequence))]
    assert 0 < len(sent) < 50
    assert inbox.dropped == 50 - len(sent)
    assert [record.sequence for record in inbox.take()] == sent
    assert outbox.put(a_record(99))
    assert [record.sequence for record in inbox.take()] == [99]


def test_a_record_larger_than_the_whole_ring_is_dropped_and_the_next_one_arrives() -> None:
    shared = memoryview(bytearray(64 + 512))
    outbox, inbox = Outbox(shared), Inbox(shared)
    assert not outbox.put(a_record(1, boxes=100))
    assert outbox.put(a_record(2))
    assert [record.sequence for record in inbox.take()] == [2]


@given(st.lists(st.one_of(st.integers(0, 12), st.none()), max_size=200))
def test_what_is_not_dropped_arrives_once_and_in_order(steps: list[int | None]) -> None:
    shared = memoryview(bytearray(64 + 2000))
    outbox, inbox = Outbox(shared), Inbox(shared)
    sent: list[Record] = []
    arrived: list[Record] = []
    for sequence, boxes in enumerate(steps):
        if boxes is None:
            arrived += inbox.take()
        else:
            record = a_record(sequence, boxes)
            if outbox.put(record):
                sent.append(record)
    arrived += inbox.take()
    assert len(arrived) == len(sent)
    assert all(map(same, arrived, sent))
