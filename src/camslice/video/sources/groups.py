"""How long a stream's groups of pictures are, from one fresh start to the next, in ticks.

The longest of the last few says when the next fresh start is expected. Cameras keep to one length; encoders of films do not,
and for them the longest errs on the side of decoding too much.
"""

from __future__ import annotations

from collections import deque

_SEEN = 4
_LONGER = 1.5
"""A group that is longer than expected by this factor is a new setting of the camera."""


class Groups:
    """Told of every fresh start."""

    __slots__ = ("_lengths", "last")

    def __init__(self) -> None:
        self._lengths: deque[int] = deque(maxlen=_SEEN)
        self.last: int | None = None
        """When the last fresh start is shown."""

    def begin(self, pts: int) -> None:
        """A fresh start, shown at `pts`. One that goes back says nothing of any length."""
        length = 0 if self.last is None else pts - self.last
        if length > 0:
            self._lengths.append(length)
        elif self.last is not None:
            self._lengths.clear()
        self.last = pts

    def forget(self) -> None:
        """The source's clock was set."""
        self._lengths.clear()
        self.last = None

    @property
    def longest(self) -> int | None:
        """None before the second fresh start."""
        return max(self._lengths, default=None)

    @property
    def next(self) -> int | None:
        """When the next fresh start is expected to be shown."""
        longest = self.longest
        return None if longest is None or self.last is None else self.last + longest

    def overdue(self, pts: int) -> bool:
        """Whether at `pts` the next fresh start is so late that it need not be waited for."""
        longest = self.longest
        return longest is None or self.last is None or pts - self.last > _LONGER * longest
