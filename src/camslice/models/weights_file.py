"""What a weights file says of itself, whatever its format: shapes, and the metadata that exporters leave in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

Shape = tuple[int | None, ...]
"""Dimensions of a tensor, None where the file leaves them open."""


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """Shapes of the only input and of the outputs, metadata by key, and the files that make up the model."""

    path: Path
    files: tuple[Path, ...]
    input: Shape
    outputs: tuple[Shape, ...]
    metadata: Mapping[str, str]


def shape_words(shape: Shape) -> str:
    """The shape for people: `[?, 84, 8400]`."""
    return f"[{', '.join('?' if size is None else str(size) for size in shape)}]"
