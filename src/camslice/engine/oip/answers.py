"""What a request asks for, and the tensors it gets: the network's raw outputs, or boxes ready for use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from camslice.engine.oip.descriptions import TensorMetadata
from camslice.engine.oip.messages import Parameter, RequestedOutput, SharedMemory, Tensor
from camslice.engine.oip.shared_memory import Place, SharedMemoryRegions
from camslice.engine.oip.tensors import invalid
from camslice.engine.protocol import Outputs
from camslice.fleet.geometry import Letterbox
from camslice.models.decoders.protocol import OutputDecoder

BOXES = "boxes"
"""The output that every served model has: FP32 [N, K, 6] with x1, y1, x2, y2 in pixels of the picture that was sent, confidence
and class id, by falling confidence. Rows of confidence 0 fill up; K is at least 1.
"""
MOST_BOXES = 300
"""Boxes of one picture."""


@dataclass(frozen=True, slots=True)
class BoxOptions:
    """Which boxes a request wants: `confidence` and `nms_iou` in 0..1, `classes` by name, None for all."""

    confidence: float
    nms_iou: float
    classes: tuple[str, ...] | None


def box_options(parameters: Mapping[str, Parameter], usual: BoxOptions) -> BoxOptions:
    """What the request's parameters `confidence`, `nms_iou` and `classes` say, else the usual. Raises OipError."""
    confidence = _share(parameters, "confidence", usual.confidence)
    nms_iou = _share(parameters, "nms_iou", usual.nms_iou)
    named = parameters.get("classes")
    if named is None:
        return BoxOptions(confidence, nms_iou, usual.classes)
    if not isinstance(named, str):
        raise invalid("parameter 'classes' must be a string: names of classes with commas between them")
    names = tuple(sorted({name.strip() for name in named.split(",")} - {""}))
    return BoxOptions(confidence, nms_iou, names or None)


class Answer:
    """Collects what was found in the pictures of one request. `read` may be called from several threads, for other pictures."""

    def __init__(
        self,
        requested: Sequence[RequestedOutput],
        raw_outputs: Sequence[TensorMetadata],
        count: int,
        regions: SharedMemoryRegions,
    ) -> None:
        """`requested` empty means boxes. Raises OipError for outputs that the model does not have, or cannot go where they are
        to be put.
        """
        self._requested = requested or [RequestedOutput(BOXES)]
        self._raw = {output.name: place for place, output in enumerate(raw_outputs)}
        names = [output.name for output in self._requested]
        unknown = [name for name in names if name != BOXES and name not in self._raw]
        if unknown:
            raise invalid(f"the model has no output {unknown[0]!r}; it has {', '.join([BOXES, *self._raw])}")
        if len(set(names)) != len(names):
            raise invalid("an output is asked for twice")
        self._count = count
        self._boxes: list[npt.NDArray[np.float32]] = [np.empty((0, 6), np.float32)] * count
        self._rows: dict[str, list[npt.NDArray[np.float32]]] = {
            name: [np.empty(0, np.float32)] * count for name in names if name != BOXES
        }
        self._wants_boxes = BOXES in names
        self.held_bytes = sum(_bytes(raw_outputs[self._raw[name]]) for name in self._rows) * count
        self._places: dict[str, Place] = {}
        try:
            for output in self._requested:
                if output.shared_memory is not None:
                    self._places[output.name] = regions.place(output.shared_memory)
        except BaseException:
            self.release()
            raise

    def read(
        self, picture: int, letterbox: Letterbox, decoder: Callable[[], OutputDecoder], outputs: Outputs, index: int
    ) -> None:
        """Take a picture's share of the engine's outputs, which may be overwritten afterwards."""
        for name, rows in self._rows.items():
            rows[picture] = np.array(outputs[self._raw[name]][index], np.float32)
        if self._wants_boxes:
            found = decoder()(outputs, index)
            boxes = letterbox.to_source(found.boxes)
            self._boxes[picture] = np.column_stack([boxes, found.confidence, found.class_id]).astype(np.float32)

    def tensors(self) -> tuple[Tensor, ...]:
        """The outputs in the order in which they were asked for. Raises OipError when one does not fit where it is to go."""
        return tuple(self._tensor(output) for output in self._requested)

    def release(self) -> None:
        """Let go of the shared memory that outputs go into."""
        for place in self._places.values():
            place.release()

    def _tensor(self, output: RequestedOutput) -> Tensor:
        values = self._padded_boxes() if output.name == BOXES else np.stack(self._rows[output.name])
        data = values.data.cast("B")
        place, wanted = self._places.get(output.name), output.shared_memory
        if place is None or wanted is None:
            return Tensor(output.name, "FP32", values.shape, data)
        place.write(data)
        written = SharedMemory(wanted.region, wanted.offset, len(data))
        return Tensor(output.name, "FP32", values.shape, b"", written)

    def _padded_boxes(self) -> npt.NDArray[np.float32]:
        most = max(1, *(len(rows) for rows in self._boxes))
        padded = np.zeros((self._count, most, 6), np.float32)
        for target, rows in zip(padded, self._boxes, strict=True):
            target[: len(rows)] = rows
        return padded


def _share(parameters: Mapping[str, Parameter], name: str, usual: float) -> float:
    value = parameters.get(name, usual)
    if isinstance(value, bool | str) or not 0 <= value <= 1:
        raise invalid(f"parameter {name!r} must be a number from 0 to 1")
    return float(value)


def _bytes(output: TensorMetadata) -> int:
    """Bytes of one picture's share of an output, as far as its shape is known."""
    total = 4
    for size in output.shape[1:]:
        total *= max(1, size)
    return total
