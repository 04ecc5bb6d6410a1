"""`scene://night?seed=1&size=768x576&fps=10&people=5&seconds=60`: a drawn scene as a camera."""

from __future__ import annotations

from functools import partial

from camslice.video.feed import Decoded, Feed, PacketTime, SourceEndedError
from camslice.video.scene.conditions import Behaviour, Conditions
from camslice.video.scene.scene import Scene
from camslice.video.sources.request import SourceRequest
from camslice.video.sources.scene_query import SceneQuery

_DEFAULT_FPS = 10.0
_MOST_PEOPLE, _MOST_GROUPS, _MOST_SHAKE, _MOST_FLAKES, _MOST_SEED = 100, 10, 64, 5000, 2**63


def open_scene(request: SourceRequest) -> Feed:
    """Draw the scene that the address describes. SourceError naming what is wrong in it."""
    query = SceneQuery(request.address, request.shown)
    fps = query.number("fps", max(_DEFAULT_FPS, request.spec.fps))
    seconds = query.number_or_none("seconds", None)
    scene = scene_of(query, fps)
    return SceneFeed(scene, seconds, loop=request.loop)


def scene_of(query: SceneQuery, fps: float) -> Scene:
    """The scene of an address. SourceError naming what is wrong in it."""
    usual = query.usual
    people, light = usual.behaviour, usual.conditions
    return Scene(
        query.whole("seed", 1, _MOST_SEED),
        query.size(),
        people=query.whole("people", usual.people, _MOST_PEOPLE),
        fps=fps,
        behaviour=Behaviour(
            scale=query.number("scale", people.scale, 3.0),
            speed=query.number("speed", people.speed, 10.0),
            stop_s=query.number("stop", people.stop_s, zero=True),
            groups=query.whole("groups", people.groups, _MOST_GROUPS),
            enter_s=query.number_or_none("enter", people.enter_s),
        ),
        conditions=Conditions(
            light=query.number("light", light.light, 1.0),
            noise=query.number("noise", light.noise, 64.0, zero=True),
            flicker=query.number("flicker", light.flicker, 1.0, zero=True),
            shake=query.whole("shake", light.shake, _MOST_SHAKE),
            snow=query.whole("snow", light.snow, _MOST_FLAKES),
            lights_at_s=query.number_or_none("lights", light.lights_at_s),
        ),
    )


class SceneFeed:
    """Frames of a scene, drawn only when they are due. Without `seconds` it has no end."""

    live = False

    def __init__(self, scene: Scene, seconds: float | None, *, loop: bool) -> None:
        self._scene = scene
        self._frames = None if seconds is None else max(1, round(seconds * scene.fps))
        self._loop = loop
        self._next = 0
        self.nominal_fps: float | None = scene.fps

    def advance(self) -> PacketTime:
        """Go to the next frame."""
        if self._frames is not None and not self._loop and self._next >= self._frames:
            raise SourceEndedError
        self._next += 1
        return PacketTime((self._next - 1) / self._scene.fps, None)

    def decode(self) -> list[Decoded]:
        """The frame, yet to be drawn."""
        number = self._next - 1
        in_scene = number if self._frames is None else number % self._frames
        return [Decoded(number / self._scene.fps, partial(self._scene.picture, in_scene))]

    def close(self) -> None:
        """Nothing is held open."""
