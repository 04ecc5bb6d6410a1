"""One stream's scene from frame to frame: decides how each frame is looked at, and puts together what was seen.

Of each thing that is known, a frame either has it looked at, or carried on: to where its pixels are found again, for at most so
many frames as the policy allows. Looked at is further whatever moves and belongs to nothing known, what was lost from sight,
and at an interval that adapts to how often it shows something new, the whole frame.

A decision counts on its own success: while a frame waits for its turn, the next one takes for granted that it will be analysed.
If it is not, say so by `lost`, and everything is looked at again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from camslice.fleet.geometry import Region
from camslice.fleet.policy import FULL, Policy
from camslice.models.detections import Detections
from camslice.stream.packing.regions import UNKNOWN_MARGIN, clusters, grow, merged, moved_in, paint, without
from camslice.stream.watching.carried import Carried
from camslice.stream.watching.follow import followed
from camslice.stream.watching.look import Decision, Glance, Look
from camslice.stream.watching.lost import Lost
from camslice.stream.watching.overlaps import BoolArray, ByteArray, FloatArray, IntArray, edges, share_within
from camslice.stream.watching.seen import at_an_edge, believed, missing, news, together
from camslice.video.gate.sight import Sight

_LARGEST_SHARE = 0.6
"""Regions that cover more of a frame cost as much as the whole frame."""
_MOST_REGIONS = 64
_TURMOIL = 0.25
"""Where more of the picture moves, what is known of it is no longer to be trusted."""
_SHADOW = 16.0
"""Motion so close to a known box, in pixels at the model's scale, is that box's: its shadow, or its edge."""
_CUT_MARGIN = 3.0
"""A box that was cut by its region's edge gets so many times the margin next time."""
_SHORTEST_INTERVAL = 5
_WHOLE = 0.9
"""A box is looked at by a region that has so much of it."""
_NEVER = -(10**6)
_STILL = 4.0
"""Where nothing moves, so many times as many frames may pass from one full frame to the next..."""
_STILL_AUDIT = 25
"""... and no audit comes sooner than after so many."""


