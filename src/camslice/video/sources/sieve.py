"""Gives the decoder only what the due frames need. The frames handed over are the same, bit for bit, as if it got everything.

A packet that has come is *asked about* as soon as no later one can be shown before it: its picture is due or not. Then

- a picture that is not due and that no other is predicted from is left out;
- pictures that others are predicted from are decoded as they come, but not when the next fresh start (an IDR picture) is
  expected before the next due frame: then they are held, and left out when it comes. If it does not come, they are decoded;
- a due picture gets everything that is held before it, and everything after it until it comes out of the decoder: a decoder
  that reorders would else keep it.

Whatever does not add up (a packet without a time stamp, frames that the decoder loses without an error) is decoded in full.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Generic, Protocol, TypeVar

from camslice.video.capture_clock import CaptureTime
from camslice.video.feed import CorruptPacketError
from camslice.video.selection import Selector
from camslice.video.sources.dependence import Dependence
from camslice.video.sources.groups import Groups

log = logging.getLogger(__name__)

MAX_HELD_BYTES = 8_000_000
MAX_HELD = 600
_MARGIN = 0.25
"""Of a frame interval: what time stamps may jitter."""
_NEARLY = 1.025
"""So much longer than the interval of due frames a group may be and still count as often enough."""
_MOST_LOST = 8
"""Frames of one group that may get lost without an error, before packets and frames are taken not to match (fields, say)."""
_MOST_INSIDE = 64
"""No decoder holds so many frames back."""


class Coded(Protocol):
    """A packet: time stamps in ticks."""

    @property
    def pts(self) -> int | None:
        """When its picture is shown."""
        ...

    @property
    def dts(self) -> int | None:
        """When it is decoded: no packet after it is shown before."""
        ...

    @property
    def size(self) -> int:
        """Bytes; 0 asks the decoder for what is left in it."""
        ...


class Shown(Protocol):
    """A decoded frame."""

    @property
    def pts(self) -> int | None:
        """As the packet's."""
        ...

    @property
    def is_corrupt(self) -> bool:
        """Whether the decoder had to guess a part of it."""
        ...


C = TypeVar("C", bound=Coded)
S = TypeVar("S", bound=Shown)


@dataclass(slots=True, eq=False)
class _Picture(Generic[C]):
    """A packet that was not let go yet, and what is known of its picture."""

    packet: C
    pts: int
    droppable: bool
    fresh: bool
    asked: bool = False
    due: CaptureTime | None = None

    def __lt__(self, other: _Picture[C]) -> bool:
        return self.pts < other.pts

    @property
    def needless(self) -> bool:
        return self.asked and self.due is None and self.droppable


