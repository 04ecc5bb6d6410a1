"""Which frames of a model's streams are looked at, and how: every stream's watch under one steward."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from camslice.models.detections import Detections
from camslice.stream.model_work import ModelWork
from camslice.stream.request import Request
from camslice.stream.sheet import sure
from camslice.stream.watching.look import Decision, Look
from camslice.stream.watching.overlaps import matched
from camslice.stream.watching.steward import PolicyState, Steward
from camslice.stream.watching.watch import Watch
from camslice.video.gate.sight import Sight

AUDIT_EVERY_S = 2.0
"""At least so often a frame of each model is also analysed in full."""
_FRAMES_BETWEEN_AUDITS = 100
"""And at least one frame in so many."""


class _Ward:
    """A stream's watch and the lock around it: its decoder thread decides, an engine thread tells what was seen."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.watch = Watch()


class Attention:
    """Thread-safe."""

    def __init__(self, steward: Steward, clock_s: Callable[[], float]) -> None:
        self._steward = steward
        self._clock_s = clock_s
        self._lock = threading.Lock()
        self._wards: dict[int, _Ward] = {}
        self._audited_s = clock_s()
        self._since_audit = 0
        self._audits = ModelWork()

    @property
    def scale(self) -> float:
        """That of regions, relative to full frames."""
        return self._steward.policy.scale

    def state(self) -> PolicyState:
        """The policy in force, and why."""
        with self._lock:
            return self._steward.state()

    def work(self) -> ModelWork:
        """What was audited, and how often the policy changed."""
        with self._lock:
            return replace(self._audits, policy_changes=self._steward.state().changes)

    def open(self, row: int) -> None:
        """A stream begins."""
        with self._lock:
            self._wards[row] = _Ward()

    def close(self, row: int) -> None:
        """A stream ended."""
        with self._lock:
            self._wards.pop(row, None)

    def looks(self, row: int) -> bool:
        """Whether anything of the stream's next due frame is to be looked at, be it for an audit."""
        with self._lock:
            ward, policy, audit = self._wards[row], self._steward.policy, self._audit_is_due()
        with ward.lock:
            ward.watch.policy = policy
            return audit or not ward.watch.skips()

    def skip(self, row: int, at_s: float, size: tuple[int, int]) -> Decision | None:
        """The frame that is now due is not looked at; see `Watch.skip`."""
        with self._lock:
            ward = self._wards[row]
            self._since_audit += 1
        with ward.lock:
            return ward.watch.skip(at_s, size)

    def decide(self, row: int, sight: Sight, at_s: float, size: tuple[int, int], scale: float) -> Decision:
        """How the frame that is now due is looked at; see `Watch.decide`."""
        with self._lock:
            now_s = self._clock_s()
            ward, policy, strained = self._wards[row], self._steward.policy, self._steward.strained(now_s)
            self._since_audit += 1
            audit = self._audit_is_due()
            if audit:
                self._audited_s, self._since_audit = now_s, 0
        with ward.lock:
            ward.watch.policy, ward.watch.strained = policy, strained
            return ward.watch.decide(sight, at_s, size, scale, audit=audit)

    def _audit_is_due(self) -> bool:
        """Lock is held."""
        waited = self._clock_s() - self._audited_s >= AUDIT_EVERY_S or self._since_audit >= _FRAMES_BETWEEN_AUDITS
        return self._steward.policy.regions and waited

    def passed(self) -> None:
        """A frame needed no analysis."""
        self._ended(dropped=False, total_ms=0.0)

    def lost(self, request: Request, *, late: bool) -> None:
        """A request was dropped because it was `late`, or failed: which says nothing of the machine's load."""
        ward = self._wards.get(request.row)
        if request.decision is not None and ward is not None:
            with ward.lock:
                ward.watch.lost(request.decision)
        if late:
            self._ended(dropped=True, total_ms=0.0)

    def analysed(
        self, request: Request, full: Detections, in_regions: Detections, confidence: float, total_ms: float
    ) -> Detections:
        """What to report of a frame that was analysed, in full or in regions."""
        self._ended(dropped=False, total_ms=total_ms)
        decision, ward = request.decision, self._wards.get(request.row)
        if decision is None or ward is None:
            return sure(full, confidence)
        with ward.lock:
            if decision.look is Look.REGIONS:
                return ward.watch.looked_in_regions(decision, in_regions, confidence)
            found = sure(full, confidence)
            reported = self._as_the_policy_has_it(ward.watch, decision, found, in_regions, confidence)
            ward.watch.looked_in_full(decision, found, confidence)
        if decision.audit:
            kept = int(matched(found, reported).sum())
            with self._lock:
                if len(found):
                    self._audits += ModelWork(audited_frames=1, audited_detections=len(found), kept_detections=kept)
                self._steward.audited(kept, len(found), self._clock_s())
        return found

    def _as_the_policy_has_it(
        self, watch: Watch, decision: Decision, found: Detections, in_regions: Detections, confidence: float
    ) -> Detections:
        """What would have been reported of a frame without an audit: all of it where the policy sees it in full."""
        if not decision.audited or decision.glance is None:
            return found
        if decision.policy_look is Look.REGIONS:
            return watch.looked_in_regions(decision, in_regions, confidence)
        return decision.glance.expected

    def _ended(self, *, dropped: bool, total_ms: float) -> None:
        with self._lock:
            self._steward.ended(dropped=dropped, total_ms=total_ms, now_s=self._clock_s())
