"""How long a frame will probably take once it is taken, so that those that cannot make their deadline are not started.

With `deadlines` these are the rules by which frames are given up: the live scheduler and the simulator call both.
"""

from __future__ import annotations

_WEIGHT = 0.1
_DEVIATIONS = 2.0
_DOUBT = 0.99


class ServiceTime:
    """Mean and mean deviation of recent service times in ns, newer ones weighing more. The caller holds a lock.

    The mean alone is too hopeful: with it, half of the frames that are started at the edge of their deadline end behind it.
    """

    def __init__(self, first_ns: float = 0.0) -> None:
        """`first_ns` is what is known before the first frame."""
        self._mean_ns = first_ns
        self._deviation_ns = 0.0

    @property
    def expected_ns(self) -> float:
        """What most frames need at most: the mean and twice the mean deviation."""
        return self._mean_ns + _DEVIATIONS * self._deviation_ns

    def expected_within(self, latency_ns: int) -> int:
        """What a frame with this objective is taken to need. Never more than half of the objective, so that one hiccup of the
        machine cannot make every later frame look hopeless."""
        return int(min(self.expected_ns, latency_ns / 2))

    def note(self, service_ns: int) -> None:
        """A frame took so long."""
        error_ns = service_ns - self._mean_ns
        self._mean_ns += _WEIGHT * error_ns
        self._deviation_ns += _WEIGHT * (abs(error_ns) - self._deviation_ns)

    def doubt(self) -> None:
        """A frame was given up because of this estimate: lower it a little, for it may be out of date."""
        self._mean_ns *= _DOUBT
        self._deviation_ns *= _DOUBT
