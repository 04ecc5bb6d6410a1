"""One frame's reported detections beside those that the full frame has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from camslice.models.detections import Detections
from camslice.stream.watching.overlaps import iou, matched

_SAME_THING_IOU = 0.3
"""From one frame to the next a thing moves: so much overlap makes it the same one."""
_LONGEST_DELAY = 50


@dataclass(slots=True)
class Kept:
    """What of the full frames' detections was reported: `frames` holds (kept, wanted, reported) of each."""

    frames: list[tuple[int, int, int]] = field(default_factory=list)

    def add(self, wanted: Detections, reported: Detections) -> npt.NDArray[np.bool_]:
        """Take in a frame. Returns which of `wanted` were reported."""
        found = matched(wanted, reported)
        self.frames.append((int(found.sum()), len(wanted), len(reported)))
        return found

    @property
    def recall(self) -> float | None:
        """None when there was nothing to be found."""
        kept, wanted, _ = self._sums()
        return kept / wanted if wanted else None

    @property
    def precision(self) -> float | None:
        """The share of what was reported that the full frame has, too; None when nothing was reported."""
        kept, _, reported = self._sums()
        return kept / reported if reported else None

    def recall_low(self, draws: int) -> float | None:
        """The 5th percentile of the recall when frames are drawn anew, with replacement, so many times."""
        frames = np.array([each[:2] for each in self.frames if each[1]], np.float64)
        if not len(frames):
            return None
        counts = np.random.default_rng(0).multinomial(len(frames), np.full(len(frames), 1 / len(frames)), draws)
        kept, wanted = counts @ frames[:, 0], counts @ frames[:, 1]
        return float(np.percentile(kept / wanted, 5))

    def _sums(self) -> tuple[int, int, int]:
        kept, wanted, reported = np.array(self.frames or [(0, 0, 0)], np.int64).sum(axis=0).tolist()
        return int(kept), int(wanted), int(reported)


class FirstSeen:
    """How many frames later than by full frames each thing is reported for the first time, on one camera."""

    def __init__(self) -> None:
        self.delays: list[int] = []
        self._before: Detections = Detections.none()
        self._waiting: list[int | None] = []

    def add(self, wanted: Detections, found: Sequence[bool] | npt.NDArray[np.bool_]) -> None:
        """The next frame's full detections, and which of them were reported."""
        waiting = self._followed(wanted)
        for index, since in enumerate(waiting):
            if since is None:
                continue
            if found[index] or since >= _LONGEST_DELAY:
                self.delays.append(since)
                waiting[index] = None
            else:
                waiting[index] = since + 1
        self._before, self._waiting = wanted, waiting

    def _followed(self, wanted: Detections) -> list[int | None]:
        """For how many frames each has waited to be reported; None for what was reported already."""
        if not len(self._before):
            return [0] * len(wanted)
        waiting: list[int | None] = []
        overlap = iou(wanted.boxes, self._before.boxes) if len(wanted) else np.zeros((0, 1), np.float32)
        for index in range(len(wanted)):
            same = overlap[index] * (self._before.class_id == wanted.class_id[index])
            best = int(same.argmax())
            waiting.append(self._waiting[best] if same[best] >= _SAME_THING_IOU else 0)
        return waiting
