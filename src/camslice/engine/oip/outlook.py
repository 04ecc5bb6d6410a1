"""Whether a request can still be answered in time, from what requests took lately."""

from __future__ import annotations

import math

from camslice.engine.service_time import ServiceTime

_NEAR_MISS = 0.5


class Outlook:
    """Expects what batches took lately; of an idle engine, that it is as quick as it ever was. The caller holds a lock.

    Without the second rule one hiccup of the machine could make every request look hopeless, and with none being computed
    nobody would ever learn better. A near miss also lowers the expectation a little; a request that never had a chance says
    nothing about it.
    """

    def __init__(self, first_ns: float = 0.0) -> None:
        """`first_ns`: what the quickest batch took when the model was loaded."""
        self._lately = ServiceTime(first_ns)
        self._quickest_ns = first_ns or math.inf

    def note(self, service_ns: int) -> None:
        """A batch was taken, computed and read in so long."""
        self._lately.note(service_ns)
        self._quickest_ns = min(self._quickest_ns, service_ns)

    def is_late(self, now_ns: int, deadline_ns: int | None, rounds: int, *, idle: bool) -> bool:
        """Whether a request of `rounds` batches, one after another, would be answered after its deadline."""
        if deadline_ns is None:
            return False
        left_ns = deadline_ns - now_ns
        lately_ns = self._lately.expected_ns
        expected_ns = rounds * (min(lately_ns, self._quickest_ns) if idle else lately_ns)
        if left_ns > 0 and left_ns >= expected_ns:
            return False
        if left_ns > expected_ns * _NEAR_MISS:
            self._lately.doubt()
            self._quickest_ns *= 0.99
        return True
