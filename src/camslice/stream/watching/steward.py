"""Which policy is in force: as cheap as the measured recall allows, cheaper when the machine is overloaded, and never silently.

Two voices, one ladder, as it was evaluated on clips where it was (`fleet.policy.ladder_of`). The audit goes one rung up as
soon as the recall is probably too low, and tries one rung down when it is probably high enough; a rung that failed is not tried
again for a while, and one that the evaluation found too low never. Overload goes down at once, and up, rung by rung, only after
the machine has had room for some time. The cheaper of the two is in force. What an overloaded machine loses more speaks against
no rung: going up would only overload it further.

The recall is looked at again and again, so that a policy which keeps just enough is found low by chance sooner or later: one
that keeps exactly the 0.97 that is demanded within an hour in 61 to 69 % of all simulated hours (2160 audited frames of 5
detections each, misses alone or in bunches), one that keeps 0.975 in 11 to 19 %, one that keeps 0.98 in 3 to 4 %. That errs on
the safe side, costs a rung for a while, and is mended by the next try; a bound of 0.99 would let through for an hour, two times
out of three, a policy that keeps half a point too little.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from camslice.fleet.policy import FULL, LADDER, Evaluated, Policy, ladder_of, policy_named, rung_of
from camslice.fleet.types import Objective, Pace
from camslice.stream.watching.recall import Recall

log = logging.getLogger(__name__)

PROBABLE = 0.9
"""Probability from which a policy is given up that keeps too little, and from which a cheaper one is tried."""
_BETWEEN_LOOKS = 10
"""Audited frames from one look at the recall to the next: looking at every one would find it low by chance sooner or later."""
_SURE_FRAMES = 60
"""Audited frames before anything cheaper is tried."""
_RETRY_S = 600.0
"""For so long a rung that failed is not tried again; the next time twice as long."""
_LOAD_WINDOW_S, _LONG_WINDOW_S = 2.0, 20.0
"""A large overload shows in the short one; a small one, and that of few cameras, in the long one."""
_CHANCE = 3.0
"""So many standard deviations above the drops that are allowed are no chance."""
_BETWEEN_JUDGEMENTS_S = 0.2
_FEWEST_FRAMES = 20
_ROOM_S = 10.0
"""For so long there must have been room before overload gives a rung back; twice as long after each relapse."""
_LONGEST_ROOM_S = 320.0
_HEAVY = 0.25
"""An overload that loses so much takes two rungs at once."""
_ROOMY = 0.6
"""There is room when frames take no longer than so much of the objective."""


_Ended = tuple[float, bool, float]
"""When a frame ended, whether it was dropped, and its milliseconds from capture on."""


@dataclass(frozen=True, slots=True)
class PolicyState:
    """What is in force and why. `recall` is what was measured under it over `audited` frames, None while there were none;
    `overloaded`: cheaper than the recall allows, for want of room. `changes` counts how often the policy changed."""

    policy: str
    reason: str
    recall: float | None
    audited: int
    overloaded: bool
    changes: int


class Steward:
    """One model's policy. Not thread-safe: the caller holds a lock. Times are monotonic seconds."""

    def __init__(
        self,
        start: Policy,
        cheapest: Policy,
        objective: float,
        latency_ms: float,
        drop_rate: float,
        evaluated: Sequence[Evaluated] = (),
    ) -> None:
        """Begin with `start`, go no further down than `cheapest` for the recall's sake. `objective`: the recall demanded."""
        declared = start == cheapest
        self._known = {each.policy: each for each in evaluated}
        self._ladder = ladder_of(evaluated, start if declared else FULL)
        self._cheapest = self._ladder.index(cheapest) if declared else len(self._ladder) - 1
        self._objective = objective
        self._latency_ms = latency_ms
        self._drop_rate = drop_rate
        self._since_looked = 0
        self._failed: dict[int, tuple[float, float]] = {}
        self._load: deque[_Ended] = deque()
        self._judged_s = self._lost_s = -_RETRY_S
        self._extra = 0
        self._room_since_s: float | None = None
        self._room_s = _ROOM_S
        self._relieved_s = -_RETRY_S
        self._changes = 0
        self._allowed = self._cheapest if declared else self._first(start)
        begun = self._known.get(self.policy.name)
        self._reason = "as declared" if declared else "where every fleet begins" if begun is None else str(begun)
        self._recall = Recall(prior=begun)

    @property
    def policy(self) -> Policy:
        """What is in force."""
        return self._ladder[min(self._allowed + self._extra, len(self._ladder) - 1)]

    def strained(self, now_s: float) -> bool:
        """Whether the machine loses frames, or has to do with less than the recall allows."""
        return self._extra > 0 or now_s - self._lost_s < _LOAD_WINDOW_S

    @property
    def may_change(self) -> bool:
        """Whether it can ever be anything but full frames."""
        return self._cheapest > 0

    def state(self) -> PolicyState:
        """What is in force and why."""
        recall = 1.0 if self.policy == FULL else self._recall.value
        return PolicyState(self.policy.name, self._reason, recall, self._recall.frames, self._extra > 0, self._changes)

    def audited(self, kept: int, wanted: int, now_s: float) -> None:
        """A frame was looked at both ways."""
        self._recall.note(kept, wanted)
        self._since_looked += 1
        if self._since_looked < _BETWEEN_LOOKS:
            return
        self._since_looked = 0
        low = self._recall.probability_below(self._objective)
        if low is None or self._extra:
            return
        if low > PROBABLE and self._allowed > 0:
            _, pause_s = self._failed.get(self._allowed, (0.0, _RETRY_S / 2))
            self._failed[self._allowed] = now_s + 2 * pause_s, 2 * pause_s
            self._allow(self._allowed - 1, f"recall {self._recall.value:.3f} was below {self._objective:g}")
        elif low < 1 - PROBABLE and self._recall.frames >= _SURE_FRAMES:
            cheaper = self._allowed + 1
            untried = now_s >= self._failed.get(cheaper, (0.0, 0.0))[0]
            if cheaper <= self._cheapest and untried and not self._keeps_too_little(cheaper):
                self._allow(cheaper, f"recall {self._recall.value:.3f} leaves room")

    def ended(self, *, dropped: bool, total_ms: float, now_s: float) -> None:
        """A frame met its fate; `total_ms` counts when it was not dropped."""
        if dropped:
            self._lost_s = now_s
        if now_s - self._relieved_s < self._latency_ms / 1000:
            return  # it was due before the relief
        self._load.append((now_s, dropped, total_ms))
        while self._load[0][0] < now_s - _LONG_WINDOW_S:
            self._load.popleft()
        if not self.may_change or now_s - self._judged_s < _BETWEEN_JUDGEMENTS_S:
            return
        self._judged_s = now_s
        self._try_again(now_s)
        recent = [each for each in self._load if each[0] >= now_s - _LOAD_WINDOW_S]
        lost = self._too_many_lost(recent) or self._too_many_lost(self._load)
        if lost:
            self._room_since_s = None
            if now_s - self._relieved_s >= _LOAD_WINDOW_S:
                self._relieve(lost, now_s)
        elif self._extra and _is_roomy(recent if len(recent) >= _FEWEST_FRAMES else self._load, self._latency_ms):
            self._room_since_s = now_s if self._room_since_s is None else self._room_since_s
            if now_s - self._room_since_s >= self._room_s:
                self._room_since_s = None
                self._load.clear()
                self._set_extra(self._extra - 1, "there is room again")
        else:
            self._room_since_s = None

    def _first(self, usual: Policy) -> int:
        """Where to begin: as far down as an evaluation surely keeps enough, and else with the usual policy, or what beat it."""
        surely = [
            rung
            for rung, policy in enumerate(self._ladder)
            if policy.name in self._known and self._known[policy.name].low >= self._objective
        ]
        if surely:
            return max(surely)
        first = min(rung for rung, policy in enumerate(self._ladder) if rung_of(policy) >= rung_of(usual))
        return 0 if self._keeps_too_little(first) else first

    def _keeps_too_little(self, rung: int) -> bool:
        known = self._known.get(self._ladder[rung].name)
        return known is not None and known.recall < self._objective

    def _too_many_lost(self, ended: Collection[_Ended]) -> float:
        """The share of the frames that were dropped, 0 where it is no more than chance makes of the share that may be."""
        lost, allowed = sum(each[1] for each in ended), self._drop_rate * len(ended)
        surely = lost > allowed + _CHANCE * math.sqrt(allowed) + 1
        return lost / len(ended) if surely and len(ended) >= _FEWEST_FRAMES else 0.0

    def _try_again(self, now_s: float) -> None:
        """Full frames are not audited: nothing but time speaks for another try, and an evaluation may speak against it."""
        untried = self.policy == FULL and self.may_change and now_s >= self._failed.get(1, (0.0, 0.0))[0]
        if untried and not self._keeps_too_little(1):
            self._allow(1, "tried again after a while")

    def _relieve(self, lost: float, now_s: float) -> None:
        left = len(self._ladder) - 1 - self._allowed - self._extra
        if left > 0:
            relapsed = now_s - self._relieved_s < 2 * self._room_s
            self._room_s = min(_LONGEST_ROOM_S, 2 * self._room_s) if relapsed and not self._extra else self._room_s
            extra = self._extra + min(left, 2 if lost >= _HEAVY else 1)
            known = self._known.get(self._ladder[self._allowed + extra].name)
            price = "" if known is None else f"; it was {known}"
            self._set_extra(extra, f"overload: {lost:.1%} of the frames were dropped{price}")
        self._relieved_s = now_s
        self._load.clear()

    def _allow(self, rung: int, reason: str) -> None:
        before = self.policy
        self._allowed = rung
        self._extra = max(0, min(self._extra, len(self._ladder) - 1 - rung))
        self._changed(before, reason)

    def _set_extra(self, extra: int, reason: str) -> None:
        before = self.policy
        self._extra = extra
        self._changed(before, reason)

    def _changed(self, before: Policy, reason: str) -> None:
        self._recall.forget(self._known.get(self.policy.name))
        self._since_looked = 0
        self._reason = reason
        self._changes += 1
        log.warning("policy %s instead of %s: %s", self.policy.name, before.name, reason)


def _is_roomy(ended: Collection[_Ended], latency_ms: float) -> bool:
    if len(ended) < _FEWEST_FRAMES or any(each[1] for each in ended):
        return False
    return sum(total_ms > _ROOMY * latency_ms for _, _, total_ms in ended) <= 0.05 * len(ended)


def steward_of(objective: Objective, policy: str, pace: Pace, evaluated: Sequence[Evaluated] = ()) -> Steward | None:
    """Who watches over the policy that a fleet declares; None where nothing but full frames is asked for.

    `auto` begins carefully, and goes on as far as the measured recall allows. At pace `lossless` every frame is analysed in
    full: what lies on a canvas depends on what else was due just then, and the same input must give the same output.
    """
    if pace is not Pace.LIVE or policy == FULL.name or (policy == "auto" and objective.recall >= 1.0):
        return None
    start, cheapest = (_CAREFUL, LADDER[-1]) if policy == "auto" else (policy_named(policy),) * 2
    return Steward(start, cheapest, objective.recall, objective.latency_ms, objective.drop_rate, evaluated)


_CAREFUL = LADDER[1]
