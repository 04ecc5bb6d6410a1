"""A model that answers at once: whole slots in, detections in pixels of the slot out."""

from __future__ import annotations

import queue
import time
from collections.abc import Sequence
from dataclasses import dataclass

from camslice.engine.make import make_engine
from camslice.engine.protocol import Batch, InferenceTimes, Outputs
from camslice.engine.slots import fill
from camslice.engine.threads import inference_threads
from camslice.fleet.geometry import Letterbox, Region
from camslice.fleet.types import ModelSpec
from camslice.models.decoders.make import make_decoder
from camslice.models.detections import Detections
from camslice.models.model import ModelInfo
from camslice.stream.packing.canvas import by_region, whole_slot
from camslice.video.frame import Picture

Drawn = tuple[Picture, Letterbox]


@dataclass(frozen=True, slots=True)
class _Answer:
    slot: int
    found: Detections
    error: Exception | None


class Looker:
    """Owns an engine until `close`. `inferences` counts slots, `cpu_s` the processor time of all threads spent on them, and
    `own_s` that of the calling one."""

    def __init__(self, info: ModelInfo, spec: ModelSpec) -> None:
        self._engine = make_engine(info, spec, threads=inference_threads())
        try:
            self._decode = make_decoder(
                info,
                confidence=spec.confidence,
                nms_iou=spec.nms_iou,
                classes=spec.classes,
                ready_boxes=self._engine.info.ready_boxes,
            )
        except BaseException:
            self._engine.close()
            raise
        self.info = self._engine.info
        self._answers: queue.SimpleQueue[_Answer] = queue.SimpleQueue()
        self.inferences = 0
        self.cpu_s = 0.0
        self.own_s = 0.0

    def fit(self, picture: Picture) -> Letterbox:
        """How a whole picture lies in a slot."""
        return self._engine.fit(Region(0, 0, picture.width, picture.height))

    def look(self, slots: Sequence[Sequence[Drawn]]) -> list[list[Detections]]:
        """Draw each slot's pictures and analyse it: the detections on each of them, in source pixels. Raises EngineError."""
        started_s, own_started_s = time.process_time(), time.thread_time()
        found: list[list[Detections]] = [[] for _ in slots]
        waiting = 0
        for number, drawn in enumerate(slots):
            while (batch := self._engine.acquire()) is None:
                waiting -= self._collect(slots, found)
            self._start(batch, number, drawn)
            waiting += 1
        while waiting:
            waiting -= self._collect(slots, found)
        self.inferences += len(slots)
        self.cpu_s += time.process_time() - started_s
        self.own_s += time.thread_time() - own_started_s
        return found

    def close(self) -> None:
        """Free the engine."""
        self._engine.close()

    def _collect(self, slots: Sequence[Sequence[Drawn]], found: list[list[Detections]]) -> int:
        answer = self._answers.get()
        if answer.error is not None:
            raise answer.error
        found[answer.slot] = by_region(answer.found, [letterbox for _, letterbox in slots[answer.slot]])
        return 1

    def _start(self, batch: Batch, number: int, drawn: Sequence[Drawn]) -> None:
        if len(drawn) == 1:
            slot = batch.slot_for(0, drawn[0][1])
        else:
            slot = batch.slot_for(0, whole_slot(self.info.input_width, self.info.input_height))
            fill(slot)
        for picture, letterbox in drawn:
            picture.scale_into(slot, letterbox)

        def done(batch: Batch, outputs: Outputs, times: InferenceTimes, error: Exception | None) -> None:
            found = Detections.none()
            try:
                if error is None:
                    raw = self._decode(outputs, 0)
                    found = Detections(raw.boxes, raw.confidence, raw.class_id)
            except Exception as decoding_error:  # noqa: BLE001 (delivered to whoever waits for the slot)
                error = decoding_error
            batch.release()
            self._answers.put(_Answer(number, found, error))

        batch.start(1, done)
