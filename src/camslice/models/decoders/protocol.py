"""The one thing every output decoder does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from camslice.models.detections import Detections


class OutputDecoder(Protocol):
    """Reads the detections of one picture out of a batch's output tensors. Safe to call from several threads."""

    def __call__(self, outputs: Sequence[npt.NDArray[np.float32]], index: int) -> Detections:
        """Return picture `index`'s detections, boxes in **input** pixels, by falling confidence.

        `outputs` are the model's tensors, batch first (float16 will do); what is returned shares no memory with them.
        """
        ...
