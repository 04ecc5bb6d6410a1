"""The PodDisruptionBudget of a fleet: whoever drains nodes takes one camera pod at a time."""

from __future__ import annotations

from camslice.cluster.manifests.common import Manifest, metadata
from camslice.cluster.names import FLEET, ROLE
from camslice.cluster.objects import FleetObject


def disruption_budget(fleet: FleetObject) -> Manifest:
    """One for all camera pods. A pod that is not ready may always be evicted: it analyses nothing."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(fleet, f"{fleet.name}-cameras"),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": {FLEET: fleet.name, ROLE: "camera"}},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }
