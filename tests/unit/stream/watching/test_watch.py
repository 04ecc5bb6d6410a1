"""A watch over a simulated world: boxes that come, move, stop and go, a detector that sees just what lies in a region, and a
gate that misses no motion."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from camslice.fleet.geometry import Region
from camslice.fleet.policy import FULL, LADDER, Policy, policy_named
from camslice.models.detections import Detections
from camslice.stream.watching.look import Decision, Look
from camslice.stream.watching.overlaps import matched
from camslice.stream.watching.watch import Watch
from camslice.video.gate.sight import Disturbance, Sight

WIDTH, HEIGHT, CELL, STEP_S, SURE = 320, 240, 8, 0.2, 0.3
WITHOUT_CARRY = [policy for policy in LADDER[1:] if not policy.carry]


def cells_of(*boxes: tuple[float, float, float, float]) -> np.ndarray:
    cells = np.zeros((HEIGHT // CELL, WIDTH // CELL), np.bool_)
    for x1, y1, x2, y2 in boxes:
        left, top = max(0, int(x1 // CELL)), max(0, int(y1 // CELL))
        cells[top : max(0, int(-(-y2 // CELL))), left : max(0, int(-(-x2 // CELL)))] = True
    return cells


def found_in(boxes: list[tuple[float, float, float, float]], regions: tuple[Region, ...] | None) -> Detections:
    """What a perfect detector sees of the boxes in the regions (None: in the whole picture): of each the part that shows."""
    seen = []
    for region in regions if regions is not None else (Region(0, 0, WIDTH, HEIGHT),):
        for x1, y1, x2, y2 in boxes:
            left, top = max(x1, region.x), max(y1, region.y)
            right, bottom = min(x2, region.x + region.width), min(y2, region.y + region.height)
            if right > left and bottom > top and (right - left) * (bottom - top) >= 0.5 * (x2 - x1) * (y2 - y1):
                seen.append((left, top, right, bottom))
    count = len(seen)
    return Detections(np.array(seen, np.float32).reshape(-1, 4), np.full(count, 0.9, np.float32), np.zeros(count, np.int32))


class Scene:
    """Drives one watch, frame by frame."""

    def __init__(self, policy: Policy) -> None:
        self.watch = Watch()
        self.watch.policy = policy
        self.at_s = 10.0

    def decide(self, cells: np.ndarray, disturbance: Disturbance | None = None) -> Decision:
        self.at_s += STEP_S
        return self.watch.decide(Sight(cells, disturbance), self.at_s, (WIDTH, HEIGHT), 1.0)

    def look(self, decision: Decision, boxes: list[tuple[float, float, float, float]]) -> Detections:
        """What is reported of a frame that is analysed as decided."""
        if decision.look is Look.FULL:
            found = found_in(boxes, None)
            self.watch.looked_in_full(decision, found, SURE)
            return found
        assert decision.glance is not None
        if decision.look is Look.REGIONS:
            return self.watch.looked_in_regions(decision, found_in(boxes, decision.glance.regions), SURE)
        return decision.glance.expected

    def frame(self, boxes: list[tuple[float, float, float, float]], cells: np.ndarray) -> tuple[Decision, Detections]:
        decision = self.decide(cells)
        return decision, self.look(decision, boxes)

    def settle(self, boxes: list[tuple[float, float, float, float]]) -> None:
        """Until full frames are rare."""
        for _ in range(20):
            self.frame(boxes, cells_of())
        while self.frame(boxes, cells_of())[0].look is not Look.FULL:
            pass


class Mover:
    """Comes from one side, goes its way, stands for a while, and goes on."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.wide, self.high = rng.uniform(14, 30), rng.uniform(30, 60)
        self.x, self.y = -self.wide, rng.uniform(0, HEIGHT - self.high)
        self.speed = rng.uniform(2, 6)
        self.comes = int(rng.integers(1, 60))
        self.stands = range(*sorted(int(at) for at in rng.integers(self.comes + 8, self.comes + 40, 2)))

    def at(self, frame: int) -> tuple[float, float, float, float] | None:
        moved = sum(1 for at in range(self.comes, frame) if at not in self.stands)
        left = self.x + moved * self.speed
        box = max(0.0, left), self.y, min(float(WIDTH), left + self.wide), self.y + self.high
        return box if frame >= self.comes and box[2] - box[0] >= 8 else None


