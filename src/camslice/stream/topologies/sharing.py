"""What a topology decides, and nothing else: which processes there are, and which of them carries which camera.

What happens to a frame inside a pod is the same in all of them; a pod only learns how many threads its engine may have, what
stands in its environment, and whether the engine is its own or lives in an engine process beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from camslice.fleet.types import CameraSpec


@dataclass(frozen=True, slots=True)
class Threads:
    """The cores that engines share, and how many threads each of them may start at most (None: its share)."""

    cores: int
    each: int | None = None

    def share(self, pods: int = 1) -> int:
        """Threads of each of so many engines."""
        return self.each or max(1, self.cores // max(1, pods))


class Door(StrEnum):
    """How pods reach an engine process."""

    SLOTS = "slots"
    """Through slots in shared memory: nothing of a picture crosses a wire."""
    OIP = "oip"
    """By the Open Inference Protocol over gRPC."""


@dataclass(frozen=True, slots=True)
class PodPlan:
    """What a pod is started with. `threads` is for its engine; `streams` is the most it will carry, None for any number."""

    threads: int
    streams: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Placement:
    """The pods that are to run, by number, and the pod of each camera."""

    pods: tuple[int, ...]
    pod_of: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class EnginePlan:
    """An engine process beside the pods: how they reach it, and the threads of its engines."""

    door: Door
    threads: int


class Sharing(Protocol):
    """One topology on this machine."""

    @property
    def engine(self) -> EnginePlan | None:
        """The engine process, None when each pod has its own engine."""
        ...

    def place(self, cameras: Sequence[CameraSpec], before: Mapping[str, int]) -> Placement:
        """Where each camera goes. One that has a pod in `before` stays there. Raises FleetError when they do not fit."""
        ...

    def pod(self, number: int, pods: int) -> PodPlan:
        """What pod `number` of so many is started with."""
        ...
