"""A bounded queue, one thread that writes it down in batches, and the patience to try again.

Every sink is one of these around a `Target`. The thread belongs to the `BatchWriter`, starts with it and ends in `close`;
targets are called from that thread alone, so they need no locks. A batch that cannot be written is kept and tried again with
a growing pause while the queue fills up behind it; what then finds no room is dropped and counted. Nobody waits for a sink.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Generic, Protocol, TypeVar

logger = logging.getLogger(__name__)

QUEUE_FULL = "queue full"
REFUSED = "refused"
NOT_WRITTEN = "not written before the end"
CLOSED = "offered after the end"
DEFECT = "defect"

_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 15.0
_CLOSING_PAUSE_S = 0.1
_JOIN_MARGIN_S = 1.0

Item = TypeVar("Item")
Item_contra = TypeVar("Item_contra", contravariant=True)
Batch = TypeVar("Batch")


class WriteError(Exception):
    """Nothing of this batch was written. The text is one sentence without credentials.

    `hopeless` says that trying again cannot help, because the data itself is refused.
    """

    def __init__(self, sentence: str, *, hopeless: bool = False) -> None:
        super().__init__(sentence)
        self.hopeless = hopeless


class Target(Protocol[Item_contra, Batch]):
    """Where batches go."""

    def prepare(self, items: Sequence[Item_contra]) -> Batch:
        """Turn items into what is written. Called once for each batch, however often it is tried."""
        ...

    def write(self, batch: Batch) -> None:
        """Write all of it, durably, or raise WriteError and leave no trace that trying again would double."""
        ...

    def tick(self) -> None:
        """Upkeep: called at least once an interval, with work or without. May raise WriteError; is then tried again."""
        ...

    def close(self) -> None:
        """Called last, after the last batch. May raise WriteError."""
        ...


class BatchWriter(Generic[Item, Batch]):
    """Owns the queue and the thread. `offer` may be called from any thread.

    It holds at most `capacity` items, besides the batch of at most `batch_size` that is being written; a batch is written
    when it is full or `interval_s` after the one before.
    """

    def __init__(
        self, name: str, target: Target[Item, Batch], *, capacity: int = 20_000, batch_size: int = 500, interval_s: float = 0.5
    ) -> None:
        self._name = name
        self._target = target
        self._capacity = capacity
        self._batch_size = batch_size
        self._interval_s = interval_s
        self._queue: deque[Item] = deque()
        self._in_hand = 0
        self._written = 0
        self._retries = 0
        self._dropped: Counter[str] = Counter()
        self._problem: str | None = None
        self._closing_at: float | None = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=f"{name} writer", daemon=True)
        self._thread.start()

    def offer(self, items: Sequence[Item]) -> None:
        """Take what there is room for; the rest is dropped and counted. Returns at once."""
        with self._changed:
            room = 0 if self._closing_at is not None else self._capacity - len(self._queue)
            self._queue.extend(items if len(items) <= room else items[:room])
            if len(items) > room:
                self._dropped[QUEUE_FULL if self._closing_at is None else CLOSED] += len(items) - room
            if len(self._queue) >= self._batch_size:
                self._changed.notify_all()

    @property
    def written(self) -> int:
        """Items written so far, in the order in which they were offered."""
        return self._written

    @property
    def retries(self) -> int:
        """How often something had to be tried again."""
        return self._retries

    @property
    def dropped(self) -> Mapping[str, int]:
        """Items dropped so far, by cause."""
        with self._changed:
            return dict(self._dropped)

    @property
    def problem(self) -> str | None:
        """What keeps it from writing just now, in one sentence, or None."""
        return self._problem

    def close(self, patience_s: float = 3.0) -> None:
        """Write what is queued, then stop; what cannot be written within `patience_s` is dropped and counted."""
        with self._changed:
            if self._closing_at is None:
                self._closing_at = time.monotonic() + patience_s
            self._changed.notify_all()
        self._thread.join(patience_s + _JOIN_MARGIN_S)
        if self._thread.is_alive():
            with self._changed:
                self._drop(NOT_WRITTEN, self._in_hand + len(self._queue))
                self._queue.clear()
            logger.warning("%s: still busy %.0f s after it was told to stop; left to its fate", self._name, patience_s)

    def _run(self) -> None:
        last = False
        while not last:
            items, last = self._next_items()
            if items and self._insist(partial(self._prepare_and_write, items, []), len(items)):
                self._written += len(items)
            self._insist(self._target.tick, 0)
        self._insist(self._target.close, 0)

    def _prepare_and_write(self, items: list[Item], prepared: list[Batch]) -> None:
        """Write items; `prepared` keeps the batch from one try to the next."""
        if not prepared:
            prepared.append(self._target.prepare(items))
        self._target.write(prepared[0])

    def _next_items(self) -> tuple[list[Item], bool]:
        """The next items, perhaps none, and whether they are the last."""
        with self._changed:
            self._changed.wait_for(self._has_reason, self._interval_s)
            items = [self._queue.popleft() for _ in range(min(len(self._queue), self._batch_size))]
            self._in_hand = len(items)
            return items, self._closing_at is not None and not self._queue

    def _has_reason(self) -> bool:
        return len(self._queue) >= self._batch_size or self._closing_at is not None

    def _insist(self, action: Callable[[], None], items: int) -> bool:
        """Do it, however often it takes; False when it was given up, and the items are then counted as dropped."""
        pause_s = _FIRST_PAUSE_S
        failed = False
        while True:
            try:
                action()
            except WriteError as error:
                failed = True
                self._report(str(error))
                if error.hopeless:
                    return self._give_up(REFUSED, items)
                if not self._pause(pause_s):
                    return self._give_up(NOT_WRITTEN, items)
                self._retries += 1
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            except Exception:  # a defect met by one batch must not stop the batches after it
                logger.exception("%s: a batch met a defect and is dropped", self._name)
                return self._give_up(DEFECT, items)
            else:
                if failed or items:
                    self._recovered()
                return True

    def _report(self, sentence: str) -> None:
        if sentence != self._problem:
            logger.warning("%s: %s", self._name, sentence)
        self._problem = sentence

    def _recovered(self) -> None:
        if self._problem is not None:
            logger.warning("%s: writes again", self._name)
        self._problem = None

    def _pause(self, pause_s: float) -> bool:
        """Wait before the next try; False when the patience of `close` is at its end."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing_at is not None, pause_s)
            if self._closing_at is None:
                return True
            left_s = self._closing_at - time.monotonic()
        if left_s <= 0:
            return False
        time.sleep(min(_CLOSING_PAUSE_S, left_s))
        return True

    def _give_up(self, cause: str, items: int) -> bool:
        with self._changed:
            self._drop(cause, items)
        return False

    def _drop(self, cause: str, items: int) -> None:
        if items:
            self._dropped[cause] += items
