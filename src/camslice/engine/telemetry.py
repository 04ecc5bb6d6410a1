"""Usage reports of the libraries we stand on: off, unless the user asks for them.

OpenVINO's Python package starts a thread and forks a process that calls home as soon as it is imported, and writes an
identifier into the user's home. It has no setting against that; it does without when its package `openvino_telemetry` is
not there, so that is what we make it see. ONNX Runtime's uploader is native code and reads one environment variable when it
is loaded. Both must be told *before* their first import, so importing camslice tells them.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import cast

OPENVINO_REPORTER = "openvino_telemetry"
ONNXRUNTIME_SWITCH = "ORT_DISABLE_TELEMETRY"


def switch_off_telemetry() -> None:
    """Keep OpenVINO and ONNX Runtime from reporting. Cheap, imports nothing, may be called any number of times.

    A user's own `ORT_DISABLE_TELEMETRY` is left as it is, and so is a reporter that the program around us has loaded itself.
    """
    os.environ.setdefault(ONNXRUNTIME_SWITCH, "1")
    modules = cast("dict[str, ModuleType | None]", sys.modules)  # None there makes the import system raise ImportError
    modules.setdefault(OPENVINO_REPORTER, None)
