"""What lies in the slots of one batch: full frames, one to a slot, and canvases with the regions of many frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from camslice.engine.protocol import Engine
from camslice.fleet.geometry import Letterbox, Region
from camslice.models.detections import Detections
from camslice.stream.packing.canvas import by_region, letterbox_at, size_on_canvas
from camslice.stream.packing.duplicates import joined
from camslice.stream.packing.pack import GUARD, pack
from camslice.stream.request import Part, Request

FILLED = 0.75
"""The share of a canvas that regions of the usual sizes fill when there is no room for another."""


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """One region, or one full frame, in one slot."""

    part: Part
    letterbox: Letterbox

    @property
    def area(self) -> int:
        """Square pixels that it takes of its slot, guard band and all."""
        return (self.letterbox.width + GUARD) * (self.letterbox.height + GUARD)


@dataclass(slots=True, eq=False)
class Sheet:
    """The slots of a batch, and what is answered when it is done."""

    slots: list[list[Piece]]
    parts: list[Part]

    @property
    def requests(self) -> list[Request]:
        """The frames that lie in it."""
        return list(dict.fromkeys(part.request for part in self.parts))

    @property
    def areas(self) -> list[list[tuple[int, int]]]:
        """The row and the area of every piece, slot by slot."""
        return [[(piece.part.request.row, piece.area) for piece in slot] for slot in self.slots]

    def without(self, broken: Sequence[Request]) -> Sheet:
        """What is left when frames turned out to be broken: slots with nothing in them go."""
        slots = [[piece for piece in slot if piece.part.request not in broken] for slot in self.slots]
        return Sheet([slot for slot in slots if slot], [part for part in self.parts if part.request not in broken])

    def answer(self, found: Sequence[Detections]) -> None:
        """Give each request its detections, from `found` in pixels of each slot."""
        of_part: dict[Part, list[Detections]] = {part: [] for part in self.parts}
        for slot, detections in zip(self.slots, found, strict=True):
            if slot[0].part.whole:
                boxes = slot[0].letterbox.to_source(detections.boxes)
                slot[0].part.request.full = Detections(boxes, detections.confidence, detections.class_id)
                continue
            for piece, those in zip(slot, by_region(detections, [piece.letterbox for piece in slot]), strict=True):
                of_part[piece.part].append(those)
        for part, pieces in of_part.items():
            if not part.whole:
                part.request.in_regions = joined(pieces)


class Composer:
    """Takes parts of requests until a batch of at most `limit` slots is full. Not thread-safe."""

    def __init__(self, engine: Engine, limit: int, scale: float) -> None:
        """Regions are drawn at `scale` times the size that they have in a full frame."""
        self._engine = engine
        self._limit = limit
        self._scale = scale
        self._parts: list[Part] = []
        self._whole = 0
        self._area = 0.0
        info = engine.info
        self._canvas_area = info.input_width * info.input_height * FILLED

    @property
    def full(self) -> bool:
        """Whether no other part is likely to find room."""
        return self._whole * self._canvas_area + self._area >= self._limit * self._canvas_area

    def add(self, part: Part) -> bool:
        """Take a part in; False when there is no room for it. The first one finds room whatever its size."""
        if part.whole:
            if self._whole + self._canvases(self._area) >= self._limit:
                return False
            self._parts.append(part)
            self._whole += 1
            return True
        area = self._area + region_area(part.request.regions, self._at(part.request))
        if self._whole + self._canvases(area) > self._limit and self._parts:
            return False
        self._parts.append(part)
        self._area = area
        return True

    def compose(self) -> tuple[Sheet, list[Part]]:
        """Lay everything out. Returns the sheet, and the parts that found no room after all, in the order in which they came.

        The one that came first is always in the sheet: it may not be put off for ever.
        """
        slots = [[self._full_frame(part)] for part in self._parts if part.whole]
        left: list[Part] = []
        waiting = [part for part in self._parts if not part.whole]
        while waiting:
            colour = waiting[0].request.frame.picture.colour
            group = [part for part in waiting if part.request.frame.picture.colour == colour]
            waiting = [part for part in waiting if part.request.frame.picture.colour != colour]
            left += self._lay_out(slots, group)
        if self._parts[0] in left:
            return self._alone(self._parts[0]), self._parts[1:]
        return Sheet(slots, [part for part in self._parts if part not in left]), [part for part in self._parts if part in left]

    def _alone(self, part: Part) -> Sheet:
        """In regions, where those have room; else in full."""
        slots: list[list[Piece]] = []
        if not self._lay_out(slots, [part]):
            return Sheet(slots, [part])
        part.request.look_in_full()
        whole = Part(part.request, whole=True)
        return Sheet([[self._full_frame(whole)]], [whole])

    def _lay_out(self, slots: list[list[Piece]], group: list[Part]) -> list[Part]:
        """Canvases for parts of one colour space. Returns those that have no room for all of their regions: the last first."""
        width, height = self._engine.info.input_width, self._engine.info.input_height
        most, left = self._limit - len(slots), list[Part]()
        while group and most > 0:
            cut = [(part, region) for part in group for region in part.request.regions]
            sizes = [size_on_canvas(region, self._at(part.request)) for part, region in cut]
            spots = pack(sizes, width, height, most)
            if None not in spots:
                drawn: list[list[Piece]] = [[] for _ in range(most)]
                for (part, region), size, spot in zip(cut, sizes, spots, strict=True):
                    if spot is not None:
                        drawn[spot.canvas].append(Piece(part, letterbox_at(region, spot, size, width, height)))
                slots += [slot for slot in drawn if slot]
                return left
            left.insert(0, group.pop())
        return group + left

    def _full_frame(self, part: Part) -> Piece:
        return Piece(part, self._engine.fit(part.request.region))

    def _at(self, request: Request) -> float:
        region = request.region
        return self._engine.fit(region).width / region.width * self._scale

    def _canvases(self, area: float) -> int:
        return int(-(-area // self._canvas_area))


def region_area(regions: Sequence[Region], scale: float) -> float:
    """What regions take of a canvas when they are drawn at `scale`, guard bands and all."""
    return float(sum((region.width * scale + GUARD) * (region.height * scale + GUARD) for region in regions))


def sure(found: Detections, confidence: float) -> Detections:
    """Those of at least that confidence."""
    which = found.confidence >= confidence
    if bool(np.all(which)):
        return found
    return found.only(which)
