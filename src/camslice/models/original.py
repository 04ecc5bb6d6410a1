"""What importing needs of the program that weights come from."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from camslice.models.detections import Detections
from camslice.models.model import ModelInfo

CONFIDENCE = 0.2
NMS_IOU = 0.5

Picture = npt.NDArray[np.uint8]
"""A picture [height, width, 3], BGR."""


class Original(Protocol):
    """The weights in the program that they come from."""

    def export(self, into: Path, size: int | None) -> Path:
        """Write them as ONNX with dynamic batch and size into the folder; return the file."""
        ...

    def detect(self, picture: Picture, info: ModelInfo) -> Detections:
        """The program's own detections at `CONFIDENCE` and `NMS_IOU`, boxes in pixels of the picture."""
        ...

    def samples(self) -> Path:
        """A folder of pictures that come with the program."""
        ...
