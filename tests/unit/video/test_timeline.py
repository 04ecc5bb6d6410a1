from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camslice.video.feed import PacketTime
from camslice.video.timeline import CountedTimeline, SourceTimeline


def play(timeline: SourceTimeline, times: list[float | None], *, new_pass: bool = False) -> list[float]:
    media = []
    for k, time_s in enumerate(times):
        timeline.packet_s(PacketTime(time_s, time_s, starts_pass=new_pass and k == 0))
        media.append(round(timeline.frame_s(time_s), 6))
    return media


def test_time_begins_at_the_first_frame_whatever_the_file_starts_with() -> None:
    assert play(SourceTimeline(10), [5.0, 5.1, 5.2], new_pass=True) == [0.0, 0.1, 0.2]


def test_a_loop_continues_one_frame_after_the_last() -> None:
    timeline = SourceTimeline(10)
    assert play(timeline, [0.0, 0.1, 0.2], new_pass=True) == [0.0, 0.1, 0.2]
    assert play(timeline, [0.0, 0.1, 0.2], new_pass=True) == [0.3, 0.4, 0.5]


def test_frames_without_time_stamps_come_at_the_nominal_rate() -> None:
    assert play(SourceTimeline(20), [None, None, None], new_pass=True) == [0.0, 0.05, 0.1]


def test_packets_without_time_stamps_are_paced_too() -> None:
    timeline = SourceTimeline(20)
    assert [round(timeline.packet_s(PacketTime(None, None)), 6) for _ in range(3)] == [0.0, 0.05, 0.1]


def test_a_step_back_inside_a_file_is_a_splice() -> None:
    assert play(SourceTimeline(10), [3.0, 3.1, 0.0, 0.1], new_pass=True) == [0.0, 0.1, 0.2, 0.3]


def test_a_leap_inside_a_file_is_a_splice_and_a_short_pause_is_kept() -> None:
    assert play(SourceTimeline(10), [0.0, 0.1, 500.0, 500.1], new_pass=True) == [0.0, 0.1, 0.2, 0.3]
    assert play(SourceTimeline(10), [0.0, 0.1, 4.0, 4.1], new_pass=True) == [0.0, 0.1, 4.0, 4.1]


def test_frames_held_back_from_before_a_splice_follow_the_last_one() -> None:
    """A decoder that reorders gives out the end of an hour after the first packets of the next part were read."""
    timeline = SourceTimeline(10)
    media = play(timeline, [k / 10 for k in range(36_000)], new_pass=True)[-1:]
    packets = [3600.0, 0.0, 0.1, 0.2, 0.3]
    frames = [None, 3600.0, 0.0, 0.1, 0.2]
    for packet_s, frame_s in zip(packets, frames, strict=True):
        timeline.packet_s(PacketTime(packet_s, packet_s))
        if frame_s is not None:
            media.append(timeline.frame_s(frame_s))
    steps = [after - before for before, after in itertools.pairwise(media)]
    assert steps == pytest.approx([0.1] * 4)


def test_a_reordered_stream_is_paced_by_decoding_time() -> None:
    """Decoding order I0 P2 B1, each shown when the packet with that decoding time is taken."""
    timeline = SourceTimeline(25)
    packets = [PacketTime(0.0, -0.08, starts_pass=True), PacketTime(0.08, -0.04), PacketTime(0.04, 0.0)]
    assert [round(timeline.packet_s(packet), 6) for packet in packets] == [-0.08, -0.04, 0.0]


@given(st.lists(st.one_of(st.none(), st.floats(-1000, 1000)), min_size=1, max_size=50))
def test_time_only_goes_forward_whatever_the_stamps_say(times: list[float | None]) -> None:
    timeline = SourceTimeline(25)
    media = []
    for time_s in times:
        timeline.packet_s(PacketTime(time_s, time_s))
        media.append(timeline.frame_s(time_s))
    assert all(after > before for before, after in itertools.pairwise(media))


def test_a_counted_timeline_ignores_the_stamps() -> None:
    timeline = CountedTimeline(4)
    assert timeline.packet_s(PacketTime(99.0, 99.0)) == 0.0
    assert timeline.frame_s(99.0) == 0.0
    assert timeline.packet_s(PacketTime(1.0, 1.0)) == 0.25
    assert timeline.packet_s(PacketTime(2.0, 2.0)) == 0.25, "no frame came out meanwhile"
    assert timeline.frame_s(None) == 0.25
