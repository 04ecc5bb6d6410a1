"""What scales engine servers: KEDA's ScaledObject, by what Prometheus knows of the camera pods of a fleet.

Half of the allowed drops, or a tenth of the objective spent waiting for an engine, asks for a server more. One at a time, and
the next when the figures can show what the last one was good for: a frame that is late says that servers are too few, and not
by how many. Time on the wire is not asked for, since more servers do not shorten it.

Figures are in ms and in frames of a thousand, for KEDA hands on three decimals. Where Prometheus knows nothing of a fleet KEDA
counts nothing, and where Prometheus is away the autoscaler leaves the number as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

from camslice.cluster.manifests.common import Manifest, metadata
from camslice.cluster.manifests.config import engine_name
from camslice.cluster.objects import FleetObject

_MOST_TIMES = 2
"""Times the planned servers that may run; more nodes than planned are never bought for them."""
_WINDOW_S = 120
"""Over which rates are taken: some scrapes must lie in it."""
_LEAST_MISSED = 1.0
"""Of a thousand frames: fewer ask for nothing, however few an objective allows."""
_LONGEST_S = 3600


@dataclass(frozen=True, slots=True)
class Scaling:
    """`prometheus`: its address. `down_after_s`: how long a server must have been needless before it goes; an hour at most."""

    prometheus: str
    down_after_s: float = 300.0


def scaled_object(fleet: FleetObject, planned: int, scaling: Scaling, labels: dict[str, str]) -> Manifest:
    """Of a fleet's engine servers, `planned` of which run at least."""
    triggers = [
        ("missed", _missed(fleet), max(1000 * fleet.objective.drop_rate / 2, _LEAST_MISSED)),
        ("waited", _waited(fleet), fleet.objective.latency_ms / 10),
    ]
    one = [{"type": "Pods", "value": 1, "periodSeconds": _WINDOW_S}]
    behaviour = {
        "scaleUp": {"stabilizationWindowSeconds": 0, "policies": one},
        "scaleDown": {"stabilizationWindowSeconds": min(round(scaling.down_after_s), _LONGEST_S), "policies": one},
    }
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": metadata(fleet, engine_name(fleet), labels),
        "spec": {
            "scaleTargetRef": {"name": engine_name(fleet)},
            "minReplicaCount": planned,
            "maxReplicaCount": planned * _MOST_TIMES,
            "advanced": {"horizontalPodAutoscalerConfig": {"behavior": behaviour}},
            "triggers": [
                {
                    "type": "prometheus",
                    "name": name,
                    "metricType": "Value",
                    "metadata": {"serverAddress": scaling.prometheus, "query": query, "threshold": f"{threshold:g}"},
                }
                for name, query, threshold in triggers
            ],
        },
    }


def _missed(fleet: FleetObject) -> str:
    """Of a thousand frames those that missed their deadline."""
    missed = _rate(fleet, "camslice_frames_total", 'fate=~"stale|superseded"')
    return f"1000 * {missed} / {_rate(fleet, 'camslice_frames_captured_total')}"


def _waited(fleet: FleetObject) -> str:
    """For how many ms an analysed frame waited, on average: in its mailbox, and in the engine servers' queues."""
    waited = _rate(fleet, "camslice_stage_duration_seconds_sum", 'stage="queue"')
    analysed = _rate(fleet, "camslice_stage_duration_seconds_count", 'stage="total"')
    return f"1000 * {waited} / {analysed}"


def _rate(fleet: FleetObject, name: str, *further: str) -> str:
    chosen = ",".join((f'namespace="{fleet.namespace}"', f'fleet="{fleet.name}"', *further))
    return f"sum(rate({name}{{{chosen}}}[{_WINDOW_S}s]))"
