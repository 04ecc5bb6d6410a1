"""From the spool into the tables: the far end, which alone knows the database and has all the patience."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial

from camslice.events import writer
from camslice.events.store.direct import ASK_INTERVAL_S
from camslice.events.store.epochs import EpochBook
from camslice.events.store.spool.log import Spool
from camslice.events.store.spool.records import FRAMES, MINUTES, decode_frames, decode_minutes
from camslice.events.store.spool.segment import Record
from camslice.events.store.tables import Tables
from camslice.events.writer import DEFECT, REFUSED, WriteError
from camslice.fleet.errors import StoreError

logger = logging.getLogger(__name__)

_JOIN_MARGIN_S = 6.0


class Carrier:
    """Owns the thread that carries, and the tables, which it opens as often as it takes. Ends in `close`."""

    def __init__(
        self, name: str, spool: Spool, open_tables: Callable[[], Tables], book: EpochBook, *, interval_s: float = 0.5
    ) -> None:
        """`open_tables` raises StoreError; it is tried again for as long as it does."""
        self._name = name
        self._spool = spool
        self._open_tables = open_tables
        self._book = book
        self._interval_s = interval_s
        self._tables: Tables | None = None
        self._written = 0
        self._dropped: Counter[str] = Counter()
        self._problem: str | None = None
        self._ask_due_s = 0.0
        self._closing = threading.Event()
        self._closing_at_s = float("inf")
        self._thread = threading.Thread(target=self._run, name=f"{name} carrier", daemon=True)

    def start(self, tables: Tables | None) -> None:
        """Begin to carry; with tables that are open already, if there are."""
        self._tables = tables
        self._thread.start()

    @property
    def written(self) -> int:
        """Results that were committed, those of an earlier run that waited in the spool too."""
        return self._written

    @property
    def dropped(self) -> Mapping[str, int]:
        """Results that no trying again could have written, by cause."""
        return dict(self._dropped)

    @property
    def problem(self) -> str | None:
        """What keeps it from writing just now, in one sentence, or None."""
        return self._problem

    def close(self, patience_s: float = 3.0) -> bool:
        """Write what is in the spool, then stop; what cannot be written within `patience_s` stays there.

        False when the database holds the thread up for longer: it is then left to its fate.
        """
        self._closing_at_s = time.monotonic() + patience_s
        self._closing.set()
        self._spool.wake()
        self._thread.join(patience_s + _JOIN_MARGIN_S)
        if waiting := self._spool.waiting:
            logger.warning("%s: %d results stay in the spool for the next run", self._name, waiting)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._over():
            record = self._spool.first(0.0 if self._closing.is_set() else self._interval_s)
            if record is not None:
                if not self._insist(partial(self._carry, record)):
                    break
                self._spool.done()
            elif self._closing.is_set():
                break
            self._try_once(self._keep_up)
        if self._tables is not None:
            self._tables.close()

    def _over(self) -> bool:
        return time.monotonic() >= self._closing_at_s

    def _insist(self, action: Callable[[], None]) -> bool:
        """Do it, however often it takes; False when there is no more time for it."""
        pause_s = writer._FIRST_PAUSE_S
        while not self._try_once(action):
            if self._over() or (self._closing.wait(pause_s) and self._over()):
                return False
            if self._closing.is_set():
                time.sleep(writer._CLOSING_PAUSE_S)
            pause_s = min(2 * pause_s, writer._LONGEST_PAUSE_S)
        return True

    def _try_once(self, action: Callable[[], None]) -> bool:
        try:
            action()
        except WriteError as error:
            self._report(str(error))
            return False
        except Exception:  # upkeep that met a defect must not stop the records
            logger.exception("%s: upkeep met a defect", self._name)
        self._report(None)
        return True

    def _carry(self, record: Record) -> None:
        """Write one record; WriteError when it may work later, else it is done with, whatever became of it."""
        tables = self._opened()
        try:
            if record.kind == FRAMES:
                admitted = tables.frames(decode_frames(record.payload))
                self._book.learn(admitted)
                self._written += len(admitted.rows)
            elif record.kind == MINUTES:
                tables.minutes(decode_minutes(record.payload))
        except WriteError as error:
            if not error.hopeless:
                raise
            logger.warning("%s: %s", self._name, error)
            self._dropped[REFUSED] += record.results
        except Exception:  # a defect met by one record must not stop the records after it
            logger.exception("%s: a record of the spool met a defect and is dropped", self._name)
            self._dropped[DEFECT] += record.results

    def _keep_up(self) -> None:
        """What is due beside the records."""
        tables = self._opened()
        asked_about = self._book.asked_about()
        if asked_about and time.monotonic() >= self._ask_due_s:
            self._book.learn_newest(tables.newest_epochs(asked_about))
            self._ask_due_s = time.monotonic() + ASK_INTERVAL_S
        tables.clear_away()

    def _opened(self) -> Tables:
        if self._tables is None:
            try:
                self._tables = self._open_tables()
            except StoreError as error:
                raise WriteError(str(error).removeprefix("store ")) from None
        return self._tables

    def _report(self, problem: str | None) -> None:
        if problem != self._problem:
            logger.warning("%s: %s", self._name, problem or "writes again")
        self._problem = problem
