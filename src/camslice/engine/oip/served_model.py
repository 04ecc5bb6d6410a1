"""A loaded model: checks its requests, hands them to the engine that fits, and makes answers of what comes out."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor
from functools import lru_cache, partial

from camslice.engine.oip.answers import MOST_BOXES, Answer, BoxOptions, box_options
from camslice.engine.oip.counters import Counters
from camslice.engine.oip.lane import Lane
from camslice.engine.oip.limits import Limits
from camslice.engine.oip.messages import InferRequest, InferResponse, OipError, Status
from camslice.engine.oip.model_source import ModelSource
from camslice.engine.oip.pictures import Pictures, read_pictures
from camslice.engine.oip.shared_memory import SharedMemoryRegions
from camslice.engine.oip.stage_clock import Part, StageClock
from camslice.engine.oip.tensors import invalid
from camslice.engine.oip.work import as_oip_error
from camslice.engine.protocol import Batch, Engine, Outputs
from camslice.engine.slots import Layout
from camslice.fleet.errors import ModelError
from camslice.fleet.geometry import Letterbox
from camslice.models.decoders.make import make_decoder
from camslice.models.decoders.protocol import OutputDecoder

log = logging.getLogger(__name__)

OnAnswer = Callable[[InferResponse | OipError], None]

VERSION = "1"
"""Every model has one version."""


class ServedModel:
    """One load of a model. Owns a lane, and with it an engine, per layout of slots until `close`. Thread-safe."""

    def __init__(
        self,
        source: ModelSource,
        limits: Limits,
        regions: SharedMemoryRegions,
        counters: Counters,
        preparers: Executor,
    ) -> None:
        """Loads the engines that the source names. Blocks. Raises CamsliceError."""
        self.source = source
        self._limits = limits
        self._regions = regions
        self._counters = counters
        self._preparers = preparers
        self._lock = threading.Lock()
        self._closed = False
        self._lanes: dict[Layout, Lane] = {}
        spec = source.spec
        self._usual = BoxOptions(spec.confidence, spec.nms_iou, spec.classes)
        self._decoder = lru_cache(maxsize=64)(partial(_decoder, source))
        try:
            for layout in source.layouts:
                self._lanes[layout] = self._new_lane(layout)
                self._lanes[layout].load()
        except BaseException:
            self.close(0.0)
            raise

    def infer(self, request: InferRequest, clock: StageClock, on_done: OnAnswer) -> None:
        """Have a request computed. `on_done` is called once, unless this raises OipError."""
        options = box_options(request.parameters, self._usual)
        try:
            self._decoder(options, ready_boxes=False)
        except ModelError as error:
            raise invalid(str(error)) from None
        pictures = read_pictures(request.inputs, self.source.info.input, self._limits, self._regions)
        try:
            answer = Answer(request.outputs, self.source.outputs, pictures.count, self._regions)
        except BaseException:
            pictures.release()
            raise
        decoder = partial(self._decoder, options)
        work = _Inference(request, clock, pictures, answer, decoder, self._counters, on_done)
        clock.until(Part.PREPROCESS, time.monotonic_ns())
        try:
            self._lane(pictures.layout).submit(work)
        except BaseException:
            work.release()
            raise

    def batch_sizes(self) -> tuple[int, ...]:
        """The batch sizes in use for the first kind of input."""
        return self._lanes[self.source.layouts[0]].sizes.sizes

    def look_after(self) -> None:
        """See `Batcher.look_after`."""
        for lane in list(self._lanes.values()):
            lane.look_after()

    def close(self, patience_s: float) -> None:
        """Finish what was taken on within `patience_s`, then free the engines. Blocks."""
        with self._lock:
            self._closed = True
        for lane in self._lanes.values():
            lane.close(patience_s)

    def _lane(self, layout: Layout) -> Lane:
        with self._lock:
            if layout not in self._lanes:
                if self._closed:
                    raise OipError(Status.UNAVAILABLE, f"model {self.source.info.name!r} is being unloaded")
                self._lanes[layout] = self._new_lane(layout)
                self._lanes[layout].load_in_background()
            return self._lanes[layout]

    def _new_lane(self, layout: Layout) -> Lane:
        return Lane(self.source, layout, self._limits, self._counters, self._preparers)


class _Inference:
    """One request on its way through a batcher (`Work`)."""

    def __init__(
        self,
        request: InferRequest,
        clock: StageClock,
        pictures: Pictures,
        answer: Answer,
        decoder: Callable[..., OutputDecoder],
        counters: Counters,
        on_done: OnAnswer,
    ) -> None:
        self.count = pictures.count
        self.held_bytes = pictures.held_bytes + answer.held_bytes
        self.deadline_ns = request.deadline_ns
        self.slow = pictures.slow
        self.clock = clock
        self._request = request
        self._pictures = pictures
        self._answer = answer
        self._decoder = decoder
        self._counters = counters
        self._on_done = on_done
        self._letterboxes: dict[int, Letterbox] = {}
        self._ready_boxes = False

    def put(self, picture: int, engine: Engine, batch: Batch, index: int) -> None:
        """See `Work`."""
        self._ready_boxes = engine.info.ready_boxes
        self._letterboxes[picture] = self._pictures.put(picture, engine, batch, index)

    def read(self, picture: int, outputs: Outputs, index: int) -> None:
        """See `Work`."""
        letterbox = self._letterboxes.pop(picture)
        self._answer.read(picture, letterbox, partial(self._decoder, ready_boxes=self._ready_boxes), outputs, index)

    def answer(self) -> None:
        """See `Work`."""
        try:
            tensors = self._answer.tensors()
        except Exception as error:  # noqa: BLE001 (answered with a status, counted and logged)
            self.fail(as_oip_error(error))
            return
        self.clock.until(Part.POSTPROCESS, time.monotonic_ns())
        self._counters.answered(self.clock)
        spent = {part.value: ns for part, ns in self.clock.spent_ns.items()}
        self._say(InferResponse(self._request.model, tensors, VERSION, self._request.id, spent))

    def fail(self, error: OipError) -> None:
        """See `Work`."""
        self._counters.refused(error.status, time.monotonic_ns() - self.clock.arrived_ns)
        self._say(error)

    def release(self) -> None:
        """See `Work`."""
        self._pictures.release()
        self._answer.release()

    def _say(self, answer: InferResponse | OipError) -> None:
        try:
            self._on_done(answer)
        except Exception:
            log.exception("an answer could not be delivered")


def _decoder(source: ModelSource, options: BoxOptions, *, ready_boxes: bool) -> OutputDecoder:
    return make_decoder(
        source.info,
        confidence=options.confidence,
        nms_iou=options.nms_iou,
        classes=options.classes,
        max_detections=MOST_BOXES,
        ready_boxes=ready_boxes,
    )
