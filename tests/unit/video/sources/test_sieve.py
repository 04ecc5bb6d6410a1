"""Against a decoder that is only modelled: it knows which packets it needs, and shows pictures in their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from camslice.video.capture_clock import LosslessClock
from camslice.video.feed import CorruptPacketError, Decoded, PacketTime
from camslice.video.pacing import DueClock
from camslice.video.selection import Selection
from camslice.video.sources.dependence import Dependence
from camslice.video.sources.sieve import MAX_HELD_BYTES, Sieve
from camslice.video.timeline import SourceTimeline

TICK_S = 0.001
STEP = 40
"""Ticks between pictures: 25 per second."""


@dataclass(frozen=True)
class Coded:
    pts: int | None
    dts: int | None
    size: int
    droppable: bool = False
    fresh: bool = False
    damaged: bool = False

    @property
    def dependence(self) -> Dependence:
        return Dependence(self.droppable, self.fresh)


@dataclass(frozen=True)
class Shown:
    pts: int | None
    whole: bool
    """Whether everything it is predicted from was decoded."""
    is_corrupt: bool = False


END = Coded(None, None, 0)


@dataclass
class ModelDecoder:
    """Pictures come out by time, each once `depth` later ones are inside; a fresh start lets all before it out.

    Every picture is predicted from every one before it that may be referred to, back to the fresh start: the worst case.
    """

    packets: Sequence[Coded]
    depth: int
    inside: list[Shown] = field(default_factory=list)
    referred: set[int] = field(default_factory=set)

    def give(self, packet: Coded) -> list[Shown]:
        out: list[Shown] = []
        if not packet.size or packet.fresh:
            out, self.inside = sorted(self.inside, key=lambda shown: shown.pts or 0), []
        if not packet.size:
            return out
        if packet.damaged:
            raise CorruptPacketError("damaged")
        place = self.packets.index(packet)
        if packet.fresh:
            self.referred = set()
        whole = self.needed(place) <= self.referred
        if not packet.droppable:
            self.referred.add(place)
        self.inside.append(Shown(packet.pts, whole))
        if len(self.inside) > self.depth:
            first = min(self.inside, key=lambda shown: shown.pts or 0)
            self.inside.remove(first)
            out.append(first)
        return out

    def needed(self, place: int) -> set[int]:
        needed: set[int] = set()
        for before in range(place, -1, -1):
            if self.packets[before].fresh:
                return needed | ({before} if before != place else set())
            if before != place and not self.packets[before].droppable and not self.packets[before].damaged:
                needed.add(before)
        return needed


Result = list[tuple[float | None, bool, int]]
"""Of each due frame its time, whether it was whole, and the packet at which it came out."""


def selection_of(fps: float) -> tuple[Selection, LosslessClock]:
    clock = LosslessClock(SourceTimeline(1 / (STEP * TICK_S)))
    return Selection(clock, DueClock(fps)), clock


def note(clock: LosslessClock, packet: Coded, place: int) -> None:
    if packet.size:
        times = (None if ticks is None else ticks * TICK_S for ticks in (packet.pts, packet.dts))
        clock.on_packet(PacketTime(*times, starts_pass=place == 0), place, place)


def unsieved(packets: Sequence[Coded], depth: int, fps: float) -> Result:
    """The oracle: everything is decoded, and each frame that comes out is asked about."""
    selection, clock = selection_of(fps)
    decoder = ModelDecoder(packets, depth)
    due: Result = []
    for place, packet in enumerate([*packets, END]):
        note(clock, packet, place)
        for shown in decoder.give(packet):
            decoded = Decoded(None if shown.pts is None else shown.pts * TICK_S, lambda: None)  # type: ignore[arg-type, return-value] # nobody looks
            due += [(frame.captured.pts_s, shown.whole, place) for frame in selection.of([decoded])]
    return due


def sieved(
    packets: Sequence[Coded], depth: int, fps: float, *, patient: bool = False, key_frames: bool = False
) -> tuple[Result, Selection]:
    selection, clock = selection_of(fps)
    decoder = ModelDecoder(packets, depth)
    sieve: Sieve[Coded, Shown] = Sieve(decoder.give, TICK_S, lambda: depth > 0, patient=patient, key_frames=key_frames)
    due: Result = []
    for place, packet in enumerate([*packets, END]):
        note(clock, packet, place)
        offered = sieve.offer(packet, packet.dependence, selection)
        due += [(captured.pts_s, shown.whole, place) for shown, captured in offered]
    return due, selection


def runs_of(draw: st.DrawFn) -> list[list[tuple[int, bool]]]:
    """One group of pictures in the order of decoding: (place in the order of showing, droppable), in runs."""
    kinds = st.sampled_from(["P", "p", "PbB", "Pbb", "PbbBbb"])
    return [
        {
            "P": [(0, False)],
            "p": [(0, True)],
            "PbB": [(2, False), (1, False), (0, True)],
            "Pbb": [(2, False), (0, True), (1, True)],
            "PbbBbb": [(3, False), (1, False), (0, True), (2, True)],
        }[kind]
        for kind in draw(st.lists(kinds, max_size=12))
    ]


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[Coded], int]:
    """Packets in the order of decoding and how far the decoder reorders: any mix of groups, with time stamps that jitter."""
    shown: list[tuple[int, bool, bool]] = []
    reorders = False
    for _ in range(draw(st.integers(1, 8))):
        shown.append((len(shown), False, True))
        for run in runs_of(draw):
            first = len(shown)
            shown += [(first + place, droppable, False) for place, droppable in run]
            reorders = reorders or len(run) > 1
    jitter = draw(st.lists(st.integers(-12, 12), min_size=len(shown), max_size=len(shown)))
    at = [STEP * place + jitter[place] for place in range(len(shown))]
    depth = 2 if reorders else 0
    return [
        Coded(at[place], at[number] - depth * STEP - 30 * (depth > 0), 100, droppable, fresh)
        for number, (place, droppable, fresh) in enumerate(shown)
    ], depth


@settings(max_examples=300)
@given(streams(), st.floats(0.3, 40), st.booleans())
def test_the_due_frames_are_those_that_fall_due_when_everything_is_decoded(
    stream: tuple[list[Coded], int], fps: float, patient: bool
) -> None:
    packets, depth = stream
    expected = unsieved(packets, depth, fps)
    due, selection = sieved(packets, depth, fps, patient=patient)
    assert [at for at, _, _ in due] == [at for at, _, _ in expected]
    assert all(whole for _, whole, _ in due), "a picture was decoded without those it is predicted from"
    assert selection.decoded + selection.skipped == len(packets)
    assert selection.corrupt == 0


@settings(max_examples=100)
@given(streams(), st.floats(0.3, 40))
def test_a_stream_in_order_has_no_frame_come_later_for_what_is_left_out(stream: tuple[list[Coded], int], fps: float) -> None:
    packets, _ = stream
    in_order = [replace(packet, pts=place * STEP, dts=place * STEP) for place, packet in enumerate(packets)]
    assert sieved(in_order, 0, fps)[0] == unsieved(in_order, 0, fps)


@settings(max_examples=100)
@given(streams(), st.floats(0.3, 40))
def test_no_due_frame_comes_later_where_decoding_times_are_as_encoders_write_them(
    stream: tuple[list[Coded], int], fps: float
) -> None:
    packets, depth = stream
    tight = [
        replace(packet, pts=round((packet.pts or 0) / STEP) * STEP, dts=(place - depth) * STEP)
        for place, packet in enumerate(packets)
    ]
    came = [(at, place) for at, _, place in sieved(tight, depth, fps)[0]]
    usual = [(at, place) for at, _, place in unsieved(tight, depth, fps)]
    assert all(place <= other for (_, place), (_, other) in zip(came, usual, strict=True))


def regular(groups: int, length: int, **kinds: bool) -> list[Coded]:
    """Groups of `length` pictures in order, each predicted from the one before, or `droppable` every second one."""
    every_second = kinds.get("droppable", False)
    return [
        Coded(place * STEP, place * STEP, 100, every_second and place % length % 2 == 1, place % length == 0)
        for place in range(groups * length)
    ]


def test_pictures_that_nothing_refers_to_are_decoded_only_when_due() -> None:
    _, selection = sieved(regular(2, 50, droppable=True), 0, fps=5.0)
    assert selection.decoded == 50 + 10 - 2, "what is referred to, the due ones that are not, less the tail of the last group"


def test_the_rest_of_a_group_is_left_out_once_its_last_due_frame_is_decoded() -> None:
    _, selection = sieved(regular(4, 50), 0, fps=1.0)
    assert selection.skipped == 3 * 24, "how long a group is, is known from the second fresh start on"


def test_where_fresh_starts_and_due_frames_coincide_only_they_are_decoded() -> None:
    _, selection = sieved(regular(5, 25), 0, fps=1.0)
    assert selection.decoded == 25 + 4


def test_a_group_that_gets_longer_loses_no_frame() -> None:
    packets = regular(3, 25) + [
        Coded((75 + place) * STEP, (75 + place) * STEP, 100, fresh=place == 0, droppable=False) for place in range(200)
    ]
    due, _ = sieved(packets, 0, fps=1.0)
    assert due == [(at, True, place) for at, _, place in unsieved(packets, 0, fps=1.0)]


def test_what_is_held_is_bounded() -> None:
    packets = [replace(packet, size=MAX_HELD_BYTES // 10) for packet in regular(1, 200)]
    due, selection = sieved(packets, 0, fps=0.1, patient=True)
    assert len(due) == 1
    assert selection.decoded > 150


def test_key_frames_alone_are_due_where_they_come_often_enough() -> None:
    packets = regular(6, 20)
    due, selection = sieved(packets, 0, fps=1.0, key_frames=True)
    late = [round((at or 0) / (20 * STEP * TICK_S), 6) for at, _, _ in due if (at or 0) > 1.7]
    assert all(at == int(at) for at in late), "what comes after two fresh starts falls on fresh starts"
    assert selection.decoded < 50


def test_key_frames_alone_are_not_enough_where_they_come_seldom() -> None:
    packets = regular(4, 100)
    assert sieved(packets, 0, fps=1.0, key_frames=True)[0] == unsieved(packets, 0, fps=1.0)


def test_a_due_frame_that_cannot_be_decoded_is_replaced_by_the_next() -> None:
    packets = [replace(packet, damaged=place == 25) for place, packet in enumerate(regular(1, 60))]
    due, selection = sieved(packets, 0, fps=1.0)
    assert [at for at, _, _ in due] == [0.0, 26 * STEP * TICK_S, 50 * STEP * TICK_S]
    assert selection.corrupt == 1


def test_packets_without_time_stamps_are_all_decoded() -> None:
    packets = [replace(packet, pts=None, size=100 + place) for place, packet in enumerate(regular(2, 10))]
    _, selection = sieved(packets, 0, fps=1.0)
    assert (selection.decoded, selection.skipped) == (20, 0)


class FieldDecoder:
    """Two packets, a field each, make one frame."""

    def __init__(self) -> None:
        self.first: Coded | None = None

    def give(self, packet: Coded) -> list[Shown]:
        if not packet.size:
            return []
        first, self.first = self.first, None if self.first else packet
        return [] if first is None else [Shown(first.pts, True)]


def test_a_stream_whose_frames_do_not_match_its_packets_is_decoded_in_full() -> None:
    selection, clock = selection_of(1.0)
    sieve: Sieve[Coded, Shown] = Sieve(FieldDecoder().give, TICK_S, lambda: False)
    for place, packet in enumerate(regular(1, 400)):
        note(clock, packet, place)
        sieve.offer(packet, packet.dependence, selection)
    assert selection.decoded == 200


def test_a_clock_that_is_set_back_goes_on() -> None:
    packets = regular(2, 50) + [replace(packet, size=99) for packet in regular(2, 50)]
    due, _ = sieved(packets, 0, fps=5.0)
    assert [at for at, _, _ in due] == [at for at, _, _ in unsieved(packets, 0, fps=5.0)]


def test_what_a_due_frame_needs_is_decoded_as_it_comes_and_not_when_it_falls_due() -> None:
    packets = regular(4, 50)
    given_at: list[int] = []
    decoder = ModelDecoder(packets, 0)

    def give(packet: Coded) -> list[Shown]:
        given_at.append(place)
        return decoder.give(packet)

    selection, clock = selection_of(1.0)
    sieve: Sieve[Coded, Shown] = Sieve(give, TICK_S, lambda: False)
    for place, packet in enumerate(packets):  # `give` looks at it
        note(clock, packet, place)
        sieve.offer(packet, packet.dependence, selection)
    assert selection.skipped > 0
    assert len(set(given_at)) == len(given_at), "several pictures were decoded at once"
