"""How much of a stream's frames is looked at: the ladder of policies, from every pixel of every frame downwards.

Lengths are pixels at the model's scale, that is, of a frame as it lies in the model's input. What a policy keeps of the
detections is measured, on clips (`camslice eval --policy`) and while running, and never taken from here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

RungName = Literal["full", "careful", "regions", "carry-1", "carry-2", "carry-3", "carry-4-small", "half-rate", "third-rate"]
"""A policy of `LADDER`."""
PolicyName = Literal["auto", RungName]
"""What a fleet may declare: a policy of `LADDER`, or `auto` for as cheap a one as the recall allows."""


@dataclass(frozen=True, slots=True)
class Policy:
    """`regions`: only what moves, and what was found before, is analysed, else the full frame.

    `margin` is left around a box that was found before, and no region is smaller than `smallest`. `full_every` is the most
    due frames from one full frame of a stream to the next where anything moves, `carry` the most frames in a row in which a
    thing is carried on without being looked at, `scale` that of regions relative to full frames. Of `every` so many due frames
    one is looked at, by the gate too; in the others things go on as they went.
    """

    name: str
    regions: bool = True
    margin: int = 8
    smallest: int = 48
    full_every: int = 30
    carry: int = 0
    scale: float = 1.0
    every: int = 1


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What `camslice eval --policy` found of a policy on clips of the fleet's own cameras: its price, and what it keeps.

    `recall` over `frames` frames, `low` its 5th percentile when frames are drawn anew; `cost` of a frame relative to that of a
    full one, in the machine's time and so in dollars.
    """

    policy: str
    recall: float
    low: float
    cost: float
    frames: int

    def __str__(self) -> str:
        return f"evaluated at recall {self.recall:.3f} for {self.cost:.2f} of what full frames cost"


PATIENCE = 0.4
"""For so much of the latency objective, from its capture on, a frame in regions waits for others to share its canvas."""

FULL = Policy("full", regions=False)

LADDER = (
    FULL,
    Policy("careful", margin=16, smallest=64, full_every=10),
    Policy("regions", margin=8, full_every=30),
    Policy("carry-1", margin=8, full_every=30, carry=1),
    Policy("carry-2", margin=8, full_every=40, carry=2),
    Policy("carry-3", margin=8, full_every=40, carry=3),
    Policy("carry-4-small", margin=8, full_every=40, carry=4, scale=0.75),
    Policy("half-rate", margin=8, full_every=40, carry=4, scale=0.75, every=2),
    Policy("third-rate", margin=8, full_every=42, carry=4, scale=0.75, every=3),
)
"""Each costs less than the one before, and may lose more."""


def policy_named(name: str) -> Policy:
    """The policy of the ladder; KeyError when there is none of that name."""
    return {policy.name: policy for policy in LADDER}[name]


def rung_of(policy: Policy) -> int:
    """Its place on the ladder, 0 for full frames; ValueError for one that is not on it."""
    return LADDER.index(policy)


def ladder_of(evaluated: Sequence[Evaluated], declared: Policy = FULL) -> tuple[Policy, ...]:
    """The ladder as it was evaluated: without those that cost no less than another that keeps as much, and by falling cost.

    Of a policy that was not evaluated nothing is known, and it stays where it is; so do `declared` and full frames.
    """
    known = {each.policy: each for each in evaluated if each.policy not in (FULL.name, declared.name)}
    worth = [each for each in known.values() if not any(_beats(other, each) for other in known.values())]
    by_cost = iter(sorted(worth, key=lambda each: -each.cost))
    kept = {each.policy for each in worth}
    return tuple(
        policy_named(next(by_cost).policy) if policy.name in kept else policy
        for policy in LADDER
        if policy.name in kept or policy.name not in known
    )


def _beats(other: Evaluated, each: Evaluated) -> bool:
    better = other.cost < each.cost or other.recall > each.recall
    return better and other.cost <= each.cost and other.recall >= each.recall
