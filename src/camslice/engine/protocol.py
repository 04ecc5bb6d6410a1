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

from camslice.fleet.geometry import Letterbox, Region
from camslice.video.slot import Slot


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What is running. `precision` is what the device really computes in, `threads` its share of the cores.
    `precision_why` says in words why in that one, where there was a choice.

    `ready_boxes`: its only output is boxes [batch, K, 6] (x1, y1, x2, y2 in slot pixels, confidence, class id), which need no
    decoder of their own; rows of confidence 0 are none.
    """

    backend: str
    device: str
    precision: str
    input_width: int
    input_height: int
    max_batch: int
    batches: int
    threads: int
    model_sha256: str
    ready_boxes: bool = False
    precision_why: str = ""


@dataclass(frozen=True, slots=True)
class InferenceTimes:
    """Monotonic stamps in ns: when the engine began with the batch (its waits before that are `queue`) and had the answer.

    The other durations are parts of that interval which are no inference: on a wire, in a server's queue, and preparing
    pictures and boxes where the engine does that itself. `others_ns` is a part of the inference: what pictures of other askers
    account for that were computed along with these.
    """

    began_ns: int
    ended_ns: int
    network_ns: int = 0
    queue_ns: int = 0
    preprocess_ns: int = 0
    postprocess_ns: int = 0
    others_ns: int = 0

    @property
    def inference_ns(self) -> int:
        """What is left for the model itself."""
        apart_ns = self.network_ns + self.queue_ns + self.preprocess_ns + self.postprocess_ns
        return self.ended_ns - self.began_ns - apart_ns

    @property
    def busy_ns(self) -> int:
        """Device time that these pictures account for. One that failed was used as well."""
        return max(0, self.inference_ns - self.others_ns)


Outputs = Sequence[npt.NDArray[np.float32]]
"""The model's output tensors, batch first, valid until the batch is released."""


class Batch(Protocol):
    """Slots on loan from an engine. Not thread-safe: one borrower at a time."""

    def slot_for(self, index: int, letterbox: Letterbox) -> Slot:
        """Slot `index` (below the engine's `max_batch`), its padding made right for a picture lying at `letterbox`."""
        ...

    def start(self, count: int, on_done: OnDone, deadline_ns: int | None = None) -> None:
        """Run the first `count` slots. `on_done` is called once, from a thread of the engine.

        `deadline_ns` (monotonic) is when the answer must be there: an engine with a queue of its own may answer with
        `TooLateError` instead of computing what nobody can use any more.
        """
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

    def fit(self, region: Region) -> Letterbox:
        """How a region of a frame is to lie in a slot."""
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
