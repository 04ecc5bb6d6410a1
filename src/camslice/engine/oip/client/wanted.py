"""What an engine wants of its server: values only."""

from __future__ import annotations

from dataclasses import dataclass

from camslice.engine.oip.client.offer import BOXES, Offer
from camslice.engine.oip.client.request import Letterhead
from camslice.engine.oip.messages import Parameter
from camslice.engine.slots import Layout
from camslice.fleet.types import ModelSpec, Server
from camslice.models.model import ModelInfo


@dataclass(frozen=True, slots=True)
class Wanted:
    """A model at a server, as `spec` declares it and `info` knows it here; `batches` requests may be on their way at once.

    `stream`: they go over one stream where the server has one.
    """

    info: ModelInfo
    spec: ModelSpec
    server: Server
    layout: Layout
    max_batch: int
    batches: int
    stream: bool = True

    @property
    def model(self) -> str:
        """Its name at the server."""
        return self.server.model or self.info.name

    def slots_for(self, offer: Offer) -> Layout:
        """What slots hold: planes where the server reads them and nobody wants RGB."""
        return Layout.I420 if offer.i420 and self.layout is Layout.I420 else Layout.RGB

    def letterhead(self, offer: Offer) -> Letterhead:
        """Boxes as `spec` wants them where the server makes them, else all that the model answers."""
        if not offer.ready_boxes:
            return Letterhead(self.model)
        parameters: dict[str, Parameter] = {"confidence": self.spec.confidence, "nms_iou": self.spec.nms_iou}
        if names := self._classes():
            parameters["classes"] = ",".join(names)
        return Letterhead(self.model, (BOXES,), parameters)

    def _classes(self) -> tuple[str, ...]:
        if self.spec.classes is not None:
            return self.spec.classes
        return tuple(self.info.labels[number] for number in self.info.wanted or ())
