"""A worker process that shares an engine: asks for the answer to one grey picture again and again, and says what it hears.

It prints `connected`, then the answer's mean (its own luma, if all is well) for each picture, or `away` while
there is no engine.

python -m tests.slot_worker ADDRESS LUMA
"""

from __future__ import annotations

import os
import sys
import threading

from camslice.engine.protocol import Batch, InferenceTimes, Outputs
from camslice.engine.slotted.client import SlotEngine
from camslice.fleet.errors import EngineAwayError
from camslice.fleet.geometry import Region
from camslice.video.slot import I420Slot
from tests.unit.engine.slotted.sharing import model
from tests.unit.engine.tiny_models import SIDE

LOOK_AGAIN_S = 0.05


def main(address: str, luma: str) -> None:
    engine = SlotEngine(address, "tiny", model(), 2)
    free = threading.Event()
    running: set[Batch] = set()
    engine.on_free(free.set)
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    print("connected", flush=True)

    def tell(batch: Batch, outputs: Outputs, times: InferenceTimes, error: Exception | None) -> None:
        print("away" if isinstance(error, EngineAwayError) else error or round(float(outputs[0][0, 0])), flush=True)
        running.discard(batch)
        batch.release()

    while True:
        batch = engine.acquire()
        if batch is None:
            if not running:
                print("away", flush=True)
            free.wait(LOOK_AGAIN_S)
            free.clear()
            continue
        slot = batch.slot_for(0, engine.fit(Region(0, 0, SIDE, SIDE)))
        assert isinstance(slot, I420Slot)
        slot.y[:], slot.u[:], slot.v[:] = int(luma), 128, 128
        slot.colour[:] = [[1, 0, 0, 0]] * 3
        running.add(batch)
        try:
            batch.start(1, tell)
        except EngineAwayError:
            print("away", flush=True)
            running.discard(batch)
            batch.release()


def _leave_with_parent() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
