"""What Ultralytics is told before it is imported: to install nothing, ask no server, and keep out of the user's home.

It reads environment variables when it is imported, so this must come first. It imports nothing itself.
"""

from __future__ import annotations

import os
from pathlib import Path

INSTALL_IT = (
    "the package is AGPL-3.0 and brings PyTorch, so best give it an environment of its own: pip install 'camslice[ultralytics]'"
)
SAFE_LOAD = "ULTRALYTICS_SAFE_LOAD"


def confine_ultralytics(settings: Path) -> None:
    """Have Ultralytics keep its settings in the folder `settings`, say only what goes wrong, and reach for nothing else.

    A checkpoint is loaded as plain data where the version at hand can do that, unless the user has said otherwise.
    """
    os.environ.update(YOLO_AUTOINSTALL="false", YOLO_OFFLINE="true", YOLO_CONFIG_DIR=str(settings), YOLO_VERBOSE="false")
    os.environ.setdefault(SAFE_LOAD, "true")
