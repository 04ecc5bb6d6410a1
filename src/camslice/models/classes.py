"""Finding classes by name."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from camslice.fleet.errors import ModelError


def class_ids(model: str, labels: Sequence[str], classes: Sequence[str]) -> tuple[int, ...]:
    """The ids of the named classes, ascending. Raises ModelError that says the nearest known class."""
    unknown = [name for name in classes if name not in labels]
    if unknown:
        nearest = difflib.get_close_matches(unknown[0], labels, n=1)
        hint = f"did you mean {nearest[0]!r}?" if nearest else f"it knows {_some(labels)}."
        raise ModelError(f"model {model} knows no class {unknown[0]!r}; {hint}")
    return tuple(index for index, label in enumerate(labels) if label in classes)


def _some(labels: Sequence[str], most: int = 8) -> str:
    rest = f" and {len(labels) - most} more" if len(labels) > most else ""
    return ", ".join(labels[:most]) + rest
