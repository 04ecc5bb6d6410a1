"""A profile: what one model costs on one kind of machine, and how many streams it carried there.

Plans are made from profiles alone, so a profile says for every figure where it comes from, and None for what nobody knows.
Times in ms, memory in MB (10^6 bytes), money in US dollars; "accelerator" is the CPU itself where there is no GPU.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from enum import StrEnum
from typing import TypeVar

from camslice.fleet.figures import Figure, Provenance, RawHistogram, Strict
from camslice.fleet.types import HOURS_PER_MONTH, Topology

Value = TypeVar("Value")

CPU = "cpu"
"""The accelerator of a machine that has none."""


class Constraint(StrEnum):
    """What kept a machine from carrying more streams."""

    CPU = "cpu"
    ACCELERATOR = "accelerator"
    MEMORY = "memory"
    DECODE = "decode"
    """The processor, and more of it went into decoding than into the model."""
    LATENCY = "latency"
    """No resource was at its end: frames took too long all the same."""


@dataclass(frozen=True, slots=True)
class ProfiledMachine(Strict):
    """Where the figures hold. `cpu_family` and `accelerator` are what a plan compares with a catalogue.

    `vcpu`, `usable_cores` and the memories are None where the figures are of machines of several sizes (each sharing point then
    says its own). A vCPU is what the system schedules on: two on a core with hyper-threads.
    """

    name: str
    cpu: str
    cpu_family: str
    architecture: str
    accelerator: str = CPU
    accelerators: int = 0
    accelerator_memory_mb: float | None = None
    vcpu: int | None = None
    physical_cores: int | None = None
    usable_cores: float | None = None
    memory_mb: float | None = None
    cpu_features: tuple[str, ...] = ()
    os: str | None = None
    versions: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProfiledModel(Strict):
    """The model as it ran: None for what is not known of it."""

    name: str
    backend: str
    sha256: str | None = None
    device: str | None = None
    precision: str | None = None
    input_width: int | None = None
    input_height: int | None = None
    max_batch: int | None = None
    threads: int | None = None
    classes: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Coverage(Strict):
    """What the profile may be used for: plans for other machines or topologies need another one, or a declared scale.

    `instance_types` are shell patterns of the catalogue's names, empty where the machine is not one of a catalogue.
    """

    topologies: tuple[Topology, ...]
    instance_types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProfiledVideo(Strict):
    """The streams that were analysed. `boxes`: detections per frame, on which the cost of postprocess depends."""

    name: str
    width: int
    height: int
    fps: float
    codec: str
    kbps: float | None = None
    boxes: float | None = None


@dataclass(frozen=True, slots=True)
class DecodeCost(Strict):
    """CPU time of decoding one codec. `transcoded`: the clip was encoded anew for this, at `kbps`."""

    codec: str
    cpu_ms_per_megapixel: Figure
    kbps: float | None = None
    transcoded: bool = False


@dataclass(frozen=True, slots=True)
class StageCost(Strict):
    """What one frame costs in one stage: CPU time, time on the accelerator, and how often it goes there."""

    stage: str
    cpu_ms: Figure | None = None
    accelerator_ms: Figure | None = None
    visits: Figure | None = None


@dataclass(frozen=True, slots=True)
class BatchCost(Strict):
    """A batch of `size` frames: how long it takes alone on the accelerator, and the CPU time of its process meanwhile.

    `saturated_ms`: the time from one batch to the next when the accelerator always has as many as it computes at once.
    """

    size: int
    accelerator_ms: Figure
    saturated_ms: Figure | None = None
    cpu_ms: Figure | None = None


@dataclass(frozen=True, slots=True)
class Concurrency(Strict):
    """What an accelerator gets done when so many contexts compute at once, as under MPS, relative to one alone."""

    contexts: int
    throughput: Figure


@dataclass(frozen=True, slots=True)
class Contexts(Strict):
    """What happens when several contexts share an accelerator or a core; None for what is not known.

    `slice_ms`: how long one context keeps the accelerator while others wait. `switch_ms`: what it costs to let another in.
    `accelerator_ms_per_frame`: with enough contexts to keep it busy, their switches included. `spinning_threads`: threads of a
    pod that stay runnable while it waits for the accelerator. `extra_threads`: further ones that are runnable as long as it has
    a frame in hand, whatever that frame does. `hyper_thread_yield`: what a second thread on a core adds, as a share of a core.
    `concurrency`: what contexts get done that compute at once instead of in turns.
    """

    accelerator_ms_per_frame: Figure | None = None
    slice_ms: Figure | None = None
    switch_ms: Figure | None = None
    spinning_threads: Figure | None = None
    extra_threads: Figure | None = None
    hyper_thread_yield: Figure | None = None
    concurrency: tuple[Concurrency, ...] = ()


@dataclass(frozen=True, slots=True)
class Memory(Strict):
    """A pod's analysis process with its first stream, and each stream more; the same on the accelerator; and the supervisor
    that stands beside the analysis processes, one on a machine, or in a cluster one in each pod.
    """

    pod_mb: Figure | None = None
    further_stream_mb: Figure | None = None
    supervisor_mb: Figure | None = None
    accelerator_pod_mb: Figure | None = None
    accelerator_further_stream_mb: Figure | None = None


@dataclass(frozen=True, slots=True)
class SharingPoint(Strict):
    """So many pods at once on one accelerator, each as fast as it can (a closed loop): what sharing costs.

    `stage_ms` are means by stage, `total_ms` their sum; `fps` and `cpu_cores` of all pods together.
    """

    topology: Topology
    pods: int
    streams_per_pod: int = 1
    instance_type: str | None = None
    vcpu: int | None = None
    physical_cores: int | None = None
    threads_per_pod: int | None = None
    total_ms: Figure | None = None
    stage_ms: Mapping[str, Figure] = field(default_factory=dict)
    fps: Figure | None = None
    cpu_cores: Figure | None = None
    memory_mb_per_pod: Figure | None = None
    histograms: Mapping[str, RawHistogram] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trial(Strict):
    """One open loop at a load: so many streams, each at the capacity's rate whatever happens.

    `frames` have a known fate, `dropped` of them had no detections in time. `p_all_ms` is the objective's percentile over all
    frames, a dropped one counting as infinitely late (None: infinite). `busy` is the share in use of each resource,
    `memory_mb` that of all pods.
    """

    streams: int
    seconds: float
    frames: int
    dropped: int
    p_all_ms: float | None
    met: bool
    memory_mb: float | None = None
    busy: Mapping[str, float] = field(default_factory=dict)
    total: RawHistogram | None = None


@dataclass(frozen=True, slots=True)
class Capacity(Strict):
    """The most streams at which the objective held, and what kept it from being more.

    `streams.low` and `high` are the 95 % confidence interval, or None where `bracket` is all there is: the largest load that
    held and the smallest that did not (None: nothing broke it up to the largest load that was allowed).
    `finest_overload`: the smallest overload, as a share, that trials of this length can tell from none.
    """

    topology: Topology
    fps: float
    latency_ms: float
    percentile: float
    drop_rate: float
    streams: Figure
    bracket: tuple[int, int | None]
    binding_constraint: Constraint
    busy: Mapping[str, float] = field(default_factory=dict)
    evidence: str = ""
    finest_overload: float | None = None
    trials: tuple[Trial, ...] = ()


@dataclass(frozen=True, slots=True)
class PriceRow(Strict):
    """What a deployment is said to cost, beside the list price of its machine: for comparison, never to be tuned to."""

    deployment: str
    topology: Topology
    cameras: int
    instance_type: str
    usd_per_hour: Figure
    usd_per_camera_month: Figure | None = None

    @property
    def usd_per_camera_month_at_list_price(self) -> float:
        """The machine alone, 730 hours, shared by its cameras."""
        return self.usd_per_hour.value * HOURS_PER_MONTH / self.cameras

    @property
    def gap(self) -> float | None:
        """By what share the published figure lies above the list price; None where none is published."""
        if self.usd_per_camera_month is None:
            return None
        return self.usd_per_camera_month.value / self.usd_per_camera_month_at_list_price - 1


@dataclass(frozen=True, slots=True)
class Activity(Strict):
    """How much happened where a policy was measured: `frames` of `cameras` that played `clips`, each at `fps`.

    `moving_share`: of the picture, in which something moved, on average. `detections_per_frame`: of the full frames.
    """

    clips: tuple[str, ...]
    cameras: int
    fps: float
    frames: int
    moving_share: Figure
    detections_per_frame: Figure


@dataclass(frozen=True, slots=True)
class PolicyCost(Strict):
    """What a policy of `fleet.policy` keeps and takes, per due frame, where so much happens as its `activity` says.

    `recall`: of what the full-precision model finds in full frames; its `low` is the 5th percentile when frames are drawn anew.
    None where nothing was there to be found. `inferences_per_frame` counts full frames and canvases, `full_share` the full
    frames alone; `region_pixels_per_frame` are pixels at the model's scale that lay on canvases. `gate_cpu_ms` is spent on
    looking for motion, `own_cpu_ms` on deciding, packing and putting together.
    """

    policy: str
    recall: Figure | None
    inferences_per_frame: Figure
    full_share: Figure
    region_pixels_per_frame: Figure
    gate_cpu_ms: Figure
    own_cpu_ms: Figure
    activity: Activity

    @property
    def inferences_per_region_pixel(self) -> float | None:
        """What a pixel on a canvas costs: a canvas's inference, shared by what lay on it; None where nothing did."""
        pixels = self.region_pixels_per_frame.value
        return (self.inferences_per_frame.value - self.full_share.value) / pixels if pixels else None


