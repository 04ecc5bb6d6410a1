"""How much of a stream's frames is looked at: the ladder of policies, from every pixel of every frame downwards.

Lengths are pixels at the model's scale, that is, of a frame as it lies in the model's input. What a policy keeps of the
detections is measured, on clips (`camslice eval --policy`) and while running, and never taken from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PolicyName = Literal["auto", "full", "careful", "regions", "carry-1", "carry-2", "carry-3", "carry-4-small"]
"""What a fleet may declare: a policy of `LADDER`, or `auto` for as cheap a one as the recall allows."""


@dataclass(frozen=True, slots=True)
class Policy:
    """`regions`: only what moves, and what was found before, is analysed, else the full frame.

    `margin` is left around a box that was found before, and no region is smaller than `smallest`. `full_every` is the most
    due frames from one full frame of a stream to the next where anything moves, `carry` the most frames in a row in which a
    thing is carried on without being looked at, `scale` that of regions relative to full frames.
    """

    name: str
    regions: bool = True
    margin: int = 8
    smallest: int = 48
    full_every: int = 30
    carry: int = 0
    scale: float = 1.0


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
)
"""Each costs less than the one before, and may lose more."""


def policy_named(name: str) -> Policy:
    """The policy of the ladder; KeyError when there is none of that name."""
    return {policy.name: policy for policy in LADDER}[name]


def rung_of(policy: Policy) -> int:
    """Its place on the ladder, 0 for full frames; ValueError for one that is not on it."""
    return LADDER.index(policy)
