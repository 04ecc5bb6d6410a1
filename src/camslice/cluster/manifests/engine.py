"""The engine servers of topology remote: interchangeable, so a Deployment, and the one thing here that is scaled by load.

Clients balance across them by a headless Service. How many there are goes by frames that missed their deadline and by the
time that pictures waited; never by the GPU's utilisation, which is high when all is well.
"""

from __future__ import annotations

from typing import Any

from camslice.cluster.manifests.common import TMP, UID, Manifest, metadata
from camslice.cluster.manifests.config import engine_name
from camslice.cluster.manifests.pod import TOKEN_DIR, token_secret_name
from camslice.cluster.manifests.scaled import Scaling, scaled_object
from camslice.cluster.manifests.weights import SERVED_WITH, served, weights_mount
from camslice.cluster.names import CACHE_DIR, FLEET, GRPC_PORT, HTTP_PORT, ROLE, SHAPE, TAINT
from camslice.cluster.nodes.node_pool import pool_name
from camslice.cluster.objects import FleetObject, NodeShape, PodShape
from camslice.cluster.sharing.protocol import Sharing

_LABELS = {ROLE: "engine", "app.kubernetes.io/name": "camslice"}


def engine_objects(fleet: FleetObject, sharing: Sharing, scaling: Scaling | None = None) -> list[Manifest]:
    """None for a fleet without engine servers. With `scaling` KEDA's autoscaler owns their number, and no object says it."""
    found = _servers(fleet)
    if not found:
        return []
    shape, pod = found[0]
    planned = planned_servers(fleet)
    objects = [_service(fleet), _deployment(fleet, shape, pod, planned, sharing, scaled=scaling is not None)]
    if scaling is not None:
        objects.append(scaled_object(fleet, planned, scaling, _LABELS))
    return objects


def planned_servers(fleet: FleetObject) -> int:
    """How many engine servers a fleet has without anybody scaling them."""
    return sum(shape.nodes * pod.count for shape, pod in _servers(fleet))


def _servers(fleet: FleetObject) -> list[tuple[NodeShape, PodShape]]:
    return [(shape, pod) for shape in fleet.shapes for pod in shape.pods if pod.role == "engine"]


def _service(fleet: FleetObject) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(fleet, engine_name(fleet), _LABELS),
        "spec": {
            "clusterIP": "None",
            "selector": {FLEET: fleet.name, ROLE: "engine"},
            "ports": [{"name": "grpc", "port": GRPC_PORT, "targetPort": "grpc"}],
        },
    }


def _deployment(
    fleet: FleetObject, shape: NodeShape, pod: PodShape, planned: int, sharing: Sharing, *, scaled: bool
) -> Manifest:
    weights = weights_mount(fleet)
    limits: dict[str, Any] = dict(sharing.pod_resources(shape, pod))
    container = {
        "name": "camslice",
        "image": fleet.image,
        "args": [
            "serve",
            *dict.fromkeys(served(str(model.keys["weights"])) for model in fleet.models),
            *_options(fleet),
            "--grpc",
            f"0.0.0.0:{GRPC_PORT}",
            "--http",
            f"0.0.0.0:{HTTP_PORT}",
            "--token-file",
            f"{TOKEN_DIR}/token",
            "--open-metrics",
        ],
        "env": [
            {"name": key, "value": value}
            for key, value in sorted({"CAMSLICE_CACHE": CACHE_DIR, "TMPDIR": TMP, "HOME": TMP, **weights.environment}.items())
        ],
        "ports": [{"name": "grpc", "containerPort": GRPC_PORT}, {"name": "http", "containerPort": HTTP_PORT}],
        "resources": {"requests": {"cpu": f"{pod.cpu_m}m", "memory": f"{pod.memory_mb:.0f}M"} | limits, "limits": limits},
        "readinessProbe": {"httpGet": {"path": "/v2/health/ready", "port": "http"}, "periodSeconds": 5, "failureThreshold": 2},
        "livenessProbe": {"httpGet": {"path": "/v2/health/live", "port": "http"}, "periodSeconds": 10, "failureThreshold": 3},
        "startupProbe": {"httpGet": {"path": "/v2/health/ready", "port": "http"}, "periodSeconds": 2, "failureThreshold": 300},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "token", "mountPath": TOKEN_DIR, "readOnly": True},
            {"name": "cache", "mountPath": CACHE_DIR},
            {"name": "tmp", "mountPath": TMP},
            *weights.mounts,
        ],
    }
    spec: dict[str, Any] = {
        "affinity": _on_nodes_with_engines(fleet),
        "tolerations": [
            {"key": TAINT, "operator": "Equal", "value": fleet.name, "effect": "NoSchedule"},
            {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
        ],
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": UID,
            "runAsGroup": UID,
            "fsGroup": UID,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [
            {"name": "token", "secret": {"secretName": token_secret_name(fleet), "defaultMode": 0o440}},
            {"name": "cache", "emptyDir": {"sizeLimit": "2Gi"}},
            {"name": "tmp", "emptyDir": {"sizeLimit": "256Mi"}},
            *weights.volumes,
        ],
    }
    if weights.init_containers:
        spec["initContainers"] = weights.init_containers
    body: dict[str, Any] = {
        "selector": {"matchLabels": {FLEET: fleet.name, ROLE: "engine"}},
        "template": {"metadata": {"labels": {FLEET: fleet.name, **_LABELS}}, "spec": spec},
    }
    if not scaled:
        body["replicas"] = planned
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(fleet, engine_name(fleet), _LABELS),
        "spec": body,
    }


def _options(fleet: FleetObject) -> list[str]:
    """How models are computed; `render` refuses a fleet whose models differ in it, for a server has one way for all."""
    keys = fleet.models[0].keys if fleet.models else {}
    return [word for key, option in SERVED_WITH.items() if key in keys for word in (option, str(keys[key]))]


def _on_nodes_with_engines(fleet: FleetObject) -> Manifest:
    """Of any shape: the last node of a plan often is one of its own."""
    shapes = [pool_name(fleet, shape) for shape in fleet.shapes if any(pod.role == "engine" for pod in shape.pods)]
    here = {"matchExpressions": [{"key": SHAPE, "operator": "In", "values": shapes}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [here]}}}
