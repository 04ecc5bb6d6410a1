"""Pictures into the slots of a batch: full frames, and regions on canvases."""

from __future__ import annotations

import logging

from camslice.engine.protocol import Batch, EngineInfo
from camslice.engine.slots import fill
from camslice.stream.packing.canvas import whole_slot
from camslice.stream.request import Request
from camslice.stream.sheet import Sheet

log = logging.getLogger(__name__)


def draw(sheet: Sheet, batch: Batch, info: EngineInfo) -> list[Request]:
    """Scale every piece into its slot. Returns the frames that cannot be drawn: without them, slots may lie elsewhere."""
    broken: list[Request] = []
    for index, pieces in enumerate(sheet.slots):
        if pieces[0].part.whole:
            slot = batch.slot_for(index, pieces[0].letterbox)
        else:
            slot = batch.slot_for(index, whole_slot(info.input_width, info.input_height))
            fill(slot)
        for piece in pieces:
            request = piece.part.request
            if request in broken:
                continue
            try:
                request.frame.picture.scale_into(slot, piece.letterbox)
            except Exception as error:  # noqa: BLE001 (one bad picture fails alone, counted and logged)
                log.warning("a frame could not be scaled: %s", error)
                broken.append(request)
    return broken
