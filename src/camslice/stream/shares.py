"""Whose a device's time is: what a batch took, shared by what lay in it.

A stage clock says how long a frame waited for its answer, and each frame on a canvas waited for the whole canvas. What a frame
*used* of the device is another record, and adds up to the device's busy time: every slot of a batch takes as much of it as any
other, a full frame takes its slot, and regions share their canvas by what they take of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_SLOT = 1 << 64
"""The weight of a slot: so finely it can be shared."""


def shared(busy_ns: int, slots: Sequence[Sequence[tuple[int, int]]]) -> dict[int, int]:
    """What of `busy_ns` falls to each row of the ledger; of each slot, `slots` has the row and the area of what lies in it.

    Not a nanosecond is lost or counted twice, and nobody is off by as much as one.
    """
    weights: dict[int, int] = {}
    for pieces in slots:
        area = sum(each for _, each in pieces)
        for row, each in pieces:
            weights[row] = weights.get(row, 0) + _SLOT * each // area
    return _apportioned(busy_ns, weights)


def _apportioned(total: int, weights: Mapping[int, int]) -> dict[int, int]:
    """What is left over goes to the largest remainders; of two that are alike, to the lower row."""
    whole = sum(weights.values())
    shares = {row: total * weight // whole for row, weight in weights.items()}
    left = total - sum(shares.values())
    if left:
        for row in sorted(weights, key=lambda row: (-(total * weights[row] % whole), row))[:left]:
            shares[row] += 1
    return shares
