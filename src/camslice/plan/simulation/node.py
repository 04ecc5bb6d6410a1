"""A node as the simulator sees it: a processor, accelerators, and pods whose frames take steps on them. Times in ms."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from camslice.plan.simulation.load import EVENLY, Unevenness


class Where(StrEnum):
    """What a step occupies."""

    CPU = "cpu"
    ACCELERATOR = "accelerator"
    NOTHING = "nothing"
    """It only takes time, as a network does."""


@dataclass(frozen=True, slots=True)
class Step:
    """A part of a frame's way, counted in `stage`. `ms`: how long it takes when nothing else runs; `threads`: all of them busy,
    on a processor."""

    stage: str
    where: Where
    ms: float
    threads: float = 1.0


@dataclass(frozen=True, slots=True)
class Processor:
    """Every runnable thread gets the same share of it, and no more than one physical core.

    A thread beyond the physical cores shares a core with another, which `hyper_thread_yield` of a core is gained by.
    """

    vcpu: float
    physical_cores: float
    hyper_thread_yield: float = 0.0

    def capacity(self, threads: float) -> float:
        """Cores' worth of work that so many runnable threads get done."""
        more = min(max(threads - self.physical_cores, 0.0), self.vcpu - self.physical_cores)
        return min(threads, self.physical_cores) + self.hyper_thread_yield * more

    def rate(self, threads: float) -> float:
        """What each of so many runnable threads gets, as a share of a core."""
        return self.capacity(threads) / threads if threads > 0 else 1.0


@dataclass(frozen=True, slots=True)
class Slices:
    """An accelerator whose contexts take turns: `slice_ms` each while others wait, `switch_ms` when the context changes."""

    slice_ms: float
    switch_ms: float


@dataclass(frozen=True, slots=True)
class Concurrent:
    """An accelerator that computes for several contexts at once (MPS).

    `throughput[n - 1]`: the work that n of them get done, of one alone; the last holds for more. Each gets an equal part, and
    no more than `cap` of the whole, even if the others idle.
    """

    cap: float
    throughput: tuple[float, ...]

    def rate(self, contexts: float) -> float:
        """What each of so many active contexts gets, as a share of the accelerator."""
        if contexts <= 0:
            return 1.0
        return min(self.cap, self.throughput[min(int(contexts), len(self.throughput)) - 1] / contexts)


@dataclass(frozen=True, slots=True)
class SimulatedStream:
    """A frame every `interval_ms` (None: a closed loop), at most `depth` of them waiting.

    `decode_ms` of CPU time for each before it can wait, and `undue_decode_ms` for the frames between that nobody analyses.
    `phase` (0..1) of an interval: when the first frame is due; None: drawn from the seed. `company_ms`: for so long, from its
    capture on, a frame waits for others to share a canvas, which counts in its stage `queue`.
    """

    interval_ms: float | None
    depth: int = 1
    decode_ms: float = 0.0
    undue_decode_ms: float = 0.0
    unevenness: Unevenness = EVENLY
    phase: float | None = None
    company_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class SimulatedPod:
    """A pod: one engine, and the streams that it serves, earliest deadline first.

    A frame taken occupies one of `slots`, goes through `before`, `batches[0]` (in a batch of n frames: `batches[n - 1]`, at
    most `lanes` of them at once) and `after`; `before` and `after` are of one frame each. `device`: the accelerator it visits.
    With `server` the steps of `batches` are that server's instead, and `batches` only says how many frames a request has.

    `spinning_threads` are runnable while the accelerator is waited for or computes, `extra_threads` as long as the pod has
    a frame in hand. `background_ms`: CPU time per frame beside its way. `work_cv`: how much frames differ in what they cost,
    standard deviation over mean.
    """

    model: str
    streams: tuple[SimulatedStream, ...]
    before: tuple[Step, ...]
    batches: tuple[tuple[Step, ...], ...]
    after: tuple[Step, ...]
    device: int | None = None
    server: int | None = None
    slots: int = 1
    lanes: int = 1
    spinning_threads: float = 0.0
    extra_threads: float = 0.0
    background_ms: float = 0.0
    work_cv: float = 0.0


@dataclass(frozen=True, slots=True)
class SimulatedServer:
    """An engine server (`remote`): takes requests of all its pods by deadline, in batches of at most `len(batches)`.

    `network_ms`: there and back, half of it each way. `network_jitter_ms`: added to each way, exponential with this mean.
    """

    batches: tuple[tuple[Step, ...], ...]
    device: int | None
    network_ms: float
    lanes: int = 1
    network_jitter_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class SimulatedNode:
    """Everything that runs. `latency_ms` and `percentile` of the objective decide what is stale and what is reported.

    `stall_ms`: a hiccup at the beginning. No frame arrives before, and all that were captured by then come at once. A node
    whose pods spin while they wait may carry a load for as long as nothing disturbs it and never find back from a crowd.
    """

    processor: Processor
    devices: tuple[Slices | Concurrent, ...]
    pods: tuple[SimulatedPod, ...]
    latency_ms: float
    percentile: float
    servers: tuple[SimulatedServer, ...] = ()
    stall_ms: float = 0.0
