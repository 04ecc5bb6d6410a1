"""What a server of models did, for Prometheus: the statistics of the protocol, read once per scrape.

Every cause of refusal is there from the start with 0, so that a rate sees the first one too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from camslice.engine.oip.descriptions import EDGES_S, ModelState, ModelStatistics, RepositoryEntry, Sum
from camslice.engine.oip.messages import Status

_NS_PER_S = 1e9


def render(models: Sequence[RepositoryEntry], statistics: Sequence[ModelStatistics]) -> tuple[bytes, str]:
    """The text exposition, and its media type."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_ServerCollector(models, statistics))
    return generate_latest(registry), CONTENT_TYPE_LATEST


class _ServerCollector(Collector):
    def __init__(self, models: Sequence[RepositoryEntry], statistics: Sequence[ModelStatistics]) -> None:
        self._models = models
        self._statistics = statistics

    def collect(self) -> Iterable[Metric]:
        """Every family."""
        ready = GaugeMetricFamily("camslice_server_model_ready", "1 while a model answers.", labels=["model"])
        for model in self._models:
            ready.add_metric([model.name], model.state is ModelState.READY)
        yield ready
        yield from _requests(self._statistics)
        yield from _batches(self._statistics)
        yield from _times(self._statistics)


def _requests(statistics: Sequence[ModelStatistics]) -> Iterator[Metric]:
    answered = CounterMetricFamily("camslice_server_requests_answered", "Requests that got their answer.", labels=["model"])
    refused = CounterMetricFamily(
        "camslice_server_requests_refused", "Requests that got none, by why.", labels=["model", "cause"]
    )
    for each in statistics:
        answered.add_metric([each.name], each.success.count)
        for status in Status:
            refused.add_metric([each.name, status.value], each.refused.get(status.value, 0))
    yield from (answered, refused)


def _batches(statistics: Sequence[ModelStatistics]) -> Iterator[Metric]:
    pictures = CounterMetricFamily("camslice_server_pictures", "Pictures computed.", labels=["model"])
    batches = CounterMetricFamily("camslice_server_batches", "Batches computed, by pictures in them.", labels=["model", "size"])
    busy = CounterMetricFamily("camslice_server_busy_seconds", "Time in which batches were computed.", labels=["model"])
    for each in statistics:
        pictures.add_metric([each.name], each.inference_count)
        busy.add_metric([each.name], sum(batch.compute_infer.ns for batch in each.batches) / _NS_PER_S)
        for batch in each.batches:
            batches.add_metric([each.name, str(batch.batch_size)], batch.compute_infer.count)
    yield from (pictures, batches, busy)


def _times(statistics: Sequence[ModelStatistics]) -> Iterator[Metric]:
    stages = CounterMetricFamily(
        "camslice_server_stage_seconds",
        "Time of answered requests by stage; the stages add up to the request's.",
        labels=["model", "stage"],
    )
    queued = HistogramMetricFamily(
        "camslice_server_queue_duration_seconds", "How long answered requests waited for the engine.", labels=["model"]
    )
    took = HistogramMetricFamily(
        "camslice_server_request_duration_seconds", "From a request's arrival to its answer.", labels=["model"]
    )
    for each in statistics:
        spent = {
            "queue": each.queue,
            "preprocess": each.compute_input,
            "inference": each.compute_infer,
            "postprocess": each.compute_output,
        }
        for stage, of in spent.items():
            stages.add_metric([each.name, stage], of.ns / _NS_PER_S)
        queued.add_metric([each.name], _buckets(each.queued), _seconds(each.queue))
        took.add_metric([each.name], _buckets(each.took), _seconds(each.success))
    yield from (stages, queued, took)


def _buckets(counts: Sequence[int]) -> list[tuple[str, float]]:
    edges = [*(str(edge) for edge in EDGES_S), "+Inf"]
    return [(edge, float(count)) for edge, count in zip(edges, accumulate(counts), strict=True)]


def _seconds(of: Sum) -> float:
    return of.ns / _NS_PER_S