@dataclass(frozen=True, slots=True)
class Profile(Strict):
    """Everything known of one model on one kind of machine. `date` as YYYY-MM-DD, `sources` by the keys that figures name.

    `provenance` says where the profile as a whole comes from; `provenances` what its figures are.
    """

    name: str
    about: str
    date: str
    provenance: Provenance
    machine: ProfiledMachine
    model: ProfiledModel
    covers: Coverage
    video: ProfiledVideo | None = None
    decode: tuple[DecodeCost, ...] = ()
    stages: tuple[StageCost, ...] = ()
    other_cpu_ms: Figure | None = None
    """CPU time per frame that no stage accounts for: threads that wake each other, the interpreter, results."""
    work_cv: Figure | None = None
    """How much frames differ in what they cost: standard deviation over mean."""
    batches: tuple[BatchCost, ...] = ()
    memory: Memory = Memory()
    contexts: Contexts = Contexts()
    sharing: tuple[SharingPoint, ...] = ()
    capacity: tuple[Capacity, ...] = ()
    prices: tuple[PriceRow, ...] = ()
    policies: tuple[PolicyCost, ...] = ()
    """What analysing less than full frames keeps and takes; without it plans know nothing but full frames."""
    fits: tuple[Mapping[str, float], ...] = ()
    """Sets of values for its fitted figures, by their paths, each of which explains what is known about as well as the values
    given: figures of one fit hang together, and the corners of their ranges explain nothing."""
    sources: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, float | int | str | bool] = field(default_factory=dict)

    @property
    def provenances(self) -> frozenset[Provenance]:
        """What its figures are."""
        return frozenset(figure.provenance for _, figure in self.figures())

    @property
    def alternatives(self) -> tuple[Profile, ...]:
        """This profile with each of `fits` instead of its own values; none where nothing is fitted."""
        return tuple(_replaced("", self, fit) for fit in self.fits)

    def figures(self) -> Iterator[tuple[str, Figure]]:
        """Every figure, with the path at which it stands in the file."""
        return _figures("", self)