class Sieve(Generic[C, S]):
    """One stream's, from opening or seeking on. Used by the thread that decodes."""

    def __init__(
        self,
        give: Callable[[C], Sequence[S]],
        tick_s: float,
        reorders: Callable[[], bool],
        *,
        patient: bool = False,
        key_frames: bool = False,
    ) -> None:
        """`give` hands a packet to the decoder and returns the frames that came out; it raises CorruptPacketError.
        `reorders` says whether the decoder takes the stream to show pictures in another order than they come.

        `patient`: nobody waits for frames, so whatever may turn out needless is held. `key_frames`: where fresh starts come at
        least as often as frames are due, they alone are due."""
        self._give_to_decoder = give
        self._tick_s = tick_s
        self._reorders = reorders
        self._patient = patient
        self._key_frames = key_frames
        self._held: deque[_Picture[C]] = deque()
        """Not given to the decoder yet, in the order of decoding."""
        self._held_bytes = 0
        self._unasked: list[_Picture[C]] = []
        """A heap by time: held or given."""
        self._given: dict[int, _Picture[C]] = {}
        """In the decoder, by time."""
        self._due_inside = 0
        """How many of those are due."""
        self._out: list[tuple[S, CaptureTime]] = []
        self._started = self._gave_up = self._out_of_order = False
        self._lost = 0
        self._newest_pts: int | None = None
        self._last_dts: int | None = None
        self._shown_pts: int | None = None
        self._step = 0
        self._groups = Groups()

    def offer(self, packet: C, dependence: Dependence, selector: Selector) -> list[tuple[S, CaptureTime]]:
        """Take the next packet. Returns the due frames that came out. Raises CorruptPacketError before the first frame."""
        self._out = []
        if not packet.size:
            self._end(packet, selector)
        elif packet.pts is None or self._gave_up or not self._started:
            self._pass_on(packet, dependence, selector)
        else:
            self._sift(self._picture(packet, packet.pts, dependence), dependence, selector)
        return self._out

    def _end(self, packet: C, selector: Selector) -> None:
        """The last packets: nothing comes that could be shown before them."""
        if self._started:
            self._settle(selector)
            self._let_go(selector)
        self._give(packet, None, selector)

    def _pass_on(self, packet: C, dependence: Dependence, selector: Selector) -> None:
        """Give it to the decoder whatever it is, and ask about frames when they come out."""
        self._give_held(selector)
        if packet.pts is None:
            self._give(packet, None, selector)
            return
        picture = self._picture(packet, packet.pts, dependence)
        self._note(picture)
        if not self._gave_up:
            heappush(self._unasked, picture)
        self._give(packet, picture, selector)

    def _picture(self, packet: C, pts: int, dependence: Dependence) -> _Picture[C]:
        fresh = dependence.fresh or (dependence.fresh_in_order and self._in_order)
        return _Picture(packet, pts, dependence.droppable, fresh)

    @property
    def _in_order(self) -> bool:
        """Whether pictures are shown in the order in which they come."""
        return not self._out_of_order and not self._reorders()

    def _sift(self, picture: _Picture[C], dependence: Dependence, selector: Selector) -> None:
        if self._is_splice(picture):
            self._settle(selector)
            self._begin_anew(selector)
            self._pass_on(picture.packet, dependence, selector)
            return
        if picture.fresh:
            self._settle(selector)
            self._let_go(selector)
        self._note(picture)
        heappush(self._unasked, picture)
        self._held.append(picture)
        self._held_bytes += picture.packet.size
        known_until = self._known_until(picture)
        if known_until is None:
            self._give_held(selector)
            return
        self._ask(known_until, selector)
        self._give_what_is_due(selector)
        while self._held and (self._due_inside or not self._may_wait(self._held[0], selector)):
            self._give_first(selector)
        if self._held_bytes > MAX_HELD_BYTES or len(self._held) > MAX_HELD:
            self._give_held(selector)

    def _settle(self, selector: Selector) -> None:
        """Nothing comes any more that is shown before what is known."""
        self._ask(None, selector)
        self._give_what_is_due(selector)

    def _begin_anew(self, selector: Selector) -> None:
        """The source's clock was set: nothing learnt of it holds, and what is still inside is asked about when it comes out."""
        self._give_held(selector)
        for picture in list(self._given.values()):
            self._lose(picture, selector)
        self._unasked.clear()
        self._groups.forget()
        self._newest_pts = self._last_dts = self._shown_pts = None
        self._started = False

    def _note(self, picture: _Picture[C]) -> None:
        """Learn from a packet's time stamps."""
        if self._newest_pts is not None and picture.pts <= self._newest_pts:
            self._out_of_order = True
        self._newest_pts = picture.pts if self._newest_pts is None else max(self._newest_pts, picture.pts)
        self._last_dts = picture.packet.dts
        if picture.fresh:
            self._lost = 0
            self._groups.begin(picture.pts)

    def _is_splice(self, picture: _Picture[C]) -> bool:
        dts = picture.packet.dts
        return dts is not None and self._last_dts is not None and dts < self._last_dts

    def _known_until(self, picture: _Picture[C]) -> int | None:
        """No later packet is shown before this time; None when that cannot be told."""
        return picture.pts if self._in_order else picture.packet.dts

    def _ask(self, until: int | None, selector: Selector) -> None:
        """Ask about every frame up to that time, all of them at None."""
        while self._unasked and (until is None or self._unasked[0].pts <= until):
            picture = heappop(self._unasked)
            if picture.asked:
                continue
            picture.asked = True
            picture.due = selector.due(picture.pts * self._tick_s, eligible=self._is_eligible(picture, selector))
            if picture.due is not None and picture.pts in self._given:
                self._due_inside += 1
            self._note_shown(picture.pts)

    def _note_shown(self, pts: int) -> None:
        if self._shown_pts is not None and pts > self._shown_pts:
            self._step = pts - self._shown_pts
        self._shown_pts = pts

    def _is_eligible(self, picture: _Picture[C], selector: Selector) -> bool:
        return picture.fresh or not self._fresh_alone(selector) or self._groups.overdue(picture.pts)

    def _fresh_alone(self, selector: Selector) -> bool:
        """Whether fresh starts may be the only frames that are due, and come often enough."""
        longest = self._groups.longest
        return self._key_frames and longest is not None and longest * self._tick_s <= selector.period_s * _NEARLY

    def _leave_out(self, selector: Selector) -> None:
        if any(picture.needless for picture in self._held):
            kept = [picture for picture in self._held if not picture.needless]
            selector.count(skipped=len(self._held) - len(kept))
            self._hold(kept)

    def _let_go(self, selector: Selector) -> None:
        """Nothing that is held is needed any more."""
        selector.count(skipped=len(self._held))
        self._hold([])

    def _hold(self, pictures: Sequence[_Picture[C]]) -> None:
        self._held = deque(pictures)
        self._held_bytes = sum(picture.packet.size for picture in pictures)

    def _give_what_is_due(self, selector: Selector) -> None:
        """Up to the last held picture that is due, and on, needless or not, until it has come out."""
        if not self._due_inside:
            self._leave_out(selector)
        while self._held and (self._due_inside or any(picture.due is not None for picture in self._held)):
            self._give_first(selector)

    def _may_wait(self, picture: _Picture[C], selector: Selector) -> bool:
        """Whether the picture may turn out needless, so that giving it to the decoder is to be put off."""
        if self._patient or (picture.droppable and not picture.asked):
            return True
        expected = self._groups.next
        if expected is None or self._shown_pts is None or self._newest_pts is None:
            return False
        if self._fresh_alone(selector):
            return not self._groups.overdue(self._newest_pts)
        if self._newest_pts > expected + self._step / 2:
            return False
        due = self._shown_pts + selector.seconds_to_due / self._tick_s
        return due > expected - (1 - _MARGIN) * self._step

    def _give_held(self, selector: Selector) -> None:
        while self._held:
            self._give_first(selector)

    def _give_first(self, selector: Selector) -> None:
        picture = self._held.popleft()
        self._held_bytes -= picture.packet.size
        self._give(picture.packet, picture, selector)

    def _give(self, packet: C, picture: _Picture[C] | None, selector: Selector) -> None:
        if picture is not None:
            self._put_in(picture, selector)
        try:
            frames = self._give_to_decoder(packet)
        except CorruptPacketError:
            if picture is not None:
                self._lose(picture, selector)
            if not self._started:
                raise
            selector.count(corrupt=1)
            return
        for frame in frames:
            self._take(frame, selector)

    def _put_in(self, picture: _Picture[C], selector: Selector) -> None:
        if picture.pts in self._given:
            self._lose(self._given[picture.pts], selector)
        elif len(self._given) == _MOST_INSIDE:
            self._lose(next(iter(self._given.values())), selector)
        self._given[picture.pts] = picture
        self._due_inside += picture.due is not None

    def _take(self, frame: S, selector: Selector) -> None:
        """A frame came out of the decoder."""
        selector.count(decoded=1, corrupt=int(frame.is_corrupt))
        pts = frame.pts
        picture = None if pts is None else self._given.get(pts)
        if picture is None or pts is None:
            self._take_unknown(frame, selector)
            return
        for late in [late for late in self._given.values() if late.pts < pts]:
            self._lose(late, selector)
            self._lost += self._started
        if self._lost > _MOST_LOST and not self._gave_up:
            self._gave_up = True
            log.warning("the frames of a stream do not match its packets: it is decoded in full")
        if not picture.asked:
            self._ask_of(picture, selector)
        self._started = True
        del self._given[pts]
        if picture.due is not None:
            self._due_inside -= 1
            self._out.append((frame, picture.due))

    def _ask_of(self, picture: _Picture[C], selector: Selector) -> None:
        """It came out before it had to, so nothing that is shown before it is to come."""
        if picture in self._unasked:
            self._ask(picture.pts, selector)
            return
        picture.asked = True
        picture.due = selector.due(picture.pts * self._tick_s)
        self._due_inside += picture.due is not None

    def _take_unknown(self, frame: S, selector: Selector) -> None:
        """A frame with the time stamp of no packet: asked about as it comes, unless its time is past."""
        if frame.pts is not None and self._shown_pts is not None and frame.pts <= self._shown_pts and not self._gave_up:
            return
        self._started = True
        captured = selector.due(None if frame.pts is None else frame.pts * self._tick_s)
        if frame.pts is not None:
            self._note_shown(frame.pts)
        if captured is not None:
            self._out.append((frame, captured))

    def _lose(self, picture: _Picture[C], selector: Selector) -> None:
        """It will not come out, so nobody is to ask about it, and if it was due another frame is in its place."""
        self._given.pop(picture.pts, None)
        picture.asked = True
        if picture.due is not None:
            picture.due = None
            self._due_inside -= 1
            selector.take_back()
