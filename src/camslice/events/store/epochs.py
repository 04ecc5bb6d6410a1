"""What a sink knows of the placements of its streams: their epochs here, and what the store said of them."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from camslice.events.store.placements import Admitted
from camslice.fleet.types import StreamKey
from camslice.stream.results import FrameResult

TAKEN_OVER = "taken over"
REPEATED = "stored by the placement before"
_ASKED_LATELY_S = 5.0


class EpochBook:
    """Thread-safe. Empty, and without cost, where nobody tells epochs."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._epochs: Mapping[StreamKey, int] = {}
        self._newer: dict[StreamKey, int] = {}
        self._dropped: Counter[str] = Counter()
        self._asked_until_s = -1.0

    def take(self, epochs: Mapping[StreamKey, int]) -> None:
        """Results that are stamped from now on carry these epochs. Streams left out keep theirs."""
        with self._lock:
            self._epochs = {**self._epochs, **epochs}

    def stamped(self, results: Sequence[FrameResult]) -> list[tuple[FrameResult, int | None]]:
        """Each result with the epoch of its stream's placement here."""
        epochs = self._epochs
        if not epochs:
            return [(result, None) for result in results]
        return [(result, epochs.get(result.stream)) for result in results]

    def learn(self, admitted: Admitted) -> None:
        """The store answered to a batch."""
        if not (admitted.taken_over or admitted.repeated):
            return
        with self._lock:
            self._dropped[TAKEN_OVER] += sum(admitted.taken_over.values())
            self._dropped[REPEATED] += admitted.repeated
            self._raise(admitted.newest)

    def learn_newest(self, newest: Mapping[StreamKey, int]) -> None:
        """The store holds these epochs."""
        with self._lock:
            self._raise(newest)

    def asked_about(self) -> frozenset[StreamKey]:
        """The streams that somebody lately asked `taken_over` about and that nobody has taken over yet."""
        if self._clock() > self._asked_until_s:
            return frozenset()
        with self._lock:
            return frozenset(self._epochs) - self._taken_over()

    def lost(self, stream: StreamKey) -> bool:
        """Whether a stream was taken over, without asking for news."""
        return bool(self._newer) and stream in self._newer and self._newer[stream] > self._epochs.get(stream, -1)

    @property
    def taken_over(self) -> frozenset[StreamKey]:
        """Streams that somebody else writes with a newer epoch than they have here."""
        with self._lock:
            self._asked_until_s = self._clock() + _ASKED_LATELY_S
            return self._taken_over()

    @property
    def dropped(self) -> Mapping[str, int]:
        """Results that the store refused, by cause."""
        with self._lock:
            return {cause: count for cause, count in self._dropped.items() if count}

    def _taken_over(self) -> frozenset[StreamKey]:
        return frozenset(stream for stream, newer in self._newer.items() if newer > self._epochs.get(stream, -1))

    def _raise(self, newest: Mapping[StreamKey, int]) -> None:
        for stream, epoch in newest.items():
            self._newer[stream] = max(epoch, self._newer.get(stream, epoch))
