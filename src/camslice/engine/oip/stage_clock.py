"""Where a request's time went, told so that the parts always add up to the whole."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from camslice.engine.protocol import InferenceTimes


class Part(StrEnum):
    """Parts of a request's time, by the name of the response parameter that tells them in ns."""

    QUEUE = "queue_ns"
    PREPROCESS = "preprocess_ns"
    INFERENCE = "inference_ns"
    POSTPROCESS = "postprocess_ns"


class StageClock:
    """Walks forward from a request's arrival; each step says what the time up to then was spent on.

    A request that was split over several batches walks along their stamps in the order in which they ended: what overlaps
    with an earlier batch has been told already and counts once. Not thread-safe.
    """

    def __init__(self, arrived_ns: int) -> None:
        self.arrived_ns = arrived_ns
        self._now_ns = arrived_ns
        self._spent = dict.fromkeys(Part, 0)

    def until(self, part: Part, at_ns: int) -> None:
        """The time up to `at_ns`, as far as nothing else was said of it, was spent on `part`."""
        if at_ns > self._now_ns:
            self._spent[part] += at_ns - self._now_ns
            self._now_ns = at_ns

    def batch(self, taken_ns: int, filled_ns: int, times: InferenceTimes, read_ns: int) -> None:
        """A batch with pictures of this request was taken, filled, computed and read."""
        self.until(Part.QUEUE, taken_ns)
        self.until(Part.PREPROCESS, filled_ns)
        self.until(Part.QUEUE, times.began_ns)
        self.until(Part.PREPROCESS, times.began_ns + times.preprocess_ns)
        self.until(Part.QUEUE, times.began_ns + times.preprocess_ns + times.queue_ns)
        self.until(Part.INFERENCE, times.ended_ns - times.postprocess_ns)
        self.until(Part.POSTPROCESS, read_ns)

    @property
    def spent_ns(self) -> Mapping[Part, int]:
        """Every part; their sum is `total_ns`."""
        return self._spent

    @property
    def total_ns(self) -> int:
        """From the arrival to the last step."""
        return self._now_ns - self.arrived_ns
