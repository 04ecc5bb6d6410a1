"""The one OpenVINO core of a process."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from camslice.engine.telemetry import switch_off_telemetry

if TYPE_CHECKING:
    import openvino as ov

_lock = threading.Lock()
_kept: list[ov.Core] = []


def openvino_core() -> ov.Core:
    """The core with which every model is loaded. It lives as long as the process.

    With a core of its own for each model, the next signal (a Ctrl-C, a SIGTERM) can kill a process that has unloaded one:
    OpenVINO's CPU plugin gives the thread that loads it a stack for signal handlers, and takes that memory back with
    the core, in another thread or after a second core has remembered it as the stack to go back to.
    """
    switch_off_telemetry()
    import openvino as ov

    with _lock:
        if not _kept:
            _kept.append(ov.Core())
        return _kept[0]
