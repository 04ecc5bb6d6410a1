"""NAME=MODEL: what clients of `serve` are to call a model, whatever it is called here."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NAMED = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)=(?P<model>.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Called:
    """A model as it was written; `name` None where it keeps its own."""

    name: str | None
    model: str


def called(text: str) -> Called:
    """A path may hold an equals sign, but only after a slash: `./a=b.onnx` is a path, `a=b.onnx` is b.onnx called a."""
    found = _NAMED.fullmatch(text)
    return Called(None, text) if found is None else Called(found["name"], found["model"])
