"""What the operator may do, as plain data: the chart's Role is held to it by a test, and it by a test on a real API server.

LEASE stands for the name of the release's Lease.
"""

from __future__ import annotations

from typing import Any

from camslice.cluster.names import GROUP

Rule = dict[str, Any]

_READ = ["get", "list", "watch"]
_OWN = ["get", "list", "watch", "create", "patch", "delete"]

NAMESPACED: tuple[Rule, ...] = (
    {"apiGroups": [GROUP], "resources": ["camerafleets", "cameras"], "verbs": _READ},
    {"apiGroups": [GROUP], "resources": ["camerafleets/status", "cameras/status"], "verbs": ["get", "patch", "update"]},
    {"apiGroups": [""], "resources": ["pods", "configmaps", "secrets"], "verbs": _OWN},
    {"apiGroups": [""], "resources": ["services"], "verbs": _OWN},
    {"apiGroups": ["policy"], "resources": ["poddisruptionbudgets"], "verbs": _OWN},
    {"apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": _OWN},
    {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": _OWN},
    {"apiGroups": ["keda.sh"], "resources": ["scaledobjects"], "verbs": _OWN},
    {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "resourceNames": ["LEASE"], "verbs": ["get", "update"]},
)
CLUSTER: tuple[Rule, ...] = ({"apiGroups": [""], "resources": ["nodes"], "verbs": _READ},)
