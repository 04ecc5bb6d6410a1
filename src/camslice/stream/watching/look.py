"""How a frame is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from camslice.fleet.geometry import Region
from camslice.models.detections import Detections
from camslice.stream.watching.overlaps import BoolArray, IntArray
from camslice.video.gate.sight import Sight


class Look(IntEnum):
    """From the dearest to the cheapest."""

    FULL = 0
    """The whole frame is analysed."""
    REGIONS = 1
    """What is new, uncertain, or was not looked at for some frames is analysed; the rest is carried on."""
    CARRIED = 2
    """Nothing is analysed: everything is where its pixels are found again."""
    GATED = 3
    """Nothing moved: all is as it was."""


@dataclass(frozen=True, slots=True, eq=False)
class Glance:
    """What is known of one frame before it is analysed, and what of it is to be looked at.

    `regions` in source pixels. `expected`: what was found before, where it is by now; `covered` bool [N] marks what lies in a
    region, `moved` bool [N] what moves, and `looked_at` int32 [N] is the number of the frame in which each was seen last.
    """

    frame: int
    regions: tuple[Region, ...]
    expected: Detections
    covered: BoolArray
    moved: BoolArray
    looked_at: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """What one frame gets (`look`), and what it would get if it were not audited (`policy_look`).

    `audit`: it was drawn to stand for all frames, also for those that are seen in full anyway.

    `frame` numbers the stream's due frames. `glance` is None for a frame that must be seen in full whatever was known before.
    `at_s` (monotonic), `size` (width, height) in source pixels and `sight` are the frame's; `pending` bool [ROWS, COLUMNS] is
    where anything moved since the last look.
    """

    frame: int
    look: Look
    policy_look: Look
    glance: Glance | None
    at_s: float
    size: tuple[int, int]
    sight: Sight
    pending: BoolArray
    audit: bool = False

    @property
    def audited(self) -> bool:
        """Whether the frame is analysed in full to see what the policy would have missed."""
        return self.look is Look.FULL and self.policy_look is not Look.FULL

    @property
    def looks_at_regions(self) -> bool:
        """Whether regions of it are analysed, beside the full frame or not."""
        return self.policy_look is Look.REGIONS
