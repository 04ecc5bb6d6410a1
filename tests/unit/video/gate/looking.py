"""Lets a gate look at pictures, and compares what it says with where people are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from camslice.video.frame import Picture
from camslice.video.gate.gate import Gate
from camslice.video.gate.sight import Cells, Disturbance, Sight
from camslice.video.scene.names import SCENES
from camslice.video.scene.scene import Scene

SIZE = (768, 576)
FPS = 5.0


def scene(name: str, seed: int = 1, *, people: int | None = None) -> Scene:
    """A scene as `scene://NAME` draws it, at five frames a second."""
    manner = SCENES[name]
    count = manner.people if people is None else people
    return Scene(seed, SIZE, people=count, fps=FPS, behaviour=manner.behaviour, conditions=manner.conditions)


def looks(pictures: Iterable[Picture], gate: Gate | None = None) -> Iterator[Sight]:
    """What a gate says of each picture."""
    gate = gate or Gate()
    for k, picture in enumerate(pictures):
        yield gate.look(picture, 100 + k / FPS)


def sights(drawn: Scene, frames: int, gate: Gate | None = None) -> list[Sight]:
    """What a gate says of the first frames of a scene."""
    return list(looks((drawn.picture(k) for k in range(frames)), gate))


def disturbances(seen: Iterable[Sight]) -> list[tuple[int, Disturbance]]:
    """Which looks were disturbed, and by what."""
    return [(k, sight.disturbance) for k, sight in enumerate(seen) if sight.disturbance is not None]


def inside(cells: Cells, box: npt.NDArray[np.generic], size: tuple[int, int] = SIZE) -> Cells:
    """The cells that a box x1, y1, x2, y2 in pixels touches."""
    rows, columns = cells.shape
    scale = np.array([columns / size[0], rows / size[1]] * 2)
    left, top, right, bottom = np.asarray(box, float) * scale
    return cells[int(top) : int(np.ceil(bottom)), int(left) : int(np.ceil(right))]
