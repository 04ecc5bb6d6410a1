"""`scene://people?seed=1&size=768x576&fps=10&people=5&seconds=60`: a drawn scene as a camera."""

from __future__ import annotations

from functools import partial
from urllib.parse import parse_qsl, urlsplit

from camslice.fleet.errors import SourceError
from camslice.video.feed import Decoded, Feed, PacketTime, SourceEndedError
from camslice.video.scene.scene import Scene
from camslice.video.sources.request import SourceRequest

NAMES = {"people": 5, "empty": 0}
"""The scenes there are, and how many people walk in each unless `people=` says otherwise."""
_KEYS = ("fps", "people", "seconds", "seed", "size")
_DEFAULT_FPS = 10.0
_MIN_SIDE, _MAX_SIDE = 64, 4096
_MAX_DIGITS = 20
"""Of a whole number: Python raises at thousands of them."""


def open_scene(request: SourceRequest) -> Feed:
    """Draw the scene that the address describes. SourceError naming what is wrong in it."""
    query = _Query(request.address, request.shown)
    people = query.whole("people", NAMES[query.name], 100)
    fps = query.number("fps", max(_DEFAULT_FPS, request.spec.fps))
    seconds = query.number("seconds", 0.0) if query.says("seconds") else None
    scene = Scene(query.whole("seed", 1, 2**63), query.size(), people=people, fps=fps)
    return SceneFeed(scene, seconds, loop=request.loop)


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


class _Query:
    """What a scene's address says. Every method raises SourceError naming the key, its value and what is allowed.

    Messages are made of `shown` alone: what the address has from the environment may be a secret.
    """

    def __init__(self, address: str, shown: str) -> None:
        parts, shown_parts = urlsplit(address), urlsplit(shown)
        self._shown = shown
        self._shown_values = dict(parse_qsl(shown_parts.query, keep_blank_values=True))
        self._values = dict(parse_qsl(parts.query, keep_blank_values=True))
        self.name = parts.netloc
        if self.name not in NAMES:
            raise SourceError(f"{shown}: there is no scene {shown_parts.netloc!r}; there are {', '.join(NAMES)}")
        for key in self._values:
            if key not in _KEYS:
                raise SourceError(f"{shown}: a scene knows no {self._named(key)!r}; it knows {', '.join(_KEYS)}")

    def says(self, key: str) -> bool:
        return key in self._values

    def whole(self, key: str, default: int, most: int) -> int:
        text = self._values.get(key, str(default))
        if not _is_whole(text) or int(text) > most:
            raise SourceError(f"{self._shown}: {self._said(key)} must be a whole number from 0 to {most}")
        return int(text)

    def number(self, key: str, default: float) -> float:
        text = self._values.get(key, str(default))
        try:
            number = float(text)
        except ValueError:
            number = -1.0
        if not 0 < number < 1e6:
            raise SourceError(f"{self._shown}: {self._said(key)} must be a number above 0")
        return number

    def size(self) -> tuple[int, int]:
        text = self._values.get("size", "768x576")
        width, _, height = text.partition("x")
        if _is_whole(width) and _is_whole(height):
            sides = int(width), int(height)
            if all(_MIN_SIDE <= side <= _MAX_SIDE and side % 2 == 0 for side in sides):
                return sides
        allowed = f"WIDTHxHEIGHT, both even and from {_MIN_SIDE} to {_MAX_SIDE}"
        raise SourceError(f"{self._shown}: {self._said('size')} must be {allowed}")

    def _named(self, key: str) -> str:
        return key if key in self._shown_values else "***"

    def _said(self, key: str) -> str:
        return f"{key}={self._shown_values.get(key, '***')}"


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS
