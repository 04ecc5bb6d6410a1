"""A plan: what to rent, where each stream goes, what latency to expect, what it costs, and why nothing else was chosen.

Times in ms, memory in MB (10^6 bytes), money in US dollars.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from camslice.fleet.figures import Figure, Provenance, Strict
from camslice.fleet.profile import Activity
from camslice.fleet.types import Objective, StreamFormat, Topology
from camslice.plan.catalogue.instance_type import Purchase

UTILISATION = ("cpu", "accelerator", "memory", "accelerator_memory", "pods")
"""The resources whose share in use a plan states, in this order."""


@dataclass(frozen=True, slots=True)
class Latency(Strict):
    """A *latency* of the command line, in ms, of `n` simulated frames."""

    n: int
    mean: float
    p50: float
    p95: float
    p99: float
    max: float


@dataclass(frozen=True, slots=True)
class PlannedClass(Strict):
    """Streams that are alike. `fps` frames per second of each are analysed; `format` is what the camera sends."""

    name: str
    model: str
    fps: float
    format: StreamFormat
    objective: Objective
    streams: int


@dataclass(frozen=True, slots=True)
class PlannedPod(Strict):
    """`count` pods on each node of a shape, alike. `cpu_m` (thousandths of a vCPU) and `memory_mb` are what one asks for;
    `shares`: of how many shares of accelerators it takes one (0: of none). `contents`: its streams by class."""

    model: str
    count: int
    streams_per_pod: int
    cpu_m: int
    memory_mb: float
    shares: int
    contents: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Predicted(Strict):
    """What a simulation of one node says. `p_all_ms`: the objective's percentile over all frames, a dropped one counting as
    infinitely late (None: infinite). `low` and `high`: its range over the values that fitted figures may have."""

    latency: Latency
    p_all_ms: float | None
    drop_rate: float
    seconds: float
    seed: int
    low_ms: float | None = None
    high_ms: float | None = None


@dataclass(frozen=True, slots=True)
class PlannedNode(Strict):
    """`count` nodes of one shape: the same instance type, topology and contents (streams by class).

    `placements`: for each node the streams on it, as CAMERA/MODEL. `usd_per_hour` of one node alone. `policies`: how much of a
    frame is looked at, by model; full frames where none is named.
    """

    shape: str
    instance_type: str
    region: str
    purchase: Purchase
    count: int
    topology: Topology
    streams_per_pod: int
    usd_per_hour: float
    contents: Mapping[str, int]
    pods: tuple[PlannedPod, ...]
    placements: tuple[tuple[str, ...], ...]
    predicted: Predicted
    binding_constraint: str
    utilisation: Mapping[str, float]
    policies: Mapping[str, str] = field(default_factory=dict)

    @property
    def streams_per_node(self) -> int:
        """How many streams one node carries."""
        return sum(self.contents.values())


@dataclass(frozen=True, slots=True)
class SpareNode(Strict):
    """Nodes that stand by, empty, each able to take over any one of the others."""

    instance_type: str
    region: str
    purchase: Purchase
    count: int
    usd_per_hour: float


@dataclass(frozen=True, slots=True)
class Rejected(Strict):
    """An alternative that was not chosen, and why."""

    instance_type: str
    topology: Topology
    reason: str


@dataclass(frozen=True, slots=True)
class FrontierPoint(Strict):
    """The cheapest fleet of one instance type, topology and policy: dollars per camera and month against latency and
    recall, of several models the lowest."""

    usd_per_camera_month: float
    p95: float
    topology: Topology
    instance_type: str
    recall: float = 1.0
    policy: str = "full"


@dataclass(frozen=True, slots=True)
class UsedProfile(Strict):
    """A profile that the plan rests on. `where`: its name or path as given; `sha256` of what it said."""

    model: str
    machine: str
    provenance: Provenance
    where: str
    sha256: str
    scale: float | None = None


@dataclass(frozen=True, slots=True)
class PlannedPolicy(Strict):
    """How much of a model's frames is looked at, what that keeps, and how busy the cameras are taken to be: as on the clips on
    which it was measured. `where`: the profile that says so."""

    model: str
    policy: str
    recall: Figure
    inferences_per_frame: Figure
    activity: Activity
    where: str


@dataclass(frozen=True, slots=True)
class Saving(Strict):
    """What rests on `policies`: the plan at full frames would cost so much (None: there is none at any price), and so large a
    share of that is saved."""

    usd_per_month_at_full_frames: float | None = None
    share: float | None = None


@dataclass(frozen=True, slots=True)
class CostLine(Strict):
    """What one thing costs in a month."""

    what: str
    usd_per_month: float


@dataclass(frozen=True, slots=True)
class FleetFile(Strict):
    """The fleet file that was planned. `path` begins at the plan's own folder; `sha256` of what it said."""

    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Plan(Strict):
    """The cheapest fleet found, checked by simulation.

    `usd_per_month` is everything, `nodes_only` the nodes alone; the objective's dollars are judged on the former.
    `remarks`: what a reader must know first (figures that are fitted or assumed, ranges, limits that cost something).
    """

    feasible: bool
    cameras: int
    usd_per_month: float
    usd_per_camera_month: float
    usd_per_month_nodes_only: float
    usd_per_camera_month_nodes_only: float
    lower_bound_usd_per_month: float
    optimal: bool
    solver: str
    hours_per_month: float
    objective: Objective
    classes: tuple[PlannedClass, ...]
    nodes: tuple[PlannedNode, ...]
    spares: tuple[SpareNode, ...]
    lines: tuple[CostLine, ...]
    profiles: tuple[UsedProfile, ...]
    rejected: tuple[Rejected, ...]
    frontier: tuple[FrontierPoint, ...] = ()
    remarks: tuple[str, ...] = ()
    catalogue: Mapping[str, str] = field(default_factory=dict)
    fleet: FleetFile | None = None
    policies: tuple[PlannedPolicy, ...] = ()
    """Where less than full frames is analysed."""
    saving: Saving | None = None
