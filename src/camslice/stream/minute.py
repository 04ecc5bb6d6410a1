"""The last minute of one stream: every total and how much was found, in six slots of ten seconds."""

from __future__ import annotations

import math
from array import array
from collections import deque
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

_SLOT_S = 10.0
_SLOTS = 6


@dataclass(frozen=True, slots=True)
class LastMinute:
    """`totals_ms`: of every frame analysed or carried on in the last 50 to 60 s, ascending; `detections` in the analysed."""

    totals_ms: npt.NDArray[np.float32]
    detections: int
    analysed: int = 0

    @property
    def frames(self) -> int:
        """How many were analysed or carried on."""
        return len(self.totals_ms)

    @property
    def detections_per_frame(self) -> float | None:
        """None without analysed frames."""
        return self.detections / self.analysed if self.analysed else None

    def percentile_ms(self, percentile: float, infinite: int = 0) -> float | None:
        """The percentile (0..100), `infinite` further frames counting as infinitely late; None for infinite, or without any."""
        rank = math.ceil(percentile / 100.0 * (self.frames + infinite))
        return float(self.totals_ms[max(rank, 1) - 1]) if 0 < self.frames >= rank else None


NOTHING = LastMinute(np.zeros(0, np.float32), 0)


@dataclass(slots=True)
class _Slot:
    number: int
    totals_ms: array[float] = field(default_factory=lambda: array("f"))
    detections: int = 0
    analysed: int = 0


class MinuteWindow:
    """Four bytes a frame. The caller holds a lock."""

    def __init__(self) -> None:
        self._slots: deque[_Slot] = deque()

    def add(self, now_s: float, total_ms: float, detections: int | None) -> None:
        """A frame was analysed, or with `detections` None carried on. `now_s` is monotonic and never goes back."""
        number = int(now_s // _SLOT_S)
        if not self._slots or self._slots[-1].number != number:
            self._slots.append(_Slot(number))
            self._forget(number)
        newest = self._slots[-1]
        newest.totals_ms.append(total_ms)
        if detections is not None:
            newest.detections += detections
            newest.analysed += 1

    def read(self, now_s: float) -> LastMinute:
        """What is left of it at `now_s`."""
        self._forget(int(now_s // _SLOT_S))
        if not self._slots:
            return NOTHING
        totals = np.concatenate([np.array(slot.totals_ms, np.float32) for slot in self._slots])
        totals.sort()
        return LastMinute(totals, sum(slot.detections for slot in self._slots), sum(slot.analysed for slot in self._slots))

    def _forget(self, number: int) -> None:
        while self._slots and self._slots[0].number <= number - _SLOTS:
            self._slots.popleft()
