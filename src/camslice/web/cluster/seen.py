"""What the page knows of the cluster: its objects, as values, behind one small interface."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from camslice.fleet.types import Objective
from camslice.web.view import Condition


@dataclass(frozen=True, slots=True)
class FleetSeen:
    """A CameraFleet. `models` maps names to weights; dollars are per month, None where nobody says."""

    name: str
    namespace: str
    uid: str
    objective: Objective
    models: Mapping[str, str]
    conditions: tuple[Condition, ...] = ()
    usd_per_month: float | None = None
    usd_per_camera_month: float | None = None


@dataclass(frozen=True, slots=True)
class CameraSeen:
    """A Camera. `source` is redacted; `shards` maps models to the shard that its status names; `state` as the operator says."""

    name: str
    fleet: str
    source: str
    fps: float
    models: tuple[str, ...]
    state: str = ""
    reason: str = ""
    shards: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PodSeen:
    """A camera pod of a fleet. `address` is its own in the cluster, '' while it has none; `reason` why it does not run.

    `owner`: the uid of the CameraFleet that owns it.
    """

    name: str
    uid: str
    fleet: str
    shard: str
    address: str
    ready: bool
    reason: str = ""
    owner: str = ""


@dataclass(frozen=True, slots=True)
class ClusterLook:
    """Everything at one instant. `problem`: why this is old, in one sentence, or None."""

    namespace: str
    fleets: tuple[FleetSeen, ...] = ()
    cameras: tuple[CameraSeen, ...] = ()
    pods: tuple[PodSeen, ...] = ()
    problem: str | None = None


class Cluster(Protocol):
    """Who looks at the cluster. Thread-safe."""

    def look(self) -> ClusterLook:
        """What is known now. Returns at once."""
        ...

    def close(self) -> None:
        """Look no more."""
        ...
