"""What a scene's address says, key by key."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from camslice.fleet.errors import SourceError
from camslice.video.scene.names import SCENES, Manner

KEYS = (
    *("enter", "flicker", "fps", "groups", "light", "lights", "noise", "people", "scale", "seconds", "seed", "shake", "size"),
    *("snow", "speed", "stop"),
)
_MIN_SIDE, _MAX_SIDE = 64, 4096
_MAX_DIGITS = 20
"""Of a whole number: Python raises at thousands of them."""
_MOST_NUMBER = 1e6


class SceneQuery:
    """What a scene's address says. Every method raises SourceError naming the key, its value and what is allowed.

    Messages are made of `shown` alone: what the address has from the environment may be a secret.
    """

    def __init__(self, address: str, shown: str) -> None:
        parts, shown_parts = urlsplit(address), urlsplit(shown)
        self._shown = shown
        self._shown_values = dict(parse_qsl(shown_parts.query, keep_blank_values=True))
        self._values = dict(parse_qsl(parts.query, keep_blank_values=True))
        self.name = parts.netloc
        if self.name not in SCENES:
            raise SourceError(f"{shown}: there is no scene {shown_parts.netloc!r}; there are {', '.join(SCENES)}")
        for key in self._values:
            if key not in KEYS:
                raise SourceError(f"{shown}: a scene knows no {self._named(key)!r}; it knows {', '.join(KEYS)}")

    @property
    def usual(self) -> Manner:
        """What holds unless a key says otherwise."""
        return SCENES[self.name]

    def whole(self, key: str, default: int, most: int) -> int:
        """A whole number from 0 to `most`."""
        text = self._values.get(key, str(default))
        if not _is_whole(text) or int(text) > most:
            raise SourceError(f"{self._shown}: {self._said(key)} must be a whole number from 0 to {most}")
        return int(text)

    def number(self, key: str, default: float, most: float = _MOST_NUMBER, *, zero: bool = False) -> float:
        """A number above 0 to `most`; `zero`: or 0."""
        text = self._values.get(key, str(default))
        try:
            number = float(text)
        except ValueError:
            number = -1.0
        if not (0 < number <= most or (zero and number == 0)):
            allowed = "0 or above" if zero else "above 0"
            limit = "" if most == _MOST_NUMBER else f", at most {most:g}"
            raise SourceError(f"{self._shown}: {self._said(key)} must be a number {allowed}{limit}")
        return number

    def number_or_none(self, key: str, default: float | None) -> float | None:
        """A number above 0, or `default` where the address does not say."""
        return self.number(key, 0.0) if key in self._values else default

    def size(self) -> tuple[int, int]:
        """Width and height of the picture."""
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
