"""The ledger of fates: consistent in every snapshot, whatever kills its writer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camslice.fleet.accounting import Fate, FrameCounts
from camslice.stream.ledger import MAX_HELD, Ledger, ledger_bytes
from camslice.stream.shm import SharedRegion


def a_ledger(rows: int = 2) -> Ledger:
    return Ledger(memoryview(bytearray(ledger_bytes(rows))))


@given(st.lists(st.tuples(st.integers(0, 1), st.sampled_from([*Fate, None]))))
def test_every_row_balances_after_every_step(steps: list[tuple[int, Fate | None]]) -> None:
    ledger = a_ledger()
    held: dict[int, list[int]] = {0: [], 1: []}
    ended = {0: 0, 1: 0}
    for row, fate in steps:
        if fate is None or not held[row]:
            held[row].append(ledger.captured(row))
        else:
            ledger.ended(row, held[row].pop(0), fate)
            ended[row] += 1
        for each in (0, 1):
            counts = ledger.read(each)
            assert counts.balanced
            assert counts.in_flight == len(held[each])
            assert counts.ended == ended[each]


def test_a_frame_meets_one_fate_only() -> None:
    ledger = a_ledger()
    handle = ledger.captured(0)
    ledger.ended(0, handle, Fate.ANALYSED)
    with pytest.raises(ValueError, match="not held"):
        ledger.ended(0, handle, Fate.STALE)
    assert ledger.read(0) == FrameCounts(captured=1, analysed=1)


def test_rows_do_not_touch_each_other() -> None:
    ledger = a_ledger(3)
    ledger.add(1, decoded=7, corrupt=2, missed=3)
    assert ledger.read(0) == ledger.read(2) == FrameCounts()
    assert ledger.read(1) == FrameCounts(decoded=7, corrupt=2, missed=3)


def test_more_frames_than_a_row_can_hold_are_refused_without_a_count() -> None:
    ledger = a_ledger(1)
    for _ in range(MAX_HELD):
        ledger.captured(0)
    with pytest.raises(OverflowError):
        ledger.captured(0)
    counts = ledger.read(0)
    assert counts.balanced
    assert counts.in_flight == MAX_HELD


def test_held_frames_of_a_dead_process_fail() -> None:
    ledger = a_ledger()
    for _ in range(5):
        ledger.captured(0)
    ledger.ended(0, 2, Fate.ANALYSED)
    assert ledger.fail_held(0) == 4
    assert ledger.read(0) == FrameCounts(captured=5, analysed=1, failed=4)


def test_a_reader_beside_a_busy_writer_only_sees_balanced_rows() -> None:
    ledger = a_ledger(1)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            handles = [ledger.captured(0) for _ in range(3)]
            for handle in handles:
                ledger.ended(0, handle, Fate.ANALYSED)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        snapshots = [ledger.read(0)]
        while len(snapshots) < 5000 or snapshots[-1].captured < snapshots[0].captured + 200:
            snapshots.append(ledger.read(0))
    finally:
        stop.set()
        writer.join()
    assert all(counts.balanced for counts in snapshots)
    assert snapshots[-1].captured > snapshots[0].captured


_WRITER = """
import sys
from camslice.fleet.accounting import Fate
from camslice.stream.ledger import Ledger
from camslice.stream.shm import SharedRegion
ledger = Ledger(SharedRegion(int(sys.argv[1]), int(sys.argv[2])).buffer)
print("writing", flush=True)
while True:
    handles = [ledger.captured(0) for _ in range(4)]
    for handle in handles[:3]:
        ledger.ended(0, handle, Fate.ANALYSED)
    ledger.ended(0, handles[3], Fate.SUPERSEDED)
"""


def test_killing_the_writer_at_any_moment_loses_no_count() -> None:
    region = SharedRegion.create("ledger", ledger_bytes(1))
    ledger = Ledger(region.buffer)
    captured = 0
    for _ in range(8):
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(region.descriptor), str(region.size)],
            pass_fds=[region.descriptor],
            stdout=subprocess.PIPE,
        )
        assert writer.stdout is not None
        writer.stdout.readline()
        while ledger.read(0).captured < captured + 50:
            assert ledger.read(0).balanced
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        before = ledger.read(0)
        assert before.balanced
        held = before.in_flight
        assert ledger.fail_held(0) == held
        after = ledger.read(0)
        assert after.balanced
        assert after.in_flight == 0
        assert after.captured == before.captured > captured
        captured = after.captured


def test_when_nothing_was_new_is_kept_with_the_counts_and_forgotten_with_them() -> None:
    ledger = a_ledger()
    assert ledger.unchanged_at_s(0) is None
    ledger.ended(0, ledger.captured(0), Fate.GATED, unchanged_at_s=1754050020.25)
    ledger.ended(0, ledger.captured(0), Fate.ANALYSED)
    assert ledger.unchanged_at_s(0) == 1754050020.25
    assert ledger.read(0) == FrameCounts(captured=2, gated=1, analysed=1)
    ledger.reset(0)
    assert ledger.unchanged_at_s(0) is None
    assert ledger.read(0) == FrameCounts()