@pytest.mark.parametrize("policy", WITHOUT_CARRY, ids=lambda policy: policy.name)
@pytest.mark.parametrize("seed", range(8))
def test_a_policy_that_carries_nothing_loses_nothing(policy: Policy, seed: int) -> None:
    rng = np.random.default_rng(seed)
    movers = [Mover(rng) for _ in range(4)]
    scene = Scene(policy)
    partial = late = 0
    for number in range(120):
        now, before = ([mover.at(at) for mover in movers] for at in (number, number - 1))
        changed = [box for old, new in zip(before, now, strict=True) if old != new for box in (old, new) if box]
        boxes = [box for box in now if box]
        decision, reported = scene.frame(boxes, cells_of(*changed))
        found = matched(found_in(boxes, None), reported)
        # Motion beside a known box counts as that box's, so that somebody who comes just there may be seen late.
        known = np.array([mover.at(number - 4) is not None for mover, new in zip(movers, now, strict=True) if new], np.bool_)
        assert found[known].all(), f"frame {number}, {decision.look.name}: {boxes} but {reported.boxes.tolist()}"
        late += int((~found).sum())
        partial += decision.look is not Look.FULL
    assert partial > 50
    assert late <= 4


@pytest.mark.parametrize("policy", LADDER[1:], ids=lambda policy: policy.name)
def test_something_new_is_found_within_the_frames_that_may_be_carried_and_one(policy: Policy) -> None:
    for phase in range(policy.carry + 1):
        scene = Scene(policy)
        scene.settle([])
        for _ in range(phase):
            scene.frame([], cells_of())
        for waited in range(policy.carry + 1):
            box = (100.0 + 4 * waited, 80.0, 124.0 + 4 * waited, 130.0)
            _, reported = scene.frame([box], cells_of(box, (box[0] - 4, *box[1:])))
            if matched(found_in([box], None), reported).all():
                break
        else:
            pytest.fail("not found")


def test_a_still_scene_costs_hardly_anything_and_full_frames_become_rarer() -> None:
    scene = Scene(policy_named("regions"))
    box = (40.0, 40.0, 70.0, 110.0)
    looks = [scene.frame([box], cells_of())[0].look for _ in range(400)]
    assert looks[0] is Look.FULL
    assert set(looks) == {Look.FULL, Look.GATED}
    full = [number for number, look in enumerate(looks) if look is Look.FULL]
    gaps = np.diff(full).tolist()
    assert gaps == sorted(gaps)
    assert len(full) < 400 / 20


def test_full_frames_come_more_often_while_they_show_what_nobody_expected() -> None:
    scene = Scene(policy_named("regions"))
    scene.settle([])
    quiet = scene.watch._interval
    number = 0
    boxes: list[tuple[float, float, float, float]] = []
    while number < 6:  # things come that the gate does not see
        decision, _ = scene.frame(boxes, cells_of())
        if decision.look is Look.FULL:
            number += 1
            boxes = [(40.0 * number, 20.0, 40.0 * number + 25, 80.0)]
    assert scene.watch._interval < quiet


@pytest.mark.parametrize("disturbance", list(Disturbance))
def test_a_disturbance_is_answered_by_a_full_frame(disturbance: Disturbance) -> None:
    scene = Scene(policy_named("carry-2"))
    scene.settle([])
    decision = scene.decide(np.ones_like(cells_of()), disturbance)
    assert decision.look is decision.policy_look is Look.FULL
    assert decision.glance is None
    assert not decision.audited


