"""What a scheduler handles: a frame with what is to be looked at in it, and the model that looks."""

from __future__ import annotations

from dataclasses import dataclass, replace

from camslice.engine.protocol import Engine
from camslice.fleet.geometry import Region
from camslice.models.decoders.protocol import OutputDecoder
from camslice.models.detections import Detections
from camslice.stream.watching.look import Decision, Look
from camslice.video.frame import Frame


@dataclass(slots=True, eq=False)
class Request:
    """A frame, and the region of it that is to be analysed: all of it, or what `decision` says.

    `gate_ns`: how long the gate took. `area` (square pixels at the model's scale) is what its regions take of a canvas.
    """

    row: int
    handle: int
    generation: int
    frame: Frame
    region: Region
    decision: Decision | None = None
    gate_ns: int = 0
    area: float = 0.0
    over: bool = False
    """Whether it has met its fate."""
    full: Detections | None = None
    in_regions: Detections | None = None

    @property
    def parts(self) -> list[Part]:
        """What of it is to be analysed: an audited frame's two parts need not lie in one batch."""
        return [Part(self, whole) for whole in (True, False) if (self.whole if whole else self.regions)]

    @property
    def answered(self) -> bool:
        """Whether every part has its answer."""
        return (self.full is not None or not self.whole) and (self.in_regions is not None or not self.regions)

    def look_in_full(self) -> None:
        """Analyse the full frame and nothing else."""
        if self.decision is not None:
            self.decision = replace(self.decision, look=Look.FULL, policy_look=Look.FULL)

    @property
    def whole(self) -> bool:
        """Whether the full frame is analysed."""
        return self.decision is None or self.decision.look is Look.FULL

    @property
    def regions(self) -> tuple[Region, ...]:
        """The regions that are analysed, beside the full frame or instead of it."""
        decision = self.decision
        if decision is None or decision.glance is None or decision.policy_look is not Look.REGIONS:
            return ()
        return decision.glance.regions

    @property
    def look(self) -> Look:
        """How it is looked at."""
        return Look.FULL if self.decision is None else self.decision.look


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """The full frame of a request, or its regions."""

    request: Request
    whole: bool


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """An engine with the meaning of its answers; `number` marks its results.

    `decode` goes down to `DOUBTFUL` x `confidence` where regions are looked at: what is below `confidence` counts only where
    something was expected.
    """

    engine: Engine
    decode: OutputDecoder
    number: int
    confidence: float = 0.0
