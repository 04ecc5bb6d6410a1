"""Which frames are due for analysis: decided by capture time, never by counting frames.

Counting ("every fifth frame") is wrong as soon as a camera's rate is not what it says, changes, or frames get lost. Here the
wanted rate is a grid of instants, and each instant belongs to the frame captured nearest to it.
"""

from __future__ import annotations

import math

NS_PER_S = 1_000_000_000
_BACKWARD_JUMP_NS = NS_PER_S
_SMOOTHING = 8


class DueClock:
    """Says of each frame of one camera, in order of capture, whether it is due at `fps` frames per second.

    A source slower than `fps` has every frame due. After a gap the clock goes on from there, without a burst.
    """

    def __init__(self, fps: float) -> None:
        self._period_ns = NS_PER_S / fps
        self._anchor_ns: int | None = None
        self._next = 0
        self._last_ns = 0
        self._interval_ns = 0.0
        self._broken_off = False

    @property
    def rate_fps(self) -> float:
        """At what rate frames fall due: the wanted one, or the source's (smoothed) where that is slower."""
        return NS_PER_S / max(self._period_ns, self._interval_ns)

    @property
    def period_s(self) -> float:
        """Seconds between two instants of the grid."""
        return self._period_ns / NS_PER_S

    @property
    def earliest_ns(self) -> float:
        """The capture time from which a frame can be due, if frames go on to come as they do; the past before the first."""
        if self._anchor_ns is None:
            return -math.inf
        return self._anchor_ns + self._next * self._period_ns - self._reach_ns

    def take_back(self) -> None:
        """The frame said to be due last is lost, and its instant belongs to the frame after it."""
        self._next -= 1

    def break_off(self) -> None:
        """The connection was lost: the time until the next frame says nothing of the source's rate."""
        self._broken_off = True

    def is_due(self, captured_ns: int) -> bool:
        """Whether the frame captured at that instant is due. Asking consumes the grid's instants up to this frame."""
        if self._anchor_ns is None or captured_ns < self._last_ns - _BACKWARD_JUMP_NS:
            self._anchor_ns, self._last_ns, self._next = captured_ns, captured_ns, 1
            return True
        reach_ns = self._half_interval_ns(captured_ns)
        since_anchor_ns = captured_ns - self._anchor_ns
        if since_anchor_ns < self._next * self._period_ns - reach_ns:
            return False
        # Rounding may put an instant that was just taken a hair beyond this frame's reach; it must not be taken again.
        self._next = max(self._next, math.floor((since_anchor_ns + reach_ns) / self._period_ns)) + 1
        return True

    def _half_interval_ns(self, captured_ns: int) -> float:
        """How far a frame reaches to either side: half the source's interval (smoothed), at most half the wanted one."""
        step_ns = captured_ns - self._last_ns
        self._last_ns = captured_ns
        if self._broken_off:
            self._broken_off = False
        elif step_ns > 0:
            if self._interval_ns == 0:
                self._interval_ns = step_ns
            else:
                self._interval_ns += (min(step_ns, 2 * self._interval_ns) - self._interval_ns) / _SMOOTHING
        return self._reach_ns

    @property
    def _reach_ns(self) -> float:
        return min(self._interval_ns, self._period_ns) / 2


class Outage:
    """Counts the frames that fall due, at `fps`, while a camera is down. `last_ns`: the capture of its last due frame."""

    def __init__(self, fps: float, last_ns: int) -> None:
        self._fps = fps
        self._last_ns = last_ns
        self._reported = 0

    def newly_missed(self, now_ns: int) -> int:
        """Frames that fell due strictly before `now_ns` and were not reported by an earlier call."""
        due = max(0, math.ceil((now_ns - self._last_ns) * self._fps / NS_PER_S) - 1)
        new = max(0, due - self._reported)
        self._reported += new
        return new
