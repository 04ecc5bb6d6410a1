"""The streams of a fleet, sorted into classes that are alike: a plan of ten thousand cameras has a few dozen of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from camslice.fleet.errors import PlanError
from camslice.fleet.types import CameraSpec, Fleet, Objective, StreamFormat, StreamKey
from camslice.plan.plan import PlannedClass

_NAMED = 5
"""How many cameras a sentence names at the most."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What a fleet asks for: classes in order of appearance, and the streams of each by the class's name."""

    classes: tuple[PlannedClass, ...]
    streams: Mapping[str, tuple[StreamKey, ...]]
    cameras: int
    kbps: float
    """Of all cameras together."""


_Alike = tuple[str, float, StreamFormat, Objective]


def demand_of(fleet: Fleet) -> Demand:
    """Sort the streams of a fleet. Raises PlanError when a camera does not say what it sends, or when there is none."""
    if not fleet.cameras:
        raise PlanError("cameras: there is none, so there is nothing to plan; declare cameras (`count:` multiplies one).")
    silent = [camera.name for camera in fleet.cameras if camera.stream is None]
    if silent:
        named = ", ".join(silent[:_NAMED]) + (f" and {len(silent) - _NAMED} more" if len(silent) > _NAMED else "")
        raise PlanError(
            f"cameras: {named} without `stream`, and a plan does not guess what a camera sends; add "
            "`stream: {width, height, fps, codec, kbps}`, or have `camslice probe` fill it in."
        )
    alike: dict[_Alike, list[StreamKey]] = {}
    for camera in fleet.cameras:
        for model in camera.models:
            alike.setdefault((model, camera.fps, _format(camera), camera.objective or fleet.objective), []).append(
                StreamKey(camera.name, model)
            )
    names = _names(list(alike))
    return Demand(
        tuple(
            PlannedClass(name, model, fps, format_, objective, len(streams))
            for name, ((model, fps, format_, objective), streams) in zip(names, alike.items(), strict=True)
        ),
        {name: tuple(streams) for name, streams in zip(names, alike.values(), strict=True)},
        len(fleet.cameras),
        sum(_format(camera).kbps for camera in fleet.cameras),
    )


def _format(camera: CameraSpec) -> StreamFormat:
    if camera.stream is None:
        raise PlanError(f"cameras: {camera.name} without `stream`.")
    return camera.stream


def _names(alike: list[_Alike]) -> list[str]:
    """MODEL at so many frames/s, numbered where that does not tell two classes apart."""
    plain = [f"{model}@{fps:g}" for model, fps, _, _ in alike]
    return [name if plain.count(name) == 1 else f"{name}#{plain[:index].count(name) + 1}" for index, name in enumerate(plain)]
