"""Ultralytics: the code path of the published case study, `YOLO(weights).predict`, measured beside our own engines.

It letterboxes, infers and suppresses overlaps by itself, so a region goes in at its own size and ready boxes come out. What it
spends on that is told apart: its own figures for preprocessing and postprocessing, each with the handling on its side of
`predict` that those figures leave out, and our turning of colours before it. The rest of the interval is inference.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from camslice.engine.batch_pool import BatchPool
from camslice.engine.protocol import Batch, EngineInfo, InferenceTimes, OnDone, Outputs
from camslice.engine.slots import Layout
from camslice.engine.ultralytics_pictures import Place, place
from camslice.engine.ultralytics_predictor import Prediction, Predictor, reason_of
from camslice.fleet.errors import EngineError
from camslice.fleet.geometry import Letterbox, Region
from camslice.fleet.types import Precision
from camslice.models.model import ModelInfo
from camslice.video.slot import Slot

log = logging.getLogger(__name__)

BATCHES = 2
"""One is predicted while the next is being filled; `predict` runs once at a time."""
CLOSE_PATIENCE_S = 5.0


class UltralyticsEngine:
    """One loaded `YOLO`. Owns its batches and the one thread that loads it and runs `predict`, until `close`."""

    def __init__(
        self,
        info: ModelInfo,
        *,
        layout: Layout = Layout.RGB,
        device: str = "cpu",
        precision: Precision = Precision.AUTO,
        threads: int = 1,
        max_batch: int = 1,
        confidence: float = 0.25,
        nms_iou: float = 0.7,
    ) -> None:
        self._thread = ThreadPoolExecutor(1, "ultralytics")

        def load() -> Predictor:
            return Predictor(info, device=device, precision=precision, threads=threads, confidence=confidence, nms_iou=nms_iou)

        try:
            predictor = self._thread.submit(load).result()
        except BaseException:
            self._thread.shutdown()
            raise
        self._info = EngineInfo(
            "ultralytics",
            predictor.device,
            predictor.precision,
            info.input.width,
            info.input.height,
            max_batch,
            BATCHES,
            threads,
            info.sha256,
            ready_boxes=True,
        )
        self._step = 1 if layout is Layout.RGB else 2
        self._pool = BatchPool[_Batch]()
        for _ in range(BATCHES):
            places = [place(layout, info.input.width, info.input.height) for _ in range(max_batch)]
            self._pool.add(_Batch(places, predictor, self._thread, self._pool.take_back))

    @property
    def info(self) -> EngineInfo:
        """What is running."""
        return self._info

    def fit(self, region: Region) -> Letterbox:
        """As it is, for Ultralytics scales and pads by itself; to whole chroma samples where slots hold planes."""
        width, height = (max(self._step, side // self._step * self._step) for side in (region.width, region.height))
        return Letterbox(region, width, height, 0, 0, width, height)

    def acquire(self) -> _Batch | None:
        """Lend a free batch, or None."""
        return self._pool.lend()

    def on_free(self, wake: Callable[[], None]) -> None:
        """Have `wake` called whenever a batch comes back."""
        self._pool.on_free(wake)

    def close(self) -> None:
        """Finish what was started, then end the thread."""
        self._pool.wait_until_all_are_back(CLOSE_PATIENCE_S)
        self._thread.shutdown()
        self._pool.empty()


class _Batch:
    """Slots of any size, and what is to be done with the answer."""

    def __init__(
        self,
        places: Sequence[Place],
        predictor: Predictor,
        thread: ThreadPoolExecutor,
        give_back: Callable[[_Batch], None],
    ) -> None:
        self._places = places
        self._predictor = predictor
        self._thread = thread
        self._give_back = give_back

    def slot_for(self, index: int, letterbox: Letterbox) -> Slot:
        """A slot of the letterbox's own size. It has no padding: Ultralytics pads."""
        return self._places[index].slot(letterbox.input_width, letterbox.input_height)

    def start(self, count: int, on_done: OnDone, deadline_ns: int | None = None) -> None:
        """Queue the batch."""
        self._thread.submit(self._compute, count, on_done)

    def release(self) -> None:
        """Back to the engine."""
        self._give_back(self)

    def _compute(self, count: int, on_done: OnDone) -> None:
        began_ns = time.monotonic_ns()
        try:
            prediction = self._predictor.predict([each.bgr() for each in self._places[:count]])
        except Exception as failure:  # noqa: BLE001 (whatever Ultralytics and what it stands on raise)
            error = EngineError(f"Ultralytics failed: {reason_of(failure)}")
            _deliver(on_done, self, [], InferenceTimes(began_ns, time.monotonic_ns()), error)
            return
        _deliver(on_done, self, [prediction.boxes], times_of(began_ns, prediction, time.monotonic_ns()), None)


def times_of(began_ns: int, prediction: Prediction, ended_ns: int) -> InferenceTimes:
    """The interval of one batch, told apart. Ultralytics' figures come from another clock, so they are cut to what is there."""
    before_ns = max(0, prediction.taken_up_ns - began_ns)
    behind_ns = max(0, ended_ns - prediction.found_ns)
    left_ns = max(0, ended_ns - began_ns - before_ns - behind_ns)
    postprocess_ns = min(prediction.postprocess_ns, left_ns)
    preprocess_ns = min(prediction.preprocess_ns, left_ns - postprocess_ns)
    return InferenceTimes(
        began_ns, ended_ns, preprocess_ns=before_ns + preprocess_ns, postprocess_ns=behind_ns + postprocess_ns
    )


def _deliver(on_done: OnDone, batch: Batch, outputs: Outputs, times: InferenceTimes, error: Exception | None) -> None:
    try:
        on_done(batch, outputs, times, error)
    except Exception:
        log.exception("a result could not be taken")
