"""CPU time of the stages around the model, each measured alone on the thread that does it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import cv2

from camslice.engine.protocol import Outputs
from camslice.engine.slots import Layout, SlotArrays
from camslice.fleet.figures import Figure, Provenance
from camslice.fleet.geometry import Letterbox, Region
from camslice.fleet.profile import StageCost
from camslice.measure.profile.device import Device
from camslice.measure.profile.subject import Subject
from camslice.models.decoders.make import make_decoder
from camslice.video.frame import Picture

DESIGN = "design"
"""The source of figures that follow from how camslice is built, by the key that a profile's `sources` need."""
SOURCES = {
    DESIGN: "a frame is one request to its engine: colours and normalisation are in the model's graph, boxes are read on the "
    "processor"
}


@dataclass(frozen=True, slots=True)
class StageCosts:
    """The stages of a frame but decode, and how many boxes were found in one on average."""

    stages: tuple[StageCost, ...]
    boxes: float


def stage_costs(subject: Subject, pictures: Sequence[Picture], device: Device) -> StageCosts:
    """Scale, ask and read each picture. `device` computes batches of one. Raises EngineError."""
    scale_ms = _scale_ms(subject, pictures)
    read_ms, boxes = _read_ms(subject, pictures, device)
    return StageCosts(
        (
            StageCost("preprocess", Figure.measured(scale_ms), visits=_visits(0)),
            StageCost("inference", visits=_visits(1)),
            StageCost("postprocess", Figure.measured(read_ms), visits=_visits(0)),
        ),
        boxes,
    )


def _visits(count: int) -> Figure:
    return Figure(float(count), Provenance.ASSUMED, DESIGN)


def _scale_ms(subject: Subject, pictures: Sequence[Picture]) -> float:
    size = subject.info.input
    arrays = SlotArrays(Layout.I420, 1, size.width, size.height, size.pad)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # as in an analysis process
    try:
        spent: list[float] = []
        for picture in pictures:
            region = Region(0, 0, picture.width, picture.height)
            letterbox = Letterbox.fit(region, size.width, size.height, centred=size.centred)
            slot = arrays.slot_for(0, letterbox)
            started_s = time.thread_time()
            picture.scale_into(slot, letterbox)
            spent.append(time.thread_time() - started_s)
    finally:
        cv2.setNumThreads(threads)
    return fmean(spent) * 1000


def _read_ms(subject: Subject, pictures: Sequence[Picture], device: Device) -> tuple[float, float]:
    spec, size = subject.spec, subject.info.input
    decode = make_decoder(
        subject.info,
        confidence=spec.confidence,
        nms_iou=spec.nms_iou,
        classes=spec.classes,
        ready_boxes=device.info.ready_boxes,
    )
    spent: list[float] = []
    found: list[int] = []

    def read(outputs: Outputs, picture: Picture) -> None:
        region = Region(0, 0, picture.width, picture.height)
        letterbox = Letterbox.fit(region, size.width, size.height, centred=size.centred)
        started_s = time.thread_time()
        detections = decode(outputs, 0)
        letterbox.to_source(detections.boxes)
        spent.append(time.thread_time() - started_s)
        found.append(len(detections))

    device.answers(pictures, read)
    return fmean(spent) * 1000, fmean(found)
