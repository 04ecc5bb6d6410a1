"""Where results are written down. A sink never blocks a stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from camslice.fleet.accounting import FrameCounts
from camslice.fleet.types import StreamKey
from camslice.stream.results import FrameResult


class Sink(Protocol):
    """Takes results into a bounded queue of its own and writes them from a thread of its own."""

    name: str

    def offer(self, results: Sequence[FrameResult]) -> None:
        """Take results; what does not fit is dropped and counted by cause. Returns at once."""
        ...

    def counts(self, counts: Mapping[StreamKey, FrameCounts], at_s: float) -> None:
        """Take the running totals of every stream at UTC second `at_s` (called about once a second). Returns at once."""
        ...

    def epochs(self, epochs: Mapping[StreamKey, int]) -> None:
        """Take the epoch of each stream's placement here: results offered from now on carry it. Returns at once.

        Streams left out keep the epoch that they had; one that never had any is written whatever others write.
        """
        ...

    @property
    def taken_over(self) -> frozenset[StreamKey]:
        """Streams whose results are refused because somebody else writes them with a newer epoch than they have here."""
        ...

    @property
    def dropped(self) -> Mapping[str, int]:
        """Results dropped so far, by cause."""
        ...

    @property
    def problem(self) -> str | None:
        """What keeps the sink from writing just now, in one sentence, or None."""
        ...

    def close(self) -> None:
        """Write what is queued, then stop."""
        ...


@runtime_checkable
class WaitsOnDisk(Protocol):
    """A sink whose results may wait on disk."""

    @property
    def waiting(self) -> int:
        """How many results do so now."""
        ...
