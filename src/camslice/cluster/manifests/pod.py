"""A camera pod: `camslice run` with the folders that its contract names (docs/reference/camera-pod.md)."""

from __future__ import annotations

import math
from typing import Any

from camslice.cluster.manifests.common import TMP, UID, Manifest, digest, metadata
from camslice.cluster.manifests.config import ENGINE_TOKEN, STORE_VARIABLE
from camslice.cluster.manifests.weights import weights_mount
from camslice.cluster.names import (
    CACHE_DIR,
    CONFIG_DIR,
    FLEET_FILE,
    HTTP_PORT,
    REVISION,
    ROLE,
    SECRETS_DIR,
    SHAPE,
    SHARD,
    SHM_DIR,
    SPOOL_DIR,
    TAINT,
    TEMPLATE,
)
from camslice.cluster.nodes.node_pool import pool_name
from camslice.cluster.objects import FleetObject, NodeShape, PodShape
from camslice.cluster.sharing.protocol import Sharing
from camslice.fleet.types import Topology

TOKEN_DIR = "/etc/camslice/token"  # noqa: S105 - a folder
_SHM_BASE_MB, _SHM_STREAM_MB = 16, 1
_SPOOL_MB = 512
_DRAINED_AFTER_S = 15
"""Seconds that a pod has after handing over; see the camera pod's contract."""
_MEMORY_LIMIT = 1.5
"""Of what a pod asks for: above it something leaks, and the kernel should end this pod rather than another."""


def token_secret_name(fleet: FleetObject) -> str:
    """The Secret with the token that pods ask for."""
    return f"{fleet.name}-pod-token"


def template_of(fleet: FleetObject, shape: NodeShape, pod: PodShape, sharing: Sharing) -> str:
    """A hash of all that only a new pod can change."""
    models = [[model.name, dict(model.keys), model.sha256] for model in fleet.models]
    return digest([_spec(fleet, shape, pod, "", sharing), models])


def camera_pod(
    fleet: FleetObject, shape: NodeShape, pod: PodShape, shard: str, name: str, revision: str, sharing: Sharing
) -> Manifest:
    """One pod. Its ConfigMap and Secret are called as it is."""
    labels = {SHARD: shard, SHAPE: pool_name(fleet, shape), ROLE: "camera", "app.kubernetes.io/name": "camslice"}
    annotations = {REVISION: revision, TEMPLATE: template_of(fleet, shape, pod, sharing)}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata(fleet, name, labels, annotations),
        "spec": _spec(fleet, shape, pod, name, sharing),
    }


def preferring(node: str) -> dict[str, Any]:
    """Affinity to one node by its name, where it has room: so that another one becomes empty."""
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
    return {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "preference": term}]}


def _spec(fleet: FleetObject, shape: NodeShape, pod: PodShape, name: str, sharing: Sharing) -> dict[str, Any]:
    weights = weights_mount(fleet)
    streams = sum(slot.streams for slot in pod.slots)
    spec: dict[str, Any] = {
        "restartPolicy": "Always",
        "nodeSelector": {SHAPE: pool_name(fleet, shape)},
        "tolerations": [
            {"key": TAINT, "operator": "Equal", "value": fleet.name, "effect": "NoSchedule"},
            {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
        ],
        "terminationGracePeriodSeconds": fleet.grace_s + _DRAINED_AFTER_S,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": UID,
            "runAsGroup": UID,
            "fsGroup": UID,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(fleet, shape, pod, sharing, weights.mounts, weights.environment)],
        "volumes": [
            {"name": "config", "configMap": {"name": name}},
            {"name": "secrets", "projected": {"sources": _secrets(fleet, shape, name), "defaultMode": 0o440}},
            {"name": "token", "secret": {"secretName": token_secret_name(fleet), "defaultMode": 0o440}},
            {
                "name": "shm",
                "emptyDir": {"medium": "Memory", "sizeLimit": f"{_SHM_BASE_MB + _SHM_STREAM_MB * streams}Mi"},
            },
            {"name": "cache", "emptyDir": {"sizeLimit": "2Gi"}},
            {"name": "spool", "emptyDir": {"sizeLimit": f"{_SPOOL_MB + 64}Mi"}},
            {"name": "tmp", "emptyDir": {"sizeLimit": "256Mi"}},
            *weights.volumes,
        ],
    }
    if weights.init_containers:
        spec["initContainers"] = weights.init_containers
    return spec


