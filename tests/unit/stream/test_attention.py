"""Which frames are audited, which pass without a look, and what the policy is told of them."""

from __future__ import annotations

import numpy as np

from camslice.fleet.policy import Policy, policy_named
from camslice.models.detections import Detections
from camslice.stream.attention import AUDIT_EVERY_S, Attention
from camslice.stream.watching.look import Decision, Look
from camslice.stream.watching.steward import Steward
from camslice.video.gate.sight import Sight
from tests.unit.stream.fakes import FakeClock

ROW = 0
SIZE = (64, 48)


class Camera:
    """One stream under an attention; frames of a scene in which nothing moves, five a second."""

    def __init__(self, policy: Policy) -> None:
        self.clock = FakeClock()
        self.attention = Attention(Steward(policy, policy, 0.9, 500.0, 0.01), lambda: self.clock.now_ns / 1e9)
        self.attention.open(ROW)

    def due(self) -> Decision | None:
        """None for one that passed without a look."""
        self.clock.now_ns += 200_000_000
        at_s = self.clock.now_ns / 1e9
        if not self.attention.looks(ROW):
            passed = self.attention.skip(ROW, at_s, SIZE)
            assert passed is not None
            assert passed.look is Look.CARRIED
            return None
        decision = self.attention.decide(ROW, Sight(np.zeros((6, 8), np.bool_)), at_s, SIZE, 1.0)
        if decision.look is Look.FULL:
            self.attention._wards[ROW].watch.looked_in_full(decision, Detections.none(), 0.3)
        return decision


def test_at_the_full_rate_every_frame_is_looked_at() -> None:
    camera = Camera(policy_named("carry-3"))
    assert all(camera.due() is not None for _ in range(50))


def test_at_half_the_rate_every_second_frame_passes() -> None:
    camera = Camera(policy_named("half-rate"))
    seen = [camera.due() for _ in range(200)]
    passed = sum(each is None for each in seen)
    assert 80 <= passed <= 100, "but for the first ones, and for audits"


def test_frames_that_would_have_passed_are_audited_as_often_as_others() -> None:
    camera = Camera(policy_named("third-rate"))
    audited = []
    for _ in range(2000):
        camera.attention._wards[ROW].watch._last_full = (
            camera.attention._wards[ROW].watch._frame - 30
        )  # audits of still scenes rest
        decision = camera.due()
        if decision is not None and decision.audited:
            audited.append(decision)
    assert len(audited) > 50
    carried = sum(each.policy_look is Look.CARRIED for each in audited)
    assert 0.4 < carried / len(audited) < 0.9
    assert AUDIT_EVERY_S * len(audited) <= 2000 * 0.2


def test_audits_are_drawn_from_all_frames_and_not_from_those_that_are_seen_in_full_anyway() -> None:
    camera = Camera(policy_named("regions"))
    drawn = full = 0
    for _ in range(1000):
        decision = camera.due()
        assert decision is not None
        drawn += decision.audit
        full += decision.look is Look.FULL
        assert decision.audited == (decision.audit and decision.policy_look is not Look.FULL)
    assert 0 < drawn <= 1000 * 0.2 / AUDIT_EVERY_S
    assert full > 0