def test_a_disturbance_whose_frame_was_dropped_is_answered_by_the_next() -> None:
    scene = Scene(policy_named("carry-2"))
    scene.settle([])
    scene.watch.lost(scene.decide(np.ones_like(cells_of()), Disturbance.CUT))
    assert scene.decide(cells_of()).look is Look.FULL


def test_a_camera_whose_cells_change_their_number_is_looked_at_in_full() -> None:
    scene = Scene(policy_named("regions"))
    scene.settle([])
    assert scene.decide(np.zeros((12, 16), np.bool_)).look is Look.FULL


def test_a_known_thing_that_moved_in_a_dropped_frame_is_looked_at_in_the_next() -> None:
    scene = Scene(policy_named("regions"))
    box = (40.0, 40.0, 70.0, 110.0)
    scene.settle([box])
    moved = (48.0, 40.0, 78.0, 110.0)
    scene.watch.lost(scene.decide(cells_of(box, moved)))
    _, reported = scene.frame([moved], cells_of())
    np.testing.assert_allclose(reported.boxes, [moved])


def test_something_unknown_that_moved_in_a_dropped_frame_only_is_looked_at_in_the_next() -> None:
    scene = Scene(policy_named("regions"))
    box = (40.0, 40.0, 70.0, 110.0)
    scene.settle([])
    scene.watch.lost(scene.decide(cells_of(box)))
    decision, reported = scene.frame([box], cells_of())
    assert decision.look is Look.REGIONS
    np.testing.assert_allclose(reported.boxes, [box])


def test_a_full_frame_that_was_dropped_is_made_up_for_by_the_next() -> None:
    scene = Scene(policy_named("regions"))
    scene.settle([])
    moving = (40.0, 40.0, 70.0, 110.0)
    while (decision := scene.decide(cells_of(moving))).look is not Look.FULL:
        scene.look(decision, [moving])
    scene.watch.lost(decision)
    assert scene.decide(cells_of(moving)).look is Look.FULL


def test_a_box_cut_by_its_regions_edge_gets_a_larger_region_next_time() -> None:
    scene = Scene(policy_named("regions"))
    scene.settle([])
    box = (100.0, 20.0, 130.0, 220.0)
    waist = (100.0, 100.0, 130.0, 130.0)  # all that moves of somebody who is far larger

    def regions(shown: tuple[float, float, float, float]) -> tuple[Region, ...]:
        decision = scene.decide(cells_of(waist))
        assert decision.glance is not None
        scene.watch.looked_in_regions(decision, _clipped([shown], decision.glance.regions), SURE)
        return decision.glance.regions

    first, second = regions(box), regions(box)
    assert len(first) == len(second) == 1
    assert second[0].height > first[0].height + 2 * policy_named("regions").margin


def test_what_was_hidden_for_a_while_is_found_again_when_it_shows() -> None:
    scene = Scene(policy_named("regions"))
    box, front = (100.0, 60.0, 130.0, 130.0), (90.0, 50.0, 140.0, 140.0)
    scene.settle([box])
    scene.frame([], cells_of(front))
    for _ in range(3):
        _, reported = scene.frame([], cells_of())
        assert len(reported) == 0
    _, reported = scene.frame([box], cells_of())
    assert len(reported) == 1


def test_results_that_come_out_of_order_do_not_move_knowledge_back() -> None:
    scene = Scene(FULL)
    first, second = scene.decide(cells_of()), scene.decide(cells_of())
    scene.look(second, [(60.0, 40.0, 90.0, 110.0)])
    scene.look(first, [(40.0, 40.0, 70.0, 110.0)])
    scene.watch.policy = replace(policy_named("regions"), full_every=10**6)
    decision = scene.decide(cells_of())
    assert decision.glance is not None
    assert decision.glance.expected.boxes[0, 0] == 60.0


