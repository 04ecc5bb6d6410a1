"""`models.*.evaluated`: what `camslice eval --policy` found of policies, as the fleet file keeps it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from camslice.fleet.policy import LADDER, Evaluated, RungName
from camslice.fleet.spec_values import Allowed, Keys, Positive, Share


class EvaluatedKeys(Keys):
    """One policy: what it keeps, and what it costs."""

    policy: Annotated[
        RungName,
        Field(description="A policy of the ladder."),
        Allowed(f"a name of the ladder of policies: {', '.join(policy.name for policy in LADDER)}"),
    ]
    recall: Annotated[
        Share,
        Field(description="The share of the detections of full frames that it kept."),
        Allowed("a share from 0 to 1, such as 0.976"),
    ]
    low: Annotated[
        Share | None,
        Field(description="The 5th percentile of the recall when frames are drawn anew; the recall if left out."),
        Allowed("a share from 0 to 1, such as 0.968, or leave it out"),
    ] = None
    cost: Annotated[
        Positive,
        Field(description="What a frame took of the machine, relative to a full frame."),
        Allowed("a number above 0, such as 0.45"),
    ]
    frames: Annotated[
        int,
        Field(ge=1, description="How many frames that rests on."),
        Allowed("a whole number of 1 or more"),
    ]

    def value(self) -> Evaluated:
        """As the fleet knows it."""
        return Evaluated(self.policy, self.recall, self.recall if self.low is None else self.low, self.cost, self.frames)
