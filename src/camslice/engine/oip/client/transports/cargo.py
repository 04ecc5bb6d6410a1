"""What one batch carries to the server, whatever the way."""

from __future__ import annotations

from typing import Protocol

from camslice.engine.oip.messages import Tensor
from camslice.engine.slots import SlotArrays


class Cargo(Protocol):
    """The slots of one batch, and the request's inputs made from them. Owned by the batch, used by one borrower at a time."""

    arrays: SlotArrays

    def inputs(self, count: int) -> tuple[Tensor, ...]:
        """The inputs for the first `count` slots, valid until the slots are written to again.

        Their names, types, shapes and places in shared memory depend on `count` alone.
        """
        ...