def _container(
    fleet: FleetObject,
    shape: NodeShape,
    pod: PodShape,
    sharing: Sharing,
    mounts: list[dict[str, Any]],
    environment: dict[str, str],
) -> dict[str, Any]:
    requests = {"cpu": f"{pod.cpu_m}m"}
    limits: dict[str, str] = {}
    if pod.memory_mb:
        requests["memory"] = f"{math.ceil(pod.memory_mb)}M"
        limits["memory"] = f"{math.ceil(pod.memory_mb * _MEMORY_LIMIT)}M"
    shares = dict(sharing.pod_resources(shape, pod))
    limits |= shares  # extended resources: limit and request are the same
    values = {
        "CAMSLICE_SECRETS_DIR": SECRETS_DIR,
        "CAMSLICE_SHM_DIR": SHM_DIR,
        "CAMSLICE_CACHE": CACHE_DIR,
        "CAMSLICE_SPOOL_DIR": SPOOL_DIR,
        "CAMSLICE_SPOOL_MB": str(_SPOOL_MB),
        "CAMSLICE_CPUS": f"{max(1.0, pod.cpu_m / 1000):g}",
        "TMPDIR": TMP,
        "HOME": TMP,
        **environment,
    }
    return {
        "name": "camslice",
        "image": fleet.image,
        "args": [
            "run",
            f"{CONFIG_DIR}/{FLEET_FILE}",
            "--listen",
            f"0.0.0.0:{HTTP_PORT}",
            "--token-file",
            f"{TOKEN_DIR}/token",
            "--drain",
            str(fleet.grace_s),
        ],
        "env": [{"name": key, "value": value} for key, value in sorted(values.items())],
        "ports": [{"name": "http", "containerPort": HTTP_PORT}],
        "resources": {"requests": requests | shares, "limits": limits} if limits else {"requests": requests},
        "startupProbe": _probe("started", period_s=2, failures=300),
        "readinessProbe": _probe("ready", period_s=5, failures=2),
        "livenessProbe": _probe("live", period_s=10, failures=3),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "config", "mountPath": CONFIG_DIR, "readOnly": True},
            {"name": "secrets", "mountPath": SECRETS_DIR, "readOnly": True},
            {"name": "token", "mountPath": TOKEN_DIR, "readOnly": True},
            {"name": "shm", "mountPath": SHM_DIR},
            {"name": "cache", "mountPath": CACHE_DIR},
            {"name": "spool", "mountPath": SPOOL_DIR},
            {"name": "tmp", "mountPath": TMP},
            *mounts,
        ],
    }


def _secrets(fleet: FleetObject, shape: NodeShape, name: str) -> list[dict[str, Any]]:
    """Its cameras' credentials, and the store's address under the name that the fleet file knows it by."""
    sources: list[dict[str, Any]] = [{"secret": {"name": name, "optional": True}}]
    if fleet.store_secret is not None:
        secret, key = fleet.store_secret
        sources.append({"secret": {"name": secret, "items": [{"key": key, "path": STORE_VARIABLE}]}})
    if shape.topology is Topology.REMOTE:
        token = {"name": token_secret_name(fleet), "items": [{"key": "token", "path": ENGINE_TOKEN}]}
        sources.append({"secret": token})
    return sources


def _probe(what: str, *, period_s: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": f"/healthz/{what}", "port": "http"},
        "periodSeconds": period_s,
        "failureThreshold": failures,
        "timeoutSeconds": 3,
    }
