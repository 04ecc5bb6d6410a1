"""Whether a request can still be answered in time, from what requests took lately."""

from __future__ import annotations

import math

from camslice.fleet.service_time import ServiceTime

_NEAR_MISS = 0.5
_DOUBT = 0.99


class Outlook:
    """Expects what batches took lately; of an idle engine, that it is as quick as it ever was. The caller holds a lock.

    Without the second rule one hiccup of the machine could make every request look hopeless, and with none being computed
    nobody would ever learn better. For the same reason every refusal of an idle engine lowers the expectation a little, until a
    request is computed and shows what is true; of a busy one only a near miss does, for there others are computed.
    """

    def __init__(self, first_ns: float = 0.0) -> None:
        """`first_ns`: what the quickest batch took when the model was loaded."""
        self._lately = ServiceTime(first_ns)
        self._quickest_ns = first_ns or math.inf
        self._doubted = False

    def note(self, service_ns: int) -> None:
        """A batch was taken, computed and read in so long."""
        self._lately.note(service_ns)
        self._quickest_ns = service_ns if self._doubted else min(self._quickest_ns, service_ns)
        self._doubted = False

    def is_late(self, now_ns: int, deadline_ns: int | None, rounds: int, *, idle: bool) -> bool:
        """Whether a request of `rounds` batches, one after another, would be answered after its deadline."""
        if deadline_ns is None:
            return False
        left_ns = deadline_ns - now_ns
        lately_ns = self._lately.expected_ns
        expected_ns = rounds * (min(lately_ns, self._quickest_ns) if idle else lately_ns)
        if left_ns > 0 and left_ns >= expected_ns:
            return False
        if left_ns > (0 if idle else expected_ns * _NEAR_MISS):
            self._lately.doubt()
            self._quickest_ns *= _DOUBT
            self._doubted = True
        return True
