"""The cluster's objects, listed once and watched from then on, by lightkube (the extra `cluster`)."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

import httpx2 as httpx
import yaml
from lightkube import Client, KubeConfig, operators
from lightkube.core.exceptions import ApiError, ConfigError, LoadResourceError

from camslice.cluster.client import CAMERA, CAMERA_FLEET, POD
from camslice.cluster.names import FLEET
from camslice.cluster.resources import resource
from camslice.fleet.errors import CamsliceError
from camslice.fleet.secrets import redact
from camslice.web.cluster.parse import Object, camera_seen, fleet_seen, pod_seen
from camslice.web.cluster.seen import ClusterLook

logger = logging.getLogger(__name__)

_FLEETS, _CAMERAS, _PODS = resource(CAMERA_FLEET), resource(CAMERA), resource(POD)
_WATCH_S = 240
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 30.0
_ODD = (CamsliceError, KeyError, TypeError, ValueError, AttributeError)

Seen = TypeVar("Seen")


def connect(kubeconfig: Path | None, namespace: str | None) -> KubeCluster:
    """The cluster of a kubeconfig file, else of our own pod, else of KUBECONFIG. Raises CamsliceError when there is none."""
    try:
        config = KubeConfig.from_file(kubeconfig) if kubeconfig is not None else KubeConfig.from_env()
        client: Client = Client(config=config.get(), field_manager="camslice-web", timeout=httpx.Timeout(10.0))
        # Else a watch waits for ever on a server that vanished without a word; a living one ends it after _WATCH_S.
        client._client._watch_timeout.read = _WATCH_S + 30.0
    except (ConfigError, LoadResourceError, OSError, yaml.YAMLError, *_ODD) as error:
        where = f"--kubeconfig {kubeconfig}: " if kubeconfig is not None else ""
        why = str(error) if isinstance(error, ConfigError | LoadResourceError | OSError) else "the kubeconfig file is none"
        raise CamsliceError(
            f"{where}there is no cluster to show ({redact(why)}); run this inside one, name a kubeconfig file with "
            "--kubeconfig, or show one machine's fleet with `camslice run`."
        ) from None
    return KubeCluster(client, namespace or client.namespace)


class KubeCluster:
    """Implements `Cluster`. Owns a thread for each kind of object; they are daemons, for a watch ends only when it has news."""

    def __init__(self, client: Client, namespace: str) -> None:
        self._client = client
        self._namespace = namespace
        self._ending = threading.Event()
        self._fleets = _Watched(self, _FLEETS, {}, fleet_seen)
        self._cameras = _Watched(self, _CAMERAS, {}, camera_seen)
        self._pods = _Watched(self, _PODS, {FLEET: operators.exists()}, pod_seen)
        self._kinds = (self._fleets, self._cameras, self._pods)

    def start(self) -> None:
        """List everything once, then watch. Raises CamsliceError when the cluster refuses or does not answer."""
        for kind in self._kinds:
            kind.list_once()
        for kind in self._kinds:
            kind.thread.start()

    def look(self) -> ClusterLook:
        """What is known now."""
        fleets = self._fleets.seen()
        uids = {fleet.uid for fleet in fleets}
        problems = [kind.problem for kind in self._kinds if kind.problem is not None]
        return ClusterLook(
            namespace=self._namespace,
            fleets=tuple(fleets),
            cameras=tuple(sorted(self._cameras.seen(), key=lambda camera: camera.name)),
            pods=tuple(pod for pod in self._pods.seen() if pod.owner in uids),
            problem=problems[0] if problems else None,
        )

    def close(self) -> None:
        """Look no more; threads end with their next news, or with the process."""
        self._ending.set()


class _Watched(Generic[Seen]):
    """All objects of a kind in the namespace, as values. Thread-safe."""

    def __init__(self, cluster: KubeCluster, kind: Any, labels: dict[str, Any], parse: Callable[[Object], Seen | None]) -> None:
        self._cluster = cluster
        self._kind = kind
        self._labels = labels or None
        self._parse = parse
        self._lock = threading.Lock()
        self._seen: dict[str, Seen] = {}
        self._version: str | None = None
        self.problem: str | None = None
        self.thread = threading.Thread(target=self._run, name=f"watch {kind.__name__}", daemon=True)

    def seen(self) -> list[Seen]:
        """Those there are."""
        with self._lock:
            return list(self._seen.values())

    def list_once(self) -> None:
        """Read all of them. Raises CamsliceError."""
        try:
            self._list()
        except (ApiError, httpx.HTTPError) as error:
            raise CamsliceError(f"the cluster {_sentence(error)}.") from None

    def _list(self) -> None:
        found = self._cluster._client.list(self._kind, namespace=self._cluster._namespace, labels=self._labels)
        read = {one.metadata.name: self._read(one) for one in found}
        with self._lock:
            self._seen = {name: seen for name, seen in read.items() if seen is not None}
            self._version = found.resourceVersion
        self.problem = None

    def _run(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while not self._cluster._ending.is_set():
            try:
                if self._version is None:
                    self._list()
                for event, one in self._cluster._client.watch(
                    self._kind,
                    namespace=self._cluster._namespace,
                    labels=self._labels,
                    server_timeout=_WATCH_S,
                    resource_version=self._version,
                ):
                    self._take(event, one)
                    pause_s = _FIRST_PAUSE_S
                    if self._cluster._ending.is_set():
                        return
            except (ApiError, httpx.HTTPError) as error:
                self._version = None  # whatever was missed is in the next list
                if not _expired(error):
                    self._tell(_sentence(error))
                    self._cluster._ending.wait(pause_s)
                    pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            except Exception:  # what one event stumbles over must not end the watch
                logger.exception("watching %s met a defect; reading everything again", self._kind.__name__)
                self._version = None
                self._cluster._ending.wait(_LONGEST_PAUSE_S)

    def _take(self, event: str, one: Any) -> None:
        self.problem = None
        if event not in {"ADDED", "MODIFIED", "DELETED"}:
            return
        name, seen = one.metadata.name, None if event == "DELETED" else self._read(one)
        with self._lock:
            if seen is None:
                self._seen.pop(name, None)
            else:
                self._seen[name] = seen
            self._version = one.metadata.resourceVersion

    def _read(self, one: Any) -> Seen | None:
        """What an object is; None for one that is not understood, which is told once for each of its versions."""
        try:
            return self._parse(one.to_dict())
        except _ODD as error:
            logger.warning("%s %s is not understood: %s", self._kind.__name__, one.metadata.name, redact(str(error)))
            return None

    def _tell(self, problem: str) -> None:
        if problem != self.problem:
            logger.warning("the cluster %s", problem)
        self.problem = problem


def _expired(error: Exception) -> bool:
    return isinstance(error, ApiError) and error.status.code == httpx.codes.GONE


def _sentence(error: Exception) -> str:
    if isinstance(error, ApiError):
        if error.status.code == httpx.codes.NOT_FOUND:
            return "knows no CameraFleet; install the chart camslice-crds"
        return f"refuses: {redact(str(error.status.message or error))}"
    return f"does not answer ({redact(str(error)) or type(error).__name__})"
