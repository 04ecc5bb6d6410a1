"""Which batch sizes an engine gains from, measured when it is loaded: no other size is ever computed."""

from __future__ import annotations

import math
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from camslice.engine.protocol import Batch, Engine, InferenceTimes, Outputs
from camslice.fleet.errors import EngineError

GAIN = 0.97
"""A larger batch must need at most this share of the time per picture, for each picture in it waits for all."""
_LEAST_ROUNDS = 3
_MOST_ROUNDS = 7
_PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class BatchSizes:
    """The sizes to be used, ascending, beginning with 1. `single_ns`: the quickest batch of one seen."""

    sizes: tuple[int, ...] = (1,)
    single_ns: float = 0.0

    def at_most(self, pictures: int) -> int:
        """The largest of the sizes that needs no more than so many pictures (at least 1)."""
        return max(size for size in self.sizes if size <= max(1, pictures))


def load_engine(make: Callable[[int], Engine], max_batch: int, budget_s: float = 1.0) -> tuple[Engine, BatchSizes]:
    """The engine to serve with, made by `make(largest batch)`, and the sizes worth computing on it.

    An engine for batches can be slower at single pictures than one without, because its shapes are open. So both are loaded,
    measured in turns for about `budget_s` per size, and the one for batches stays only if it loses nothing at one picture
    and gains at more. Raises EngineError when an engine cannot be loaded or does not answer.
    """
    plain = make(1)
    engines = [plain]
    sizes: tuple[int, ...] = (1,)
    try:
        if max_batch > 1:
            engines.append(make(max_batch))
            sizes = _useful_sizes(plain, engines[-1], max_batch, budget_s)
        kept = engines[-1] if len(sizes) > 1 else plain
        quickest_ns = min(_compute(kept, 1) for _ in range(_LEAST_ROUNDS))
    except BaseException:
        for engine in engines:
            engine.close()
        raise
    for engine in engines:
        if engine is not kept:
            engine.close()
    return kept, BatchSizes(sizes, quickest_ns)


def _useful_sizes(plain: Engine, batching: Engine, max_batch: int, budget_s: float) -> tuple[int, ...]:
    """Sizes of which each needs clearly less time per picture than every smaller one, up to the first that does not."""
    useful = [1]
    best_ns = math.inf
    for size in _tried(max_batch):
        alone, single, several = _median_times([(plain, 1), (batching, 1), (batching, size)], budget_s)
        if single * GAIN > alone:
            return (1,)
        best_ns = min(best_ns, alone)
        if several / size > best_ns * GAIN:
            break
        useful.append(size)
        best_ns = several / size
    return tuple(useful)


def _tried(max_batch: int) -> list[int]:
    """Powers of two, and the largest."""
    return [size for size in range(2, max_batch + 1) if size & (size - 1) == 0 or size == max_batch]


def _median_times(contenders: Sequence[tuple[Engine, int]], budget_s: float) -> list[float]:
    """Compute time in ns of each (engine, batch size), taken in turns so that a busy moment of the machine hits them all."""
    for engine, size in contenders:
        _compute(engine, size)  # the first time of a size takes longer than every other
    times: list[list[int]] = [[] for _ in contenders]
    until_s = time.monotonic() + budget_s
    for number in range(_MOST_ROUNDS):
        if number >= _LEAST_ROUNDS and time.monotonic() > until_s:
            break
        for (engine, size), taken in zip(contenders, times, strict=True):
            taken.append(_compute(engine, size))
    return [statistics.median(taken) for taken in times]


def _compute(engine: Engine, size: int) -> int:
    """Compute a batch of whatever lies in its slots; how long the engine took, in ns."""
    batch = engine.acquire()
    if batch is None:
        raise EngineError("an engine that was just loaded has no free batch")
    done = threading.Event()
    answers: list[tuple[InferenceTimes, Exception | None]] = []

    def take(batch: Batch, outputs: Outputs, times: InferenceTimes, error: Exception | None) -> None:
        answers.append((times, error))
        batch.release()
        done.set()

    batch.start(size, take)
    if not done.wait(_PATIENCE_S):
        raise EngineError(f"a batch of {size} grey pictures was not answered within {_PATIENCE_S:.0f} s")
    times, error = answers[0]
    if error is not None:
        raise error
    return max(1, times.ended_ns - times.began_ns)
