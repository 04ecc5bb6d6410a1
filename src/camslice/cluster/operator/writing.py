"""Carries a decision out: the requests that make it true, in the order that makes it safe, and no others.

What the API server answers is taken note of at once, for the watch may tell of it later than the next decision is made.
No request is begun when we may not act any more. Statuses hold the places and epochs of streams: they are written over what
they were decided from only, so that an operator that was thought dead undoes nothing that another did since.
"""

from __future__ import annotations

import base64
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from camslice.cluster.client import (
    CAMERA,
    CAMERA_FLEET,
    CONFIG_MAP,
    DEPLOYMENT,
    POD,
    Cluster,
    Kind,
    Manifest,
    RequestError,
    passes,
)
from camslice.cluster.manifests.common import metadata
from camslice.cluster.manifests.pod import token_secret_name
from camslice.cluster.names import OPERATOR, REVISION
from camslice.cluster.objects import FleetObject
from camslice.cluster.operator.values import Fault, FleetView, SeenCamera, SeenPod
from camslice.cluster.pods import PodObjects
from camslice.fleet.errors import ClusterError

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


class MayNotError(ClusterError):
    """We may not act, or are ending: nothing was sent."""


class StaleError(ClusterError):
    """An object was changed meanwhile, and what was decided rests on what it was before."""


class Writing:
    """Thread-safe. `seen_pod` is told of pods as the API server answers them; `may` says whether we may act at this moment.

    `asked` counts requests by verb and kind, `left` those that were not begun, by why. `sign_s`: when the last one ended.
    """

    def __init__(
        self,
        cluster: Cluster,
        seen_pod: Callable[[Manifest], None],
        gone_pod: Callable[[Manifest], None],
        may: Callable[[], bool],
    ) -> None:
        self._cluster = cluster
        self._seen_pod = seen_pod
        self._gone_pod = gone_pod
        self._may = may
        self._closed = threading.Event()
        self._workers = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="write")
        self._counting = threading.Lock()
        self.asked: Counter[str] = Counter()
        self.left: Counter[str] = Counter()
        self.sign_s = time.monotonic()

    def stop(self) -> None:
        """Begin nothing more; what is on its way ends."""
        self._closed.set()

    def close(self) -> None:
        """Wait for what is on its way."""
        self.stop()
        self._workers.shutdown(wait=True, cancel_futures=True)

    def repeated(self) -> Mapping[int, int]:
        """Requests that were sent again because the server was busy, by its HTTP status."""
        return dict(self._cluster.repeated)

    def each(self, work: Callable[[Item], None], items: Iterable[Item]) -> None:
        """Do it for all, some at a time. The first error is raised when all have ended.

        What one object is refused for stops no other. When the server is away or busy, or when we may not act any more, the
        rest is left: each of them would wait as long in vain.
        """
        left = threading.Event()

        def one(item: Item) -> None:
            if left.is_set():
                self._count_left("the server is away or busy")
                return
            try:
                work(item)
            except ClusterError as error:
                if passes(error) or isinstance(error, MayNotError):
                    left.set()
                raise
            finally:
                self.sign_s = time.monotonic()

        running = [self._workers.submit(one, item) for item in items]
        errors = [error for each in running if (error := each.exception()) is not None]
        if len(errors) > 1:
            logger.info("%d of %d requests failed; the first: %s", len(errors), len(running), errors[0])
        if errors:
            raise errors[0]

    def apply(self, manifest: Manifest, manager: str = OPERATOR) -> Manifest:
        """Server-side apply of what is that field manager's alone."""
        kind = _KINDS[manifest["kind"]]
        where = manifest["metadata"]
        query = {"fieldManager": manager, "force": "true"}
        self._begin("apply", kind)
        path = kind.path(where["namespace"], where["name"])
        return self._cluster.json("PATCH", path, query, manifest, "application/apply-patch+yaml")

    def remove(self, kind: Kind, namespace: str, name: str) -> None:
        """An object that may be there, of a kind that may be known."""
        self._begin("delete", kind)
        self._cluster.delete(kind, name, namespace)

    def make(self, objects: PodObjects) -> None:
        """A pod with its ConfigMap and Secret. One that is there already is left as it is."""
        self.apply(objects.config)
        self.apply(objects.credentials)
        self._begin("create", POD)
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
        self._begin("patch", POD)
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
        self._begin("delete", POD)
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
            self._begin("delete", kind)
            self._cluster.delete(kind, name, namespace)

    def configs(self, fleet: FleetObject) -> list[str]:
        """Names of the ConfigMaps of a fleet's pods."""
        labels = f"camslice.dev/fleet={fleet.name},camslice.dev/shard"
        self._begin("list", CONFIG_MAP)
        return [each["metadata"]["name"] for each in self._cluster.list(CONFIG_MAP, fleet.namespace, labels=labels)]

    def camera_status(self, seen: SeenCamera, status: Mapping[str, Any]) -> Manifest | None:
        """None for a camera that is gone. Raises StaleError when somebody has written it since it was seen."""
        camera = seen.camera
        return self._status(CAMERA, camera.namespace, camera.object_name, seen.version, seen.status, status)

    def fault_status(self, kind: Kind, fault: Fault, status: Mapping[str, Any]) -> Manifest | None:
        """Of a Camera or a CameraFleet that is not sound. None and StaleError as for others."""
        return self._status(kind, fault.namespace, fault.name, fault.version, fault.status, status)

    def fleet_status(self, view: FleetView, status: Mapping[str, Any]) -> Manifest | None:
        """None for a fleet that is gone. Raises StaleError when somebody has written it since it was seen."""
        return self._status(CAMERA_FLEET, view.fleet.namespace, view.fleet.name, view.version, view.status, status)

    def _status(
        self, kind: Kind, namespace: str, name: str, version: str, before: Mapping[str, Any], status: Mapping[str, Any]
    ) -> Manifest | None:
        self._begin("status", kind)
        patch: Manifest = {"status": dict.fromkeys(before) | dict(status)}  # what is not said any more is taken away
        if version:
            patch["metadata"] = {"resourceVersion": version}
        path = kind.path(namespace, name) + "/status"
        try:
            return self._cluster.json("PATCH", path, {"fieldManager": OPERATOR}, patch, _MERGE)
        except RequestError as error:
            if error.code == 404:
                return None
            if error.code == 409:
                raise StaleError(f"{name} was changed meanwhile; it is looked at again") from None
            raise

    def _begin(self, verb: str, kind: Kind) -> None:
        """Before each request."""
        if self._closed.is_set() or not self._may():
            self._count_left("we may not act")
            raise MayNotError(f"{verb} {kind.plural}: not sent, for this operator may not act any more")
        self.sign_s = time.monotonic()
        with self._counting:
            self.asked[f"{verb} {kind.plural}"] += 1

    def _count_left(self, why: str) -> None:
        with self._counting:
            self.left[why] += 1


def token_secret(fleet: FleetObject, token: str) -> Manifest:
    """The Secret with what a fleet's pods ask for."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata(fleet, token_secret_name(fleet)),
        "type": "Opaque",
        "data": {"token": base64.b64encode(token.encode()).decode()},
    }
