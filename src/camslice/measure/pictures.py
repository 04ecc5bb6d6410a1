"""Detection on still pictures, through the same engines and decoders as video, with their full colour."""

from __future__ import annotations

import queue
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from camslice.engine.make import make_engine
from camslice.engine.protocol import Batch, InferenceTimes, Outputs
from camslice.engine.slots import Layout
from camslice.engine.threads import inference_threads
from camslice.fleet.geometry import Region
from camslice.fleet.types import ModelSpec
from camslice.models.decoders.make import make_decoder
from camslice.models.detections import Detections
from camslice.models.model import ModelInfo
from camslice.video.frame import Picture


@dataclass(frozen=True, slots=True)
class _Answer:
    index: int
    detections: Detections
    error: Exception | None


class PictureDetector:
    """One model over any number of pictures. Owns its engine until `close`."""

    def __init__(
        self,
        info: ModelInfo,
        spec: ModelSpec,
        *,
        multi_label: bool = False,
        layout: Layout = Layout.RGB,
        keep_compiled: bool = True,
    ) -> None:
        """`multi_label`: a box may have several classes, as accuracy is measured; else its best one, as in video."""
        self._engine = make_engine(info, spec, threads=inference_threads(), layout=layout, keep_compiled=keep_compiled)
        try:
            self._decode = make_decoder(
                info,
                confidence=spec.confidence,
                nms_iou=spec.nms_iou,
                classes=spec.classes,
                multi_label=multi_label,
                ready_boxes=self._engine.info.ready_boxes,
            )
        except BaseException:
            self._engine.close()
            raise
        self._answers: queue.SimpleQueue[_Answer] = queue.SimpleQueue()

    def detect(self, pictures: Iterable[Picture]) -> Iterator[Detections]:
        """Detections of each picture in source pixels, in order; as many at once as the engine takes. Raises EngineError."""
        waiting: dict[int, Detections] = {}
        started = answered = 0
        for index, picture in enumerate(pictures):
            while (batch := self._engine.acquire()) is None:
                self._collect(waiting)
            self._start(batch, index, picture)
            started += 1
            while answered in waiting:
                yield waiting.pop(answered)
                answered += 1
        while answered < started:
            if answered not in waiting:
                self._collect(waiting)
                continue
            yield waiting.pop(answered)
            answered += 1

    def close(self) -> None:
        """Free the engine."""
        self._engine.close()

    def _collect(self, waiting: dict[int, Detections]) -> None:
        answer = self._answers.get()
        if answer.error is not None:
            raise answer.error
        waiting[answer.index] = answer.detections

    def _start(self, batch: Batch, index: int, picture: Picture) -> None:
        letterbox = self._engine.fit(Region(0, 0, picture.width, picture.height))
        picture.scale_into(batch.slot_for(0, letterbox), letterbox)

        def done(batch: Batch, outputs: Outputs, times: InferenceTimes, error: Exception | None) -> None:
            found = Detections.none()
            try:
                if error is None:
                    raw = self._decode(outputs, 0)
                    found = Detections(letterbox.to_source(raw.boxes), raw.confidence, raw.class_id)
            except Exception as decoding_error:  # noqa: BLE001 (delivered to whoever waits for the picture)
                error = decoding_error
            batch.release()
            self._answers.put(_Answer(index, found, error))

        batch.start(1, done)
