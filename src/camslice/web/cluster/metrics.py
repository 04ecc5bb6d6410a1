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
        facts = self._status.cluster
        fleet = "" if facts is None else facts.fleet
        counted = Counter(str(camera.state) for camera in self._status.cameras)
        cameras = GaugeMetricFamily("camslice_fleet_cameras", "Cameras of the fleet by state.", labels=["fleet", "state"])
        for state in (*CameraState, *PlacementState):
            cameras.add_metric([fleet, state.value], counted[state.value])
        yield cameras
        if facts is None:
            return
        yield _of_fleet("pods", "Camera pods of the fleet.", fleet, facts.pods)
        yield _of_fleet("pods_answering", "Camera pods that answer the page.", fleet, facts.pods_answering)
        conditions = GaugeMetricFamily(
            "camslice_fleet_condition", "1 while a condition of the fleet holds.", labels=["fleet", "type"]
        )
        for condition in facts.conditions:
            conditions.add_metric([fleet, condition.type], condition.holds is True)
        yield conditions
        usd, budget_usd = facts.usd_per_camera_month, self._status.fleet.objective.usd_per_camera_month
        if usd is not None:
            yield _of_fleet("usd_per_camera_month", "The fleet's cost shared by its cameras that run.", fleet, usd)
        if budget_usd is not None:
            yield _of_fleet("budget_usd_per_camera_month", "What a camera may cost by the objective.", fleet, budget_usd)


def _of_fleet(name: str, documentation: str, fleet: str, value: float) -> Metric:
    family = GaugeMetricFamily(f"camslice_fleet_{name}", documentation, labels=["fleet"])
    family.add_metric([fleet], value)
    return family
