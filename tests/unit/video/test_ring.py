from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from camslice.video.ring import PacketRing

S = 1_000_000_000


@dataclass
class FakePacket:
    size: int
    is_keyframe: bool


packets = st.lists(st.tuples(st.integers(1, 100), st.booleans(), st.floats(0, 2)), max_size=200)


@given(packets, st.floats(0.1, 20), st.integers(1, 2000))
def test_the_ring_is_bounded_and_begins_at_a_keyframe(
    stream: list[tuple[int, bool, float]], seconds: float, max_bytes: int
) -> None:
    ring, now_s, sent = PacketRing(seconds, max_bytes), 0.0, []
    for size, is_keyframe, step_s in stream:
        now_s += step_s
        packet = FakePacket(size, is_keyframe)
        sent.append(packet)
        ring.add(packet, round(now_s * S))
        held = ring.snapshot()
        assert ring.held_bytes == sum(each.size for each in held) <= max_bytes
        assert not held or held[0].is_keyframe
        assert held == sent[len(sent) - len(held) :] if held else True


def test_the_span_that_was_asked_for_is_covered() -> None:
    ring = PacketRing(seconds=3, max_bytes=10_000)
    for k in range(100):
        ring.add(FakePacket(1, is_keyframe=k % 10 == 0), round(k * 0.1 * S))
    assert 30 <= len(ring.snapshot()) <= 41


def test_a_group_that_is_too_big_is_let_go() -> None:
    ring = PacketRing(seconds=3, max_bytes=5)
    ring.add(FakePacket(4, is_keyframe=True), 0)
    ring.add(FakePacket(4, is_keyframe=False), 1)
    assert ring.snapshot() == []
    ring.add(FakePacket(4, is_keyframe=False), 2)
    assert ring.snapshot() == [], "without its keyframe a packet is of no use"


def test_a_cleared_ring_waits_for_a_keyframe() -> None:
    ring = PacketRing(seconds=3, max_bytes=100)
    ring.add(FakePacket(4, is_keyframe=True), 0)
    ring.clear()
    ring.add(FakePacket(4, is_keyframe=False), 1)
    assert ring.snapshot() == []
    assert ring.held_bytes == 0