def _replaced(path: str, value: Value, by: Mapping[str, float]) -> Value:
    """The same with other values for the figures at these paths; their ranges are not theirs, and left out."""
    if isinstance(value, Figure):
        return replace(value, value=by[path], low=None, high=None) if path in by else value
    if isinstance(value, tuple):
        return type(value)(_replaced(f"{path}[{index}]", inner, by) for index, inner in enumerate(value))
    if isinstance(value, Mapping):
        return {key: _replaced(f"{path}.{key}", inner, by) for key, inner in value.items()}  # type: ignore[return-value] # alike
    if is_dataclass(value) and not isinstance(value, type):
        inner = {each.name: getattr(value, each.name) for each in fields(value)}
        return replace(value, **{name: _replaced(f"{path}.{name}".lstrip("."), each, by) for name, each in inner.items()})
    return value


def _figures(path: str, value: object) -> Iterator[tuple[str, Figure]]:
    if isinstance(value, Figure):
        yield path, value
    elif is_dataclass(value):
        for each in fields(value):
            yield from _figures(f"{path}.{each.name}".lstrip("."), getattr(value, each.name))
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _figures(f"{path}.{key}", inner)
    elif isinstance(value, tuple):
        for index, inner in enumerate(value):
            yield from _figures(f"{path}[{index}]", inner)
