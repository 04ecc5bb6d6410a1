"""Results into the store by way of the spool: both ends of it, and the spool between."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence

from camslice.events.store.batches import Run
from camslice.events.store.database import StoreAwayError
from camslice.events.store.direct import Placed, Sample
from camslice.events.store.epochs import EpochBook
from camslice.events.store.spool.carrier import Carrier
from camslice.events.store.spool.front import SpoolTarget
from camslice.events.store.spool.log import Spool
from camslice.events.store.spool.place import SpoolPlace
from camslice.events.store.tables import Tables
from camslice.events.writer import BatchWriter


class SpooledWriter:
    """Owns the spool and the two threads at its ends. Used as a `BatchWriter` is.

    A database that is away at the start is no error here: that is what the spool is for. Raises StoreError for a spool that
    cannot be used, and for a store that no waiting makes better.
    """

    def __init__(
        self,
        name: str,
        place: SpoolPlace,
        open_tables: Callable[[], Tables],
        run: Run,
        book: EpochBook,
        samples: deque[Sample],
        *,
        capacity: int,
        interval_s: float,
    ) -> None:
        self._spool = Spool(place)
        self._carrier = Carrier(name, self._spool, open_tables, book, interval_s=interval_s)
        try:
            tables = open_tables()
        except StoreAwayError:
            tables = None
        except BaseException:
            self._spool.close()
            raise
        self._carrier.start(tables)
        target = SpoolTarget(self._spool, run, book, samples)
        self._front: BatchWriter[Placed, tuple[bytes, int]] = BatchWriter(
            name, target, capacity=capacity, interval_s=interval_s
        )

    def offer(self, items: Sequence[Placed]) -> None:
        """Take what there is room for; the rest is dropped and counted. Returns at once."""
        self._front.offer(items)

    @property
    def written(self) -> int:
        """Results that were committed, those of an earlier run that waited in the spool too."""
        return self._carrier.written

    @property
    def waiting(self) -> int:
        """Results in the spool."""
        return self._spool.waiting

    @property
    def dropped(self) -> Mapping[str, int]:
        """Results dropped so far on the way, by cause."""
        return Counter(self._front.dropped) + Counter(self._spool.dropped) + Counter(self._carrier.dropped)

    @property
    def problem(self) -> str | None:
        """What keeps it from writing just now, in one sentence, or None."""
        problems = [problem for problem in (self._spool.problem, self._carrier.problem) if problem]
        return "; ".join(problems) or None

    def close(self) -> None:
        """Put what is queued into the spool, write what can be written, then stop. The rest stays in the spool."""
        self._front.close()
        if self._carrier.close():
            self._spool.close()
