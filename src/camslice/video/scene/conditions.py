"""What makes a scene hard: light, weather, a camera that is not fixed well."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Conditions:
    """Each is off by default. Times in seconds from the scene's beginning.

    `light`: the share of daylight there is, above 0 to 1. `noise`: standard deviation of the sensor's noise in grey levels.
    `flicker`: by what share lamps on mains make the picture brighter and darker, in bands as a rolling shutter sees them.
    `shake`: how many pixels the picture goes to each side in a gust of wind; there is one every 15 s.
    `snow`: flakes in the picture. `lights_at_s`: when lights are switched on that were off until then.
    """

    light: float = 1.0
    noise: float = 0.0
    flicker: float = 0.0
    shake: int = 0
    snow: int = 0
    lights_at_s: float | None = None


FAIR = Conditions()
"""Nothing makes it hard."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How people behave.

    `scale`: their size beside the usual 12 to 38 % of the picture's height. `speed`: beside the usual 0.5 to 0.9 of their
    own height a second. `stop_s`: for how long each of them stands after every 8 s of walking. `groups`: 0, or in so many
    groups they walk, each the other way than the one before. `enter_s`: when they come in, by the picture's left side; None:
    they are there from the beginning.
    """

    scale: float = 1.0
    speed: float = 1.0
    stop_s: float = 0.0
    groups: int = 0
    enter_s: float | None = None


USUAL = Behaviour()
"""People walk to and fro."""
