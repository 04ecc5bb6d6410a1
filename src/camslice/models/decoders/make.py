"""Which decoder reads a model's outputs: the one place that knows them all."""

from __future__ import annotations

from camslice.fleet.errors import ModelError
from camslice.models.classes import class_ids
from camslice.models.decoders.end_to_end import EndToEndDecoder
from camslice.models.decoders.protocol import OutputDecoder
from camslice.models.decoders.selection import Selection
from camslice.models.decoders.yolov8 import Yolov8Decoder
from camslice.models.decoders.yolox import YoloxDecoder
from camslice.models.model import ModelInfo

DECODERS = ("yolox", "yolov8", "end_to_end")
"""What `decoder:` may say."""


def make_decoder(
    info: ModelInfo,
    *,
    confidence: float,
    nms_iou: float,
    classes: tuple[str, ...] | None = None,
    multi_label: bool = False,
    max_detections: int = 300,
    ready_boxes: bool = False,
) -> OutputDecoder:
    """Make the decoder of `info.decoder` for its input size; with `ready_boxes`, the one for an engine that answers boxes.

    `classes` are the names to report, None for those that `info` wants. Raises ModelError for names the model does not know.
    """
    wanted = info.wanted if classes is None else class_ids(info.name, info.labels, classes)
    selection = Selection(confidence, nms_iou, wanted, multi_label, max_detections)
    if ready_boxes:
        return EndToEndDecoder(selection)
    match info.decoder:
        case "yolox":
            return YoloxDecoder(info.input.width, info.input.height, selection)
        case "yolov8":
            return Yolov8Decoder(selection)
        case "end_to_end":
            return EndToEndDecoder(selection)
    raise ModelError(f"model {info.name}: there is no decoder {info.decoder!r}; there are {', '.join(DECODERS)}.")
