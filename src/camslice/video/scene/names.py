"""The scenes that can be asked for by name: each is what its keys say, unless the address says otherwise."""

from __future__ import annotations

from dataclasses import dataclass

from camslice.video.scene.conditions import FAIR, USUAL, Behaviour, Conditions

_SENSOR_NOISE = 1.5
"""Grey levels that a camera's sensor strays by in daylight."""
_DAY = Conditions(noise=_SENSOR_NOISE)


@dataclass(frozen=True, slots=True)
class Manner:
    """How many people there are, how they behave, and under what conditions."""

    people: int
    behaviour: Behaviour = USUAL
    conditions: Conditions = FAIR


SCENES = {
    "people": Manner(5),
    "empty": Manner(0),
    "night": Manner(4, conditions=Conditions(light=0.3, noise=5.0)),
    "flicker": Manner(4, conditions=Conditions(noise=_SENSOR_NOISE, flicker=0.12)),
    "slow": Manner(4, Behaviour(speed=0.08), _DAY),
    "stopping": Manner(4, Behaviour(stop_s=150.0), _DAY),
    "tiny": Manner(6, Behaviour(scale=0.3), _DAY),
    "crossing": Manner(8, Behaviour(groups=2), _DAY),
    "shake": Manner(4, conditions=Conditions(noise=_SENSOR_NOISE, shake=8)),
    "snow": Manner(4, conditions=Conditions(noise=_SENSOR_NOISE, snow=400)),
    "lights": Manner(4, conditions=Conditions(noise=_SENSOR_NOISE, lights_at_s=20.0)),
    "entering": Manner(1, Behaviour(enter_s=30.0), _DAY),
}