def test_an_audit_is_a_full_frame_that_remembers_what_the_policy_would_have_done() -> None:
    scene = Scene(policy_named("regions"))
    scene.settle([])
    sight = Sight(cells_of((40.0, 40.0, 70.0, 110.0)))
    decision = scene.watch.decide(sight, scene.at_s + STEP_S, (WIDTH, HEIGHT), 1.0, audit=True)
    assert decision.audited
    assert (decision.look, decision.policy_look) == (Look.FULL, Look.REGIONS)


def _clipped(boxes: list[tuple[float, float, float, float]], regions: tuple[Region, ...]) -> Detections:
    """Of each box the part in a region, however small."""
    parts = [
        (max(x1, r.x), max(y1, r.y), min(x2, r.x + r.width), min(y2, r.y + r.height))
        for x1, y1, x2, y2 in boxes
        for r in regions
    ]
    count = len(parts)
    return Detections(np.array(parts, np.float32).reshape(-1, 4), np.full(count, 0.9, np.float32), np.zeros(count, np.int32))


def test_at_a_third_of_the_rate_two_of_three_frames_pass_without_a_look_and_things_go_on_as_they_went() -> None:
    scene = Scene(replace(policy_named("third-rate"), carry=0))
    assert not scene.watch.skips(), "nothing is known yet"
    left = 40.0

    def box() -> tuple[float, float, float, float]:
        return left, 40.0, left + 30, 110.0

    skipped = 0
    for number in range(30):
        before, left = box(), left + 4
        scene.at_s += STEP_S
        if scene.watch.skips():
            decision = scene.watch.skip(scene.at_s, (WIDTH, HEIGHT))
            assert decision is not None
            assert decision.look is Look.CARRIED
            assert decision.glance is not None
            skipped += 1
            if number > 9:
                np.testing.assert_allclose(decision.glance.expected.boxes, [box()], atol=2)
                assert decision.glance.expected.carried.all()
        else:
            scene.at_s -= STEP_S
            scene.frame([box()], cells_of(before, box()))
    assert skipped >= 18


def test_an_audit_of_a_frame_that_would_have_passed_is_held_against_what_would_have_been_told() -> None:
    scene = Scene(policy_named("half-rate"))
    scene.settle([(40.0, 40.0, 70.0, 110.0)])
    while not scene.watch.skips():
        scene.frame([(40.0, 40.0, 70.0, 110.0)], cells_of())
    moving = cells_of((40.0, 40.0, 80.0, 110.0))
    decision = scene.watch.decide(Sight(moving), scene.at_s + STEP_S, (WIDTH, HEIGHT), 1.0, audit=True)
    assert decision.look is Look.FULL
    assert decision.policy_look is Look.CARRIED
    assert decision.audited
    assert decision.glance is not None
    assert decision.glance.regions == ()


def test_a_dropped_frame_has_no_more_looked_at_than_it_was_to_show() -> None:
    scene = Scene(policy_named("carry-2"))
    near, far = (40.0, 40.0, 70.0, 110.0), (200.0, 40.0, 230.0, 110.0)
    scene.settle([near, far])
    lost = scene.decide(cells_of(near))
    scene.watch.lost(lost)
    decision = scene.decide(cells_of(near))
    assert decision.glance is not None
    assert all(region.x + region.width < 200 for region in decision.glance.regions)


def test_a_strained_machine_does_not_ask_for_the_next_frame_in_full_when_it_lost_one() -> None:
    scene = Scene(policy_named("regions"))
    scene.settle([])
    moving = (40.0, 40.0, 70.0, 110.0)
    while (decision := scene.decide(cells_of(moving))).look is not Look.FULL:
        scene.look(decision, [moving])
    scene.watch.strained = True
    scene.watch.lost(decision)
    looks = [scene.frame([moving], cells_of(moving))[0].look for _ in range(8)]
    assert looks[0] is Look.REGIONS
    assert looks.count(Look.FULL) == 1, "it is made up for, some frames later"
