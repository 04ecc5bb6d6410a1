"""What an operator placed here: the revision in force, the epochs of streams, and who has been taken over by another pod."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from camslice.events.sink import Sink
from camslice.fleet.placement import Placed
from camslice.fleet.types import StreamKey
from camslice.stream.results import FrameResult


@dataclass(frozen=True, slots=True)
class StreamPlacement:
    """One stream here. `placed_at_s`: UTC second since which it is here under this epoch; `first_result_at_s`: when its first
    result after that was there, None before; `taken_over`: another pod has it by now."""

    epoch: int | None
    placed_at_s: float
    first_result_at_s: float | None = None
    taken_over: bool = False


@dataclass(frozen=True, slots=True)
class Revisions:
    """`applied` is what runs, `mounted` what the files say; both None where nobody placed the fleet."""

    applied: str | None = None
    mounted: str | None = None


NOBODY_PLACED_IT = Revisions()


class PlacementBook:
    """Thread-safe. `sinks` are told the epochs before any result carries them."""

    def __init__(self, sinks: Sequence[Sink] = (), utc_s: Callable[[], float] = time.time) -> None:
        self._sinks = sinks
        self._utc_s = utc_s
        self._lock = threading.Lock()
        self._placed: Placed | None = None
        self._revisions = NOBODY_PLACED_IT
        self._streams: Mapping[StreamKey, StreamPlacement] = {}
        self._without_result: set[StreamKey] = set()
        self._released: dict[StreamKey, int | None] = {}
        self._taken_over: frozenset[StreamKey] = frozenset()

    def mounted(self, placed: Placed | None) -> None:
        """This is what the files say, whether or not it can be applied."""
        with self._lock:
            self._revisions = replace(self._revisions, mounted=None if placed is None else placed.revision)

    def tell_epochs(self, placed: Placed | None) -> None:
        """These placements are about to be applied."""
        if placed is not None:
            for sink in self._sinks:
                sink.epochs(placed.epochs)

    def applied(self, placed: Placed | None) -> None:
        """This is in force from now on."""
        with self._lock:
            self._placed = placed
            revision = None if placed is None else placed.revision
            self._revisions = Revisions(revision, revision)

    def run(self, streams: Iterable[StreamKey]) -> None:
        """These streams run here from now on; those that did already go on counting."""
        now_s = self._utc_s()
        with self._lock:
            epochs: Mapping[StreamKey, int] = {} if self._placed is None else self._placed.epochs
            before, now = self._streams, {}
            for key in streams:
                known = before.get(key)
                goes_on = known is not None and known.epoch == epochs.get(key)
                now[key] = known if known is not None and goes_on else StreamPlacement(epochs.get(key), now_s)
            self._streams = now
            self._released = {key: epoch for key, epoch in self._released.items() if key in now}
            self._without_result = {key for key, stream in now.items() if stream.first_result_at_s is None}

    def note(self, results: Sequence[FrameResult]) -> None:
        """Results have come."""
        if not self._without_result:
            return
        now_s = self._utc_s()
        with self._lock:
            # What was captured before the placement is a result of the one before.
            first = {
                result.stream
                for result in results
                if result.stream in self._without_result and result.captured_at_s >= self._streams[result.stream].placed_at_s
            }
            self._streams = {
                key: replace(stream, first_result_at_s=now_s) if key in first else stream
                for key, stream in self._streams.items()
            }
            self._without_result -= first

    def release(self, streams: Iterable[StreamKey]) -> list[StreamKey]:
        """Another pod has these by now: nobody waits for them here. Returns those that run here."""
        with self._lock:
            known = [key for key in streams if key in self._streams]
            self._released |= {key: self._streams[key].epoch for key in known}
            return known

    def ask_sinks(self) -> None:
        """Learn what was taken over. Sinks ask their store because of this, so it is for those who wait for the answer."""
        told = frozenset[StreamKey]().union(*(sink.taken_over for sink in self._sinks))
        with self._lock:
            self._taken_over = told

    @property
    def revisions(self) -> Revisions:
        """The revision in force, and the one that the files hold."""
        return self._revisions

    @property
    def streams(self) -> Mapping[StreamKey, StreamPlacement]:
        """Every stream that runs here."""
        with self._lock:
            return {key: replace(stream, taken_over=self._gone(key)) for key, stream in self._streams.items()}

    @property
    def waits_for(self) -> frozenset[StreamKey]:
        """Streams that nobody has taken over yet. One without an epoch, where others have epochs, was added by hand: nobody
        will, and it counts not."""
        with self._lock:
            placed = None if self._placed is None else self._placed.epochs
            wanted = [key for key in self._streams if placed is None or key in placed]
            return frozenset(key for key in wanted if not self._gone(key))

    def _gone(self, key: StreamKey) -> bool:
        epoch = self._streams[key].epoch
        return key in self._taken_over or (key in self._released and self._released[key] == epoch)
