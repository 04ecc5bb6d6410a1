"""The page of a cluster's fleet for Prometheus: only what the pods do not say themselves, so that nothing is counted twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

import camslice
from camslice.video.camera_state import CameraState
from camslice.web.view import FleetStatus, PlacementState


def render(status: FleetStatus) -> tuple[bytes, str]:
    """The text exposition of a cluster's fleet, and its media type."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_ClusterCollector(status))
    return generate_latest(registry), CONTENT_TYPE_LATEST


class _ClusterCollector(Collector):
    def __init__(self, status: FleetStatus) -> None:
        self._status = status

    def collect(self) -> Iterable[Metric]:
        """Every family."""
        build = GaugeMetricFamily("camslice_build_info", "Which camslice this is; always 1.", labels=["version"])
        build.add_metric([camslice.__version__], 1)
        yield build
        counted = Counter(str(camera.state) for camera in self._status.cameras)
        cameras = GaugeMetricFamily("camslice_fleet_cameras", "Cameras of the fleet by state.", labels=["state"])
        for state in (*CameraState, *PlacementState):
            cameras.add_metric([state.value], counted[state.value])
        yield cameras
        facts = self._status.cluster
        if facts is None:
            return
        yield GaugeMetricFamily("camslice_fleet_pods", "Camera pods of the fleet.", facts.pods)
        yield GaugeMetricFamily("camslice_fleet_pods_answering", "Camera pods that answer the page.", facts.pods_answering)
        conditions = GaugeMetricFamily("camslice_fleet_condition", "1 while a condition of the fleet holds.", labels=["type"])
        for condition in facts.conditions:
            conditions.add_metric([condition.type], condition.holds is True)
        yield conditions
