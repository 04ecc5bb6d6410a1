"""The running fleet for Prometheus: everything since the start, read once per scrape from one status.

Counters and histograms are summed by model, and streams of removed cameras stay in the sums, so that no counter ever falls.
What is told per stream is little, so that a fleet of many cameras stays cheap to scrape: age, rate, p95, drops, and the device
time that it used. Only a pod that an operator gave its streams tells more of each, for it has few.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

import camslice
from camslice.fleet.accounting import Fate, FrameCounts, Looked, total_of
from camslice.fleet.histogram import Histogram
from camslice.fleet.policy import policy_named, rung_of
from camslice.fleet.stages import StageTimes
from camslice.fleet.types import usd_per_camera_month
from camslice.video.camera_state import CameraState
from camslice.web.view import EngineStatus, FleetStatus, StreamStatus

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper edges of the stage histograms in seconds; the latency objective is one more, exactly."""
_BYTES_PER_MB = 1e6


def render(status: FleetStatus) -> tuple[bytes, str]:
    """The text exposition of a fleet's status, and its media type."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_FleetCollector(status))
    return generate_latest(registry), CONTENT_TYPE_LATEST


class _FleetCollector(Collector):
    """Families of one status."""

    def __init__(self, status: FleetStatus) -> None:
        self._status = status

    def collect(self) -> Iterable[Metric]:
        """Every family, in the order of the exposition."""
        status = self._status
        by_model = _by_model([*status.streams, *status.removed])
        yield from _build(status)
        yield from _frames(by_model)
        yield _within_objective(by_model, status.fleet.objective.latency_ms)
        yield _stages(by_model, status.fleet.objective.latency_ms)
        yield from _streams(status.streams)
        if status.revisions.mounted is not None:
            yield from _streams_in_full(status.streams)
            yield from _placement(status)
        yield from _engines(status.engines)
        yield from _work(status.engines)
        yield from _policies(status.engines)
        yield from _cameras(status)
        yield from _process(status)


def _by_model(streams: Sequence[StreamStatus]) -> dict[str, list[StreamStatus]]:
    grouped: dict[str, list[StreamStatus]] = {}
    for stream in streams:
        grouped.setdefault(stream.key.model, []).append(stream)
    return dict(sorted(grouped.items()))


def _build(status: FleetStatus) -> Iterator[Metric]:
    build = GaugeMetricFamily("camslice_build_info", "Which camslice this is; always 1.", labels=["version"])
    build.add_metric([camslice.__version__], 1)
    yield build
    objective = status.fleet.objective
    yield GaugeMetricFamily("camslice_objective_latency_seconds", "Latency that is demanded.", objective.latency_ms / 1000)
    yield GaugeMetricFamily(
        "camslice_objective_percentile_ratio", "Share of the captured frames that must make it.", objective.percentile / 100
    )
    yield GaugeMetricFamily("camslice_objective_drop_ratio", "Share of the frames that may be dropped.", objective.drop_rate)
    yield GaugeMetricFamily(
        "camslice_objective_recall_ratio", "Share of the detections of full frames that must be kept.", objective.recall
    )


def _frames(by_model: dict[str, list[StreamStatus]]) -> Iterator[Metric]:
    captured = CounterMetricFamily("camslice_frames_captured", "Frames that were due for analysis.", labels=["model"])
    fates = CounterMetricFamily(
        "camslice_frames", "Frames by what became of them; the analysed ones by policy.", labels=["model", "fate", "policy"]
    )
    in_flight = GaugeMetricFamily("camslice_frames_in_flight", "Frames held right now.", labels=["model"])
    missed = CounterMetricFamily("camslice_frames_missed", "Frames due while their camera was down.", labels=["model"])
    for model, streams in by_model.items():
        frames: FrameCounts = total_of(stream.frames for stream in streams)
        captured.add_metric([model], frames.captured)
        in_flight.add_metric([model], frames.in_flight)
        missed.add_metric([model], frames.missed)
        for fate, policy, frames_so in _fates(frames):
            fates.add_metric([model, fate, policy], frames_so)
    yield from (captured, fates, in_flight, missed)


def _fates(frames: FrameCounts) -> Iterator[tuple[str, str, int]]:
    """Each fate, the policy by which frames came to it, and how many."""
    yield Fate.ANALYSED.value, Looked.FULL.value, frames.in_full
    yield Fate.ANALYSED.value, Looked.REGIONS.value, frames.regions
    for fate in Fate:
        if fate is not Fate.ANALYSED:
            yield fate.value, "", getattr(frames, fate.value)


def _within_objective(by_model: dict[str, list[StreamStatus]], objective_ms: float) -> Metric:
    """What the histogram's bucket at the objective says, under a name for which nobody has to know the objective."""
    family = CounterMetricFamily(
        "camslice_frames_within_objective", "Frames whose detections were there within the latency objective.", labels=["model"]
    )
    for model, streams in by_model.items():
        edge = np.array([objective_ms])
        family.add_metric([model], sum(int(s.stages["total"].count_up_to(edge)[0]) for s in streams if "total" in s.stages))
    return family


