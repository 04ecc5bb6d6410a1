"""Carries a decision out: the requests that make it true, in the order that makes it safe, and no others.

What the API server answers is taken note of at once, for the watch may tell of it later than the next decision is made.
"""

from __future__ import annotations

import base64
import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from camslice.cluster.client import CAMERA, CAMERA_FLEET, CONFIG_MAP, DEPLOYMENT, POD, Cluster, Kind, Manifest, RequestError
from camslice.cluster.manifests.common import metadata
from camslice.cluster.manifests.pod import token_secret_name
from camslice.cluster.names import OPERATOR, REVISION
from camslice.cluster.objects import FleetObject
from camslice.cluster.operator.seen import SeenPod
from camslice.cluster.pods import PodObjects

logger = logging.getLogger(__name__)

SECRET = Kind("v1", "Secret", "secrets")
SERVICE = Kind("v1", "Service", "services")
BUDGET = Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets")
POLICY = Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")
SCALED = Kind("keda.sh/v1alpha1", "ScaledObject", "scaledobjects")
_KINDS = {each.kind: each for each in (SECRET, SERVICE, BUDGET, POLICY, SCALED, DEPLOYMENT, CONFIG_MAP, POD)}
_AT_ONCE = 8
_MERGE = "application/merge-patch+json"

Item = TypeVar("Item")


class Writing:
    """Thread-safe. `seen_pod` is told of pods as the API server answers them; `asked` counts requests by verb and kind."""

    def __init__(self, cluster: Cluster, seen_pod: Callable[[Manifest], None], gone_pod: Callable[[Manifest], None]) -> None:
        self._cluster = cluster
        self._seen_pod = seen_pod
        self._gone_pod = gone_pod
        self._workers = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="write")
        self._counting = threading.Lock()
        self.asked: Counter[str] = Counter()

    def close(self) -> None:
        """Start nothing more."""
        self._workers.shutdown(wait=False, cancel_futures=True)

    def each(self, work: Callable[[Item], None], items: Iterable[Item]) -> None:
        """Do it for all, some at a time. The first error is raised when all have ended."""
        running = [self._workers.submit(work, item) for item in items]
        errors = [error for each in running if (error := each.exception()) is not None]
        if errors:
            raise errors[0]

    def apply(self, manifest: Manifest) -> Manifest:
        """Server-side apply of an object that is the operator's alone."""
        kind = _KINDS[manifest["kind"]]
        where = manifest["metadata"]
        query = {"fieldManager": OPERATOR, "force": "true"}
        self._count("apply", kind)
        path = kind.path(where["namespace"], where["name"])
        return self._cluster.json("PATCH", path, query, manifest, "application/apply-patch+yaml")

    def make(self, objects: PodObjects) -> None:
        """A pod with its ConfigMap and Secret. One that is there already is left as it is."""
        self.apply(objects.config)
        self.apply(objects.credentials)
        self._count("create", POD)
        where = objects.pod["metadata"]
        try:
            self._seen_pod(self._cluster.json("POST", POD.path(where["namespace"]), {"fieldManager": OPERATOR}, objects.pod))
        except RequestError as error:
            if error.code != 409:
                raise

    def tell(self, objects: PodObjects) -> None:
        """Another configuration for a pod that runs: first what is mounted, then the revision, which makes the kubelet look."""
        self.apply(objects.config)
        self.apply(objects.credentials)
        self._count("patch", POD)
        where = objects.pod["metadata"]
        patch = {"metadata": {"annotations": {REVISION: objects.revision}}}
        try:
            path = POD.path(where["namespace"], where["name"])
            self._seen_pod(self._cluster.json("PATCH", path, {"fieldManager": OPERATOR}, patch, _MERGE))
        except RequestError as error:
            if error.code != 404:
                raise
            self._gone_pod(objects.pod)

    def delete(self, pod: SeenPod, *, lost: bool) -> None:
        """A pod, with no grace where its node is lost: nobody there could report that it ended."""
        self._count("delete", POD)
        query = {"gracePeriodSeconds": "0"} if lost else {}
        body = {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": pod.uid}}
        try:
            answer = self._cluster.json("DELETE", POD.path(pod.namespace, pod.name), query, body)
        except RequestError as error:
            if error.code not in (404, 409):
                raise
            answer = {}
        if lost or answer.get("kind") != "Pod":
            self._gone_pod({"metadata": {"name": pod.name, "namespace": pod.namespace, "uid": pod.uid}})
        else:
            self._seen_pod(answer)

    def forget(self, namespace: str, name: str) -> None:
        """The ConfigMap and Secret of a pod that is gone."""
        for kind in (CONFIG_MAP, SECRET):
            self._count("delete", kind)
            self._cluster.delete(kind, name, namespace)

    def configs(self, fleet: FleetObject) -> list[str]:
        """Names of the ConfigMaps of a fleet's pods."""
        labels = f"camslice.dev/fleet={fleet.name},camslice.dev/shard"
        self._count("list", CONFIG_MAP)
        return [each["metadata"]["name"] for each in self._cluster.list(CONFIG_MAP, fleet.namespace, labels=labels)]

    def camera_status(self, namespace: str, name: str, status: Mapping[str, Any]) -> Manifest | None:
        """None for a camera that is gone."""
        return self._status(CAMERA, namespace, name, status)

    def fleet_status(self, fleet: FleetObject, status: Mapping[str, Any]) -> Manifest | None:
        """None for a fleet that is gone."""
        return self._status(CAMERA_FLEET, fleet.namespace, fleet.name, status)

    def token(self, fleet: FleetObject, token: str) -> None:
        """The Secret with what pods ask for."""
        self.apply(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": metadata(fleet, token_secret_name(fleet)),
                "type": "Opaque",
                "data": {"token": base64.b64encode(token.encode()).decode()},
            }
        )

    def _status(self, kind: Kind, namespace: str, name: str, status: Mapping[str, Any]) -> Manifest | None:
        self._count("status", kind)
        try:
            path = kind.path(namespace, name) + "/status"
            return self._cluster.json("PATCH", path, {"fieldManager": OPERATOR}, {"status": dict(status)}, _MERGE)
        except RequestError as error:
            if error.code == 404:
                return None
            raise

    def _count(self, verb: str, kind: Kind) -> None:
        with self._counting:
            self.asked[f"{verb} {kind.plural}"] += 1
