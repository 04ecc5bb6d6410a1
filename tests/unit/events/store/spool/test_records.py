from __future__ import annotations

import json
import struct

from hypothesis import given
from hypothesis import strategies as st

from camslice.events.store.batches import FrameBatch, FrameRow, MinuteBatch, MinuteRow, Run, StageRow, Weights
from camslice.events.store.spool.records import decode_frames, decode_minutes, encode_frames, encode_minutes
from camslice.fleet.accounting import FrameCounts, Looked
from camslice.fleet.types import StreamKey

names = st.text(min_size=1, max_size=8)
big = st.integers(0, 2**62)
streams = st.builds(StreamKey, names, names)
frames = st.builds(
    FrameRow,
    streams,
    st.none() | big,
    big,
    big,
    st.none() | big,
    st.integers(1, 65535),
    st.integers(1, 65535),
    st.builds(Weights, names, st.lists(names, max_size=3).map(tuple)),
    st.integers(0, 2**31 - 1),
    st.none() | st.binary(max_size=40),
    st.sampled_from(Looked),
    st.none() | st.binary(min_size=1, max_size=4),
)
looked_at_in_full = frames.map(lambda row: row._replace(looked=Looked.FULL, carried=None))
runs = st.builds(Run, names, big)
stages = st.builds(StageRow, st.integers(0, 7), big, st.floats(0, 1e9), st.floats(0, 1e9), st.binary(max_size=20))
minutes = st.builds(
    MinuteRow,
    streams,
    st.integers(0, 2**31 - 1),
    st.builds(FrameCounts, captured=big, analysed=big, in_flight=st.integers(-9, 9), missed=big),
    st.just('{"person": 3}'),
    st.lists(stages, max_size=3).map(tuple),
)


@given(runs, st.lists(looked_at_in_full, max_size=12))
def test_frames_that_were_looked_at_in_full_are_told_as_before_there_was_another_way(run: Run, rows: list[FrameRow]) -> None:
    payload = encode_frames(FrameBatch(run, rows))
    (length,) = struct.unpack_from("<I", payload)
    assert set(json.loads(payload[4 : 4 + length])) == {"run", "streams", "weights", "rows"}


@given(runs, st.lists(frames, max_size=12))
def test_frames_come_back_as_they_were(run: Run, rows: list[FrameRow]) -> None:
    assert decode_frames(encode_frames(FrameBatch(run, rows))) == FrameBatch(run, rows)


@given(runs, st.lists(minutes, max_size=5))
def test_minutes_come_back_as_they_were(run: Run, rows: list[MinuteRow]) -> None:
    assert decode_minutes(encode_minutes(MinuteBatch(run, rows))) == MinuteBatch(run, rows)
