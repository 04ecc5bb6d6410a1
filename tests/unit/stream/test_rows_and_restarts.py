"""Who owns which row, and when a dead process is started again."""

from __future__ import annotations

import pytest

from camslice.fleet.accounting import Fate, FrameCounts
from camslice.fleet.errors import MachineError
from camslice.fleet.types import StreamKey
from camslice.stream.ledger import Ledger, ledger_bytes
from camslice.stream.restarts import FIRST_PAUSE_S, HEALTHY_S, LONGEST_PAUSE_S, Restarts
from camslice.stream.rows import Rows

GATE, YARD = StreamKey("gate", "people"), StreamKey("yard", "people")


def test_a_stream_that_comes_back_goes_on_counting() -> None:
    ledger = Ledger(memoryview(bytearray(ledger_bytes(2))))
    rows = Rows(ledger)
    for _ in range(3):
        row = rows.lend(GATE)
        ledger.ended(row, ledger.captured(row), Fate.ANALYSED)
        ledger.used({row: 7})
        rows.retire(GATE)
    assert rows.counts(GATE) == FrameCounts(captured=3, analysed=3, accelerator_ns=21)
    assert rows.row_of(GATE) is None
    assert rows.keys() == [GATE]


def test_a_row_starts_from_nothing_for_its_next_stream() -> None:
    ledger = Ledger(memoryview(bytearray(ledger_bytes(1))))
    rows = Rows(ledger)
    ledger.ended(rows.lend(GATE), ledger.captured(0), Fate.STALE)
    rows.retire(GATE)
    assert rows.lend(YARD) == 0
    assert rows.counts(YARD) == FrameCounts()
    assert rows.counts(GATE) == FrameCounts(captured=1, stale=1)
    assert rows.key_of(0) == YARD


def test_more_streams_than_rows_are_refused_with_a_sentence() -> None:
    rows = Rows(Ledger(memoryview(bytearray(ledger_bytes(1)))))
    rows.lend(GATE)
    with pytest.raises(MachineError, match="camera yard: this fleet already has 1 streams"):
        rows.lend(YARD)


def test_restarts_come_later_each_time_and_soon_again_after_a_good_spell() -> None:
    now = 0.0
    restarts = Restarts(clock=lambda: now)
    pauses = []
    for _ in range(9):
        pauses.append(restarts.ended())
        assert not restarts.due()
        now += pauses[-1]
        assert restarts.due()
    assert pauses[:4] == [FIRST_PAUSE_S, FIRST_PAUSE_S * 2, FIRST_PAUSE_S * 4, FIRST_PAUSE_S * 8]
    assert pauses[-1] == LONGEST_PAUSE_S
    now += HEALTHY_S
    assert restarts.ended() == FIRST_PAUSE_S
    assert restarts.count == 10
