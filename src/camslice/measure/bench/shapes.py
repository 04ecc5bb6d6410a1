"""The JSON of a bench, typed: what the table and the page read. Times in ms, memory in MB (10^6 bytes), money in US dollars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict


class Latency(TypedDict):
    """The *latency* object. A stage that is listed has at least one frame."""

    n: int
    mean: float
    p50: float
    p95: float
    p99: float
    max: float


class ObjectiveShape(TypedDict):
    """The *objective* object. `p_all_ms` None: infinite."""

    latency_ms: float
    percentile: float
    p_all_ms: float | None
    drop_rate: float
    recall: float | None
    met: bool


class HistogramShape(TypedDict):
    """Pairs (bin, count); see the report's `histogram_bins`."""

    bins: Sequence[tuple[int, int]]
    sum_ms: float
    max_ms: float


class RoundShape(TypedDict):
    """One turn of a row. Latencies of `all` are over every frame that fell due, None: infinite; `drop_rate` likewise."""

    seconds: float
    fps: float
    p50_ms: float | None
    p95_ms: float | None
    p50_all_ms: float | None
    p95_all_ms: float | None
    p99_all_ms: float | None
    drop_rate: float
    memory_mb: float
    cpu_cores: float


class EngineShape(TypedDict):
    """What really computed."""

    backend: str
    device: str
    precision: str


class RowShape(TypedDict):
    """One row. `stages` and `histograms` are empty when nothing was analysed, `rounds` when nothing was measured at all;
    `problem` says why. Latencies of `all` are over every frame that fell due, a lost one infinitely late; None: infinite.
    """

    topology: str
    pods: int
    machines: int
    cameras: int
    cameras_measured: int
    loop: str
    fps_per_camera: float | None
    phase: str | None
    seconds: float
    stages: Mapping[str, Latency]
    p50_all_ms: float | None
    p95_all_ms: float | None
    p99_all_ms: float | None
    fps: float
    frames: Mapping[str, float]
    memory_mb_per_pod: float
    memory_mb_per_camera: float
    memory_mb: float
    supervisor_memory_mb: float
    cpu_cores: float
    objective: ObjectiveShape
    usd_per_camera_month: float | None
    streams_per_pod: int
    threads: int | None
    engine: EngineShape | None
    rounds: Sequence[RoundShape]
    partial: bool
    problem: str | None
    negative_stages: int
    notes: Sequence[str]
    histograms: Mapping[str, HistogramShape]


class ModelShape(TypedDict):
    """The weights."""

    name: str
    sha256: str
    licence: str
    input: tuple[int, int]
    engine: str
    precision: str


class ClipShape(TypedDict):
    """What every camera plays; no hash for what is not a file."""

    name: str
    sha256: str | None


class AskedShape(TypedDict):
    """What all rows have in common."""

    seconds: float
    rounds: int
    seed: int
    price_usd_per_hour: float | None
    hours_per_month: float


class ReportShape(TypedDict):
    """The whole object that `camslice bench --json` prints and the page embeds."""

    date: str
    command: str
    partial: bool
    machine: Mapping[str, object]
    model: ModelShape
    clip: ClipShape
    asked: AskedShape
    histogram_bins: Mapping[str, float]
    rows: Sequence[RowShape]