def _stages(by_model: dict[str, list[StreamStatus]], objective_ms: float) -> Metric:
    family = HistogramMetricFamily(
        "camslice_stage_duration_seconds",
        "Time of analysed and predicted frames by stage; the stages add up to total.",
        labels=["model", "process", "stage"],
    )
    edges_s = sorted({*BUCKETS_S, objective_ms / 1000})
    for model, streams in by_model.items():
        for process in sorted({stream.process for stream in streams}):
            for stage in StageTimes._fields:
                histogram = Histogram()
                for stream in streams:
                    if stage in stream.stages and stream.process == process:
                        histogram.merge(stream.stages[stage])
                if histogram.n:
                    family.add_metric([model, process, stage], _buckets(histogram, edges_s), histogram.sum_ms / 1000)
    return family


def _buckets(histogram: Histogram, edges_s: Sequence[float]) -> list[tuple[str, float]]:
    counts = histogram.count_up_to(np.array(edges_s) * 1000.0)
    finite = [(str(edge), float(count)) for edge, count in zip(edges_s, counts, strict=True)]
    return [*finite, ("+Inf", float(histogram.n))]


def _streams(streams: Sequence[StreamStatus]) -> Iterator[Metric]:
    age = _per_stream("age_seconds", "Time since the newest frame was captured of which the detections are known.")
    rate = _per_stream("analysed_frames_per_second", "Frames analysed per second over the last 10 s.")
    p95 = _per_stream("latency_p95_seconds", "95th percentile of the total over the last 10 s.")
    dropped = CounterMetricFamily(
        "camslice_camera_frames_dropped", "Frames superseded, stale or failed.", labels=["camera", "model"]
    )
    used = CounterMetricFamily(
        "camslice_camera_accelerator_seconds",
        "Time of the accelerator (the processor where there is none) that its frames took, that of a batch shared by area.",
        labels=["camera", "model"],
    )
    for stream in streams:
        labels = [stream.key.camera, stream.key.model]
        used.add_metric(labels, stream.frames.accelerator_ns / 1e9)
        rate.add_metric(labels, stream.fps)
        dropped.add_metric(labels, stream.frames.dropped)
        if stream.age_ms is not None:
            age.add_metric(labels, stream.age_ms / 1000)
        if stream.recent_p95_ms is not None:
            p95.add_metric(labels, stream.recent_p95_ms / 1000)
    yield from (age, rate, p95, dropped, used)


def _streams_in_full(streams: Sequence[StreamStatus]) -> Iterator[Metric]:
    """Counters of a stream that is removed go with it: whoever adds them up knows how to bear that."""
    labels = ["camera", "model"]
    captured = CounterMetricFamily("camslice_camera_frames_captured", "Frames that were due for analysis.", labels=labels)
    fates = CounterMetricFamily("camslice_camera_frames", "Frames by what became of them.", labels=[*labels, "fate", "policy"])
    found = CounterMetricFamily("camslice_camera_detections", "Detections in all analysed frames.", labels=labels)
    p95 = _per_stream("latency_p95_minute_seconds", "95th percentile of the total over the last minute.")
    each = _per_stream("detections_per_frame", "Detections in an analysed frame, on average over the last minute.")
    for stream in streams:
        values = [stream.key.camera, stream.key.model]
        captured.add_metric(values, stream.frames.captured)
        found.add_metric(values, sum(stream.detections.values()))
        for fate, policy, frames in _fates(stream.frames):
            fates.add_metric([*values, fate, policy], frames)
        if (p95_ms := stream.minute.percentile_ms(95.0)) is not None:
            p95.add_metric(values, p95_ms / 1000)
        if (mean := stream.minute.detections_per_frame) is not None:
            each.add_metric(values, mean)
    yield from (captured, fates, found, p95, each)


def _placement(status: FleetStatus) -> Iterator[Metric]:
    revision = GaugeMetricFamily(
        "camslice_config_revision_info",
        "The revision that runs, and the one that the files hold; always 1.",
        labels=["revision", "mounted"],
    )
    revision.add_metric([status.revisions.applied or "", status.revisions.mounted or ""], 1)
    epoch = _per_stream("placement_epoch", "The epoch of the stream's placement here.")
    taken_over = _per_stream("taken_over", "1 when another pod has the stream by now.")
    for key, placement in sorted(status.placements.items()):
        if placement.epoch is not None:
            epoch.add_metric([key.camera, key.model], placement.epoch)
            taken_over.add_metric([key.camera, key.model], placement.taken_over)
    live = GaugeMetricFamily("camslice_camera_live", "1 while the camera is connected and brings frames.", labels=["camera"])
    for camera in status.cameras:
        live.add_metric([camera.name], camera.state is CameraState.LIVE)
    loaded = GaugeMetricFamily("camslice_model_loaded", "1 when every process that needs it has it.", labels=["model"])
    for engine in status.engines:
        loaded.add_metric([engine.model], engine.loaded)
    yield from (revision, epoch, taken_over, live, loaded)
    yield GaugeMetricFamily("camslice_draining", "1 while it ends and waits for its streams to be taken over.", status.draining)