class Watch:
    """Not thread-safe: the caller holds a lock."""

    def __init__(self) -> None:
        self.policy: Policy = FULL
        self.strained = False
        """Whether the machine loses frames: then full frames come as seldom as the policy has it, whatever they show."""
        self._sight: Sight | None = None
        self._frame = 0
        self._known = Carried.nothing()
        self._looked_at: IntArray = np.empty(0, np.int32)
        self._cut: BoolArray = np.empty(0, np.bool_)
        self._lost = Lost.nothing()
        self._pending: BoolArray | None = None
        self._missed: BoolArray = np.empty((0, 0), np.bool_)
        self._cells_looked_at: IntArray = np.empty((0, 0), np.int32)
        self._disturbed = True
        self._last_full = 0
        self._interval = float(_SHORTEST_INTERVAL)

    def skips(self) -> bool:
        """Whether the policy lets the next due frame pass without a look at it, even by the gate."""
        return self._sight is not None and not self._disturbed and (self._frame + 1) % self.policy.every != 0

    def skip(self, at_s: float, size: tuple[int, int]) -> Decision | None:
        """Let the frame that is now due pass: everything goes on as it went. None where nothing is known yet that could."""
        self._frame += 1
        sight, pending = self._sight, self._pending
        if sight is None or pending is None:
            return None
        return Decision(self._frame, Look.CARRIED, Look.CARRIED, self._going_on(at_s, size), at_s, size, sight, pending)

    def decide(self, sight: Sight, at_s: float, size: tuple[int, int], scale: float, *, audit: bool = False) -> Decision:
        """How the frame that is now due is looked at. `size` (width, height) is its picture's, `scale` the model's pixels per
        pixel of it; `audit` asks for a full frame whatever the policy would do."""
        skipped = self.skips()
        self._frame += 1
        self._sight = sight
        pending = self._see(sight)
        if not self.policy.regions or self._disturbed:
            decision = Decision(self._frame, Look.FULL, Look.FULL, None, at_s, size, sight, pending, audit)
        else:
            if skipped:
                policy_look, glance = Look.CARRIED, self._going_on(at_s, size)
            else:
                policy_look, glance = self._policy_look(sight, pending, at_s, size, scale)
            still = policy_look is Look.GATED
            audit &= not still or self._frame - self._last_full >= _STILL_AUDIT
            if self._is_due_in_full(still=still):
                policy_look = Look.FULL
            look = Look.FULL if audit else policy_look
            decision = Decision(self._frame, look, policy_look, glance, at_s, size, sight, pending, audit)
        self._count_on(decision)
        return decision

    def lost(self, decision: Decision) -> None:
        """This frame was not analysed after all: what it was to show is still to be looked at, and no more than that. An
        overloaded machine that looks at more for every frame that it loses would lose all of them."""
        glance = decision.glance
        if decision.look is Look.FULL:
            self._disturbed |= glance is None
            self._last_full = self._frame - self.policy.full_every + _SHORTEST_INTERVAL if self.strained else _NEVER
        if glance is None or len(glance.looked_at) != len(self._looked_at):
            self._looked_at[:] = _NEVER
        else:
            seen = np.ones_like(glance.covered) if decision.look is Look.FULL else glance.covered
            self._looked_at[seen] = np.minimum(self._looked_at, glance.looked_at)[seen]
        if self._pending is not None and self._pending.shape == decision.pending.shape:
            self._cells_looked_at[decision.pending] = _NEVER
            self._pending |= decision.pending
            self._missed |= decision.sight.cells

    def looked_in_full(self, decision: Decision, found: Detections, confidence: float) -> None:
        """Take in what a full frame showed, down to `confidence`."""
        if decision.glance is not None:
            longest = 2.0 * self.policy.full_every
            shorter = max(_SHORTEST_INTERVAL, self._interval / 2)
            self._interval = shorter if news(found, decision.glance.expected, confidence) else min(longest, self._interval * 2)
        if decision.at_s > self._known.at_s:
            self._lost = Lost.nothing()
        fresh, cut = np.ones(len(found), np.bool_), np.zeros(len(found), np.bool_)
        self._learn(decision, found, fresh, cut, np.full(len(found), decision.frame, np.int32))

    def looked_in_regions(self, decision: Decision, found: Detections, confidence: float) -> Detections:
        """All that is known of the frame: `found` in its regions, and the rest carried on. Sorted by falling confidence.

        `found` may go down to `DOUBTFUL` x `confidence`: below `confidence`, what was expected there is believed in.
        """
        glance = decision.glance
        if glance is None:
            return found
        found = believed(found, glance.expected, self._lost.has(found), confidence)
        everything, fresh, looked_at = together(glance, found)
        if decision.look is Look.REGIONS and decision.at_s > self._known.at_s:
            gone = missing(glance, found)
            self._lost = self._lost.after(found, glance.expected.only(gone), glance.moved[gone])
            self._learn(decision, everything, fresh, at_an_edge(everything, fresh, glance.regions, decision.size), looked_at)
        return everything

    def _is_due_in_full(self, *, still: bool) -> bool:
        """Whether the frame is seen in full, to find what the policy misses. Where nothing moves that takes longer."""
        interval = self.policy.full_every if self.strained else min(self._interval, self.policy.full_every)
        return self._frame - self._last_full >= (_STILL * interval if still else interval)

    def _see(self, sight: Sight) -> BoolArray:
        if self._pending is None or self._pending.shape != sight.cells.shape:
            self._pending = sight.cells.copy()
            self._missed = np.zeros_like(sight.cells)
            self._cells_looked_at = np.full(sight.cells.shape, _NEVER, np.int32)
            self._disturbed = True
        else:
            self._pending |= sight.cells
        self._disturbed |= sight.disturbance is not None
        return self._pending

    def _policy_look(
        self, sight: Sight, pending: BoolArray, at_s: float, size: tuple[int, int], scale: float
    ) -> tuple[Look, Glance]:
        """What the policy has for this frame. The look is FULL where regions would be most of it."""
        boxes = self._known.boxes_at(at_s, *size)
        at_scale = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
        moved = moved_in(pending, boxes, size) | self._known.speed.any(axis=1)
        due = moved & ((self._frame - self._looked_at > self.policy.carry) | self._cut)
        boxes, sure = self._follow(sight.luma, boxes, moved & ~due, size)
        due |= moved & ~sure
        self._known = self._known.on_its_way(boxes, moved & ~due, at_s)
        rectangles = self._worth_a_look(sight.cells | self._missed, boxes * np.float32(scale), due, at_scale, scale)
        regions = tuple(_region(rectangle, size, scale) for rectangle in rectangles.tolist())
        found = self._known.found
        expected = Detections(boxes, found.confidence, found.class_id, np.ones(len(found), np.bool_))
        covered = share_within(boxes, edges(regions)) > _WHOLE
        glance = Glance(self._frame, regions, expected, covered, moved, self._looked_at.copy())
        if np.count_nonzero(sight.cells) > _TURMOIL * sight.cells.size:
            return Look.FULL, glance
        if not regions:
            return (Look.CARRIED if pending.any() else Look.GATED), glance
        area = sum(region.width * region.height for region in regions)
        too_much = area > _LARGEST_SHARE * size[0] * size[1] or len(regions) > _MOST_REGIONS
        return (Look.FULL if too_much else Look.REGIONS), glance

    def _going_on(self, at_s: float, size: tuple[int, int]) -> Glance:
        """What is known, where it is if it goes on as it went."""
        found, boxes = self._known.found, self._known.boxes_at(at_s, *size)
        nothing = np.zeros(len(found), np.bool_)
        expected = Detections(boxes, found.confidence, found.class_id, ~nothing)
        return Glance(self._frame, (), expected, nothing, nothing, self._looked_at.copy())

    def _follow(
        self, luma: ByteArray | None, expected: FloatArray, which: BoolArray, size: tuple[int, int]
    ) -> tuple[FloatArray, BoolArray]:
        """Where those of the known things are that need not be looked at; and which of them are sure."""
        before = self._known.luma
        if luma is None or before is None or before.shape != luma.shape:
            return expected, ~which
        return followed(before, luma, self._known.found.boxes, expected, which, size)

    def _worth_a_look(
        self, cells: BoolArray, boxes: FloatArray, due: BoolArray, at_scale: tuple[int, int], scale: float
    ) -> FloatArray:
        """Rectangles at the model's scale."""
        policy, wide = self.policy, due & self._cut

        def around(things: FloatArray, margin: float) -> FloatArray:
            return grow(things, margin, at_scale, policy.smallest)

        seeds = [around(boxes[due & ~wide], policy.margin), around(boxes[wide], _CUT_MARGIN * policy.margin)]
        if self._frame % (policy.carry + 1) == 0:
            seeds.append(around(self._lost.boxes * np.float32(scale), policy.margin))
        unseen = cells & (self._frame - self._cells_looked_at > policy.carry)
        unknown = clusters(without(unseen, boxes, at_scale, max(policy.margin, _SHADOW)), at_scale)
        return merged(np.concatenate([*seeds, around(unknown, UNKNOWN_MARGIN)]))

    def _count_on(self, decision: Decision) -> None:
        """Take for granted that the frame will be looked at as decided."""
        if decision.look in (Look.FULL, Look.REGIONS) and self._pending is not None:
            self._pending = np.zeros_like(self._pending)
            self._missed = np.zeros_like(self._missed)
        if decision.look is Look.FULL:
            self._disturbed = False
            self._last_full = self._frame
            self._looked_at[:] = self._frame
            self._cells_looked_at[:] = self._frame
        elif decision.glance is not None:
            self._looked_at[decision.glance.covered] = self._frame
            paint(self._cells_looked_at, edges(decision.glance.regions), decision.size, self._frame)

    def _learn(self, decision: Decision, found: Detections, fresh: BoolArray, cut: BoolArray, looked_at: IntArray) -> None:
        if decision.at_s <= self._known.at_s:
            return  # a newer frame was ready sooner
        self._known = self._known.after(found, fresh, decision.at_s, decision.sight.luma)
        self._looked_at, self._cut = looked_at, cut


def _region(rectangle: Sequence[float], size: tuple[int, int], scale: float) -> Region:
    """In source pixels, with even corners and sides as far as the picture goes."""
    left, top = (max(0, math.floor(edge / scale) // 2 * 2) for edge in rectangle[:2])
    right = min(size[0], math.ceil(math.ceil(rectangle[2] / scale) / 2) * 2)
    bottom = min(size[1], math.ceil(math.ceil(rectangle[3] / scale) / 2) * 2)
    return Region(left, top, right - left, bottom - top)
