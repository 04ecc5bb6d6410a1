"""What one look at a frame has shown."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

Cells = npt.NDArray[np.bool_]


class Disturbance(StrEnum):
    """Why the whole frame must be looked at."""

    START = "start"
    """The first frame, the first one after a reconnect, or one of another size."""
    CUT = "cut"
    """The picture has nothing to do with the one before."""
    LIGHT = "light"
    """Lights were switched on or off, or the camera changed its exposure at one go."""
    SHAKE = "shake"
    """The camera moves: it shakes, pans, tilts or zooms."""


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """What changed in one frame of a camera.

    `cells` bool [ROWS, COLUMNS]: each covers an equal share of the frame, True where something moved or stands that was not
    there before. With a `disturbance` nothing is known to be still, and all cells but the masked ones are True.
    `still`: those of `cells` that stand there and have not moved for `stillness.SETTLED_S`, None where there are none.
    `luma` uint8 [h, w] is the small picture that was looked at, None where there is none to be had.
    """

    cells: Cells
    disturbance: Disturbance | None = None
    luma: npt.NDArray[np.uint8] | None = None
    still: Cells | None = None
