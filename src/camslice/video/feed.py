"""An open source, as the camera's thread sees it: packets in order, then the pictures inside each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from camslice.video.frame import Picture

if TYPE_CHECKING:
    from camslice.video.capture_clock import CaptureTime
    from camslice.video.selection import Selector


class PacketTime(NamedTuple):
    """A packet's time stamps in seconds of the source's own clock, None where it has none.

    `starts_pass`: the first packet of a file that is played (again), so its clock starts anew.
    """

    pts_s: float | None
    dts_s: float | None
    starts_pass: bool = False


class Decoded(NamedTuple):
    """One decoded frame. `picture` builds the handle: only frames that are due pay for it."""

    pts_s: float | None
    picture: Callable[[], Picture]
    corrupt: bool = False


class DueFrame(NamedTuple):
    """One frame that is due. `picture` builds the handle."""

    captured: CaptureTime
    picture: Callable[[], Picture]


class Feed(Protocol):
    """An open source. Used by one thread; whoever opened it closes it."""

    @property
    def live(self) -> bool:
        """Whether frames come by the source's own clock (a camera), not by ours (a file)."""
        ...

    @property
    def nominal_fps(self) -> float | None:
        """The rate that the source says it has, None if it does not say."""
        ...

    def advance(self) -> PacketTime:
        """Wait for the next packet. Raises SourceEndedError, ConnectionLostError, or SourceError for what cannot heal."""
        ...

    def decode(self) -> Sequence[Decoded]:
        """The frames that the packet completes, maybe none. Raises CorruptPacketError; the next packet may be fine again."""
        ...

    def close(self) -> None:
        """Let go of connection, file and decoder."""
        ...


@runtime_checkable
class SelectiveFeed(Feed, Protocol):
    """A source that can leave out frames before they are decoded. For one connection either `decode` is used or this."""

    @property
    def remark(self) -> str:
        """Why it is not decoded as it was asked for, in a sentence; '' if it is."""
        ...

    def decode_due(self, selector: Selector) -> Sequence[DueFrame]:
        """The due frames that the packet completes, maybe none. Every frame of the source is asked about and counted.

        What cannot be decoded is counted, too, as corrupt; raises as `decode` does before the first frame.
        """
        ...


class SourceEndedError(Exception):
    """A source that is to be played once came to its end."""


class ConnectionLostError(Exception):
    """The source cannot be reached or went away; trying again may help. The text is for users and holds no credential."""


class CorruptPacketError(Exception):
    """A packet could not be decoded."""
