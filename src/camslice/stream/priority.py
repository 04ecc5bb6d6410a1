"""Which threads of a process come first when the processor is short."""

from __future__ import annotations

import os
import sys
import threading

_NICE = 10
"""The kernel gives such a thread a tenth of what it gives a usual one beside it, and all that others leave."""


def come_after_others() -> None:
    """The calling thread, and every thread that it starts from now on, gets the processor when others leave it.

    For whoever loads engines: inference takes all that there is, and what decides whether a frame is worth an inference
    (decoding, the gate, packing) must not wait behind it. Without this a machine at its limit packs its canvases half empty,
    because frames come to them too late to wait for company, and so needs more of them. Linux alone knows a thread's own
    priority; elsewhere nothing happens.
    """
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