def _per_stream(name: str, documentation: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"camslice_camera_{name}", documentation, labels=["camera", "model"])


def _engines(engines: Sequence[EngineStatus]) -> Iterator[Metric]:
    labels = ["model", "backend", "device", "precision"]
    occupancy = GaugeMetricFamily(
        "camslice_engine_occupancy_ratio", "Share of the last 10 s in which the engine computed.", labels=labels
    )
    healthy = GaugeMetricFamily("camslice_engine_up", "1 while the engine has no trouble.", labels=labels)
    for engine in engines:
        values = [engine.model, engine.backend, engine.device, engine.precision]
        occupancy.add_metric(values, engine.occupancy)
        healthy.add_metric(values, engine.problem is None)
    yield from (occupancy, healthy)


def _work(engines: Sequence[EngineStatus]) -> Iterator[Metric]:
    inferences = CounterMetricFamily("camslice_inferences", "Full frames and canvases that were analysed.", labels=["model"])
    for engine in engines:
        inferences.add_metric([engine.model], engine.work.inferences)
    yield inferences


def _policies(engines: Sequence[EngineStatus]) -> Iterator[Metric]:
    """How much of the frames is looked at, and what that keeps; only of models that have a policy."""
    states = [(engine.model, engine.policy, engine.work) for engine in engines if engine.policy is not None]
    if not states:
        return
    info = GaugeMetricFamily("camslice_policy_info", "The policy that is in force; always 1.", labels=["model", "policy"])
    rung = GaugeMetricFamily("camslice_policy_rung", "Its place on the ladder, 0 for full frames.", labels=["model"])
    overloaded = GaugeMetricFamily(
        "camslice_policy_overloaded", "1 while it is cheaper than the recall allows, for want of room.", labels=["model"]
    )
    recall = GaugeMetricFamily(
        "camslice_recall_ratio", "Share of the detections of full frames that the policy keeps, as audited.", labels=["model"]
    )
    rests_on = GaugeMetricFamily("camslice_recall_audited_frames", "Audited frames that this rests on.", labels=["model"])
    changes = CounterMetricFamily("camslice_policy_changes", "How often the policy changed.", labels=["model"])
    frames = CounterMetricFamily("camslice_audited_frames", "Frames that were looked at both ways.", labels=["model"])
    wanted = CounterMetricFamily("camslice_audited_detections", "Detections in them in full.", labels=["model"])
    kept = CounterMetricFamily("camslice_audited_detections_kept", "Those that the policy had reported.", labels=["model"])
    for model, state, work in states:
        info.add_metric([model, state.policy], 1)
        rung.add_metric([model], rung_of(policy_named(state.policy)))
        overloaded.add_metric([model], state.overloaded)
        rests_on.add_metric([model], state.audited)
        if state.recall is not None:
            recall.add_metric([model], state.recall)
        changes.add_metric([model], work.policy_changes)
        frames.add_metric([model], work.audited_frames)
        wanted.add_metric([model], work.audited_detections)
        kept.add_metric([model], work.kept_detections)
    yield from (info, rung, overloaded, recall, rests_on, changes, frames, wanted, kept)


def _cameras(status: FleetStatus) -> Iterator[Metric]:
    cameras = GaugeMetricFamily("camslice_cameras", "Cameras by state.", labels=["state"])
    for state in CameraState:
        cameras.add_metric([state.value], sum(camera.state is state for camera in status.cameras))
    yield cameras
    yield GaugeMetricFamily(
        "camslice_decoder_fallbacks",
        "Cameras that are decoded in software although a device was asked for.",
        sum(camera.state is CameraState.LIVE and bool(camera.reason) for camera in status.cameras),
    )
    usd = usd_per_camera_month(status.fleet.machine, len(status.cameras))
    if usd is not None:
        yield GaugeMetricFamily("camslice_usd_per_camera_month", "The machine's price shared by its cameras.", usd)


def _process(status: FleetStatus) -> Iterator[Metric]:
    dropped = CounterMetricFamily("camslice_results_dropped", "Results that were analysed and not written.", labels=["cause"])
    for cause, count in sorted(status.dropped_results.items()):
        dropped.add_metric([cause], count)
    yield dropped
    refused = CounterMetricFamily(
        "camslice_results_refused", "Results not written because another pod has the stream or wrote them.", labels=["cause"]
    )
    for cause, count in sorted(status.refused_results.items()):
        refused.add_metric([cause], count)
    yield refused
    yield GaugeMetricFamily(
        "camslice_results_waiting", "Results that wait on disk for a store that is away or behind.", status.waiting_results
    )
    yield CounterMetricFamily("camslice_restarts", "Restarts of analysis processes.", status.restarts)
    yield GaugeMetricFamily("camslice_memory_bytes", "Memory of all processes (PSS).", status.memory_mb * _BYTES_PER_MB)
    yield GaugeMetricFamily("camslice_cpu_cores", "CPU cores in use.", status.cpu_cores)
    yield GaugeMetricFamily("camslice_uptime_seconds", "Time since the start.", status.uptime_s)
    yield GaugeMetricFamily("camslice_fleet_generation", "Generation of the configuration in force.", status.generation)
