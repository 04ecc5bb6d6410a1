"""How cards can be cut into partitions (NVIDIA MIG)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

import yaml

from camslice.plan.catalogue.instance_type import MigProfile

_MB_PER_GIB = 1073.741824
_TOLERANCE = 0.1


@dataclass(frozen=True, slots=True)
class _Card:
    name: str
    memory_mb: float
    slices: int
    memory_parts: int
    partitions: tuple[tuple[str, int, int, int], ...]


def mig_profiles(card: str, memory_mb: float) -> tuple[MigProfile, ...]:
    """The partitions of a whole card of that name and memory (MB, to within 10 %); none if it cannot be cut or is not known."""
    for known in _cards():
        if known.name == card and abs(memory_mb / known.memory_mb - 1) <= _TOLERANCE:
            return tuple(
                MigProfile(name, count, slices, known.slices, round(memory_mb * parts / known.memory_parts))
                for name, count, slices, parts in known.partitions
            )
    return ()


@cache
def _cards() -> tuple[_Card, ...]:
    text = resources.files("camslice.plan.catalogue").joinpath("mig_profiles.yaml").read_text("utf-8")
    return tuple(
        _Card(
            entry["card"],
            entry["memory_gib"] * _MB_PER_GIB,
            entry["slices"],
            entry["memory_parts"],
            tuple((str(name), count, slices, parts) for name, count, slices, parts in entry["partitions"]),
        )
        for entry in yaml.safe_load(text)
    )
