"""What a stream needs of an engine, whatever runs the model: free batches of slots, and answers by callback.

An engine owns a fixed number of batches. A batch is lent by `acquire`, its slots are filled, `start` hands it to the
device, and `on_done` gets it back with the raw outputs. The borrower calls `release` when it has read them. Nothing is
allocated per frame, and the number of batches (at least two per device queue) lets scaling overlap inference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from camslice.fleet.geometry import Letterbox
from camslice.video.slot import Slot


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What is running. `precision` is what the device really computes in, `threads` its share of the cores."""

    backend: str
    device: str
    precision: str
    input_width: int
    input_height: int
    max_batch: int
    batches: int
    threads: int
    model_sha256: str


@dataclass(frozen=True, slots=True)
class InferenceTimes:
    """Monotonic stamps in ns: when the device began with the batch (waits excluded) and when it had the answer.

    `network_ns` is the share between them that was spent on a wire.
    """

    began_ns: int
    ended_ns: int
    network_ns: int = 0


Outputs = Sequence[npt.NDArray[np.float32]]
"""The model's output tensors, batch first, valid until the batch is released."""


class Batch(Protocol):
    """Slots on loan from an engine. Not thread-safe: one borrower at a time."""

    def slot_for(self, index: int, letterbox: Letterbox) -> Slot:
        """Slot `index` (below the engine's `max_batch`), its padding made right for a picture lying at `letterbox`."""
        ...

    def start(self, count: int, on_done: OnDone) -> None:
        """Run the first `count` slots. `on_done` is called once, from a thread of the engine."""
        ...

    def release(self) -> None:
        """Give the batch back. Its outputs and slots must not be touched any more."""
        ...


OnDone = Callable[[Batch, Outputs, InferenceTimes, Exception | None], None]
"""Called with the batch, its outputs, its times, and the error if the device failed (then outputs are empty)."""


class Engine(Protocol):
    """A model loaded on a device."""

    @property
    def info(self) -> EngineInfo:
        """What is running."""
        ...

    def acquire(self) -> Batch | None:
        """Lend a free batch, or None when all are out. Never blocks."""
        ...

    def on_free(self, wake: Callable[[], None]) -> None:
        """Have `wake` called whenever a batch is released."""
        ...

    def close(self) -> None:
        """Wait for running batches and free the device."""
        ...
