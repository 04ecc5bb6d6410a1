"""A cluster without a cluster: its objects under the control of a test, its pods real web servers on loopback addresses."""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence
from dataclasses import replace

from camslice.fleet.types import Objective
from camslice.web.app import create_app
from camslice.web.cluster.fleet import ClusterFleet
from camslice.web.cluster.pod_client import pod_asker
from camslice.web.cluster.seen import CameraSeen, Cluster, ClusterLook, FleetSeen, PodSeen
from camslice.web.server import WebServer
from camslice.web.view import Condition
from tests.fake_fleet import MODEL, FakeFleet, parse_camera

TOKEN = "the-pods-token"
SITE = FleetSeen(
    name="site",
    namespace="video",
    uid="uid-of-site",
    objective=Objective(latency_ms=500.0, usd_per_camera_month=30.0),
    models={MODEL: "yolox-nano"},
    conditions=(Condition("Ready", True, "AllPlaced", "every camera runs", False),),
    usd_per_month=55.0,
)


class FakeCluster:
    """Implements `Cluster`. A test replaces what is seen."""

    def __init__(self) -> None:
        self.seen = ClusterLook("video", (SITE,))
        self.closed = False

    def look(self) -> ClusterLook:
        return self.seen

    def close(self) -> None:
        self.closed = True

    def camera(self, name: str, *, state: str = "live", reason: str = "", shard: str = "", fps: float = 5.0) -> None:
        """Add a Camera, or replace the one of that name."""
        shards = {MODEL: shard} if shard else {}
        seen = CameraSeen(name, "site", f"rtsp://***@10.0.0.7/{name}", fps, (MODEL,), state, reason, shards)
        others = [camera for camera in self.seen.cameras if camera.name != name]
        self.seen = replace(self.seen, cameras=tuple(sorted([*others, seen], key=lambda camera: camera.name)))

    def conditions(self, *conditions: Condition) -> None:
        """What the operator says of the fleet."""
        self.seen = replace(self.seen, fleets=(replace(SITE, conditions=conditions),))


_: type[Cluster] = FakeCluster


class FakePods:
    """Pods that serve fake fleets at 127.0.0.2, 127.0.0.3, ... on one port, as pods of a cluster do. Ends in `close`."""

    def __init__(self, cluster: FakeCluster, *, token: str = TOKEN) -> None:
        self.port = _free_port()
        self.fleets: dict[str, FakeFleet] = {}
        self._cluster = cluster
        self._token = token
        self._servers: dict[str, WebServer] = {}
        self._lock = threading.Lock()

    def add(self, cameras: Sequence[str], *, name: str | None = None) -> str:
        """A pod that analyses these cameras; its name."""
        number = len(self._servers) + 1
        name = name or f"site-a-0-{number}"
        address = f"127.0.{number // 200}.{2 + number % 200}"
        fleet = FakeFleet(cameras)
        server = WebServer(create_app(fleet, token=self._token, parse_camera=parse_camera), address, self.port)
        server.start()
        self.fleets[name], self._servers[name] = fleet, server
        pod = PodSeen(name, f"uid-of-{name}", "site", name, address, ready=True)
        self._cluster.seen = replace(self._cluster.seen, pods=(*self._cluster.seen.pods, pod))
        return name

    def stop(self, name: str) -> None:
        """The pod answers no more; the cluster has not noticed."""
        self._servers[name].stop()

    def remove(self, name: str) -> None:
        """The pod is gone from the cluster, too."""
        self.stop(name)
        self._cluster.seen = replace(self._cluster.seen, pods=tuple(pod for pod in self._cluster.seen.pods if pod.name != name))

    def close(self) -> None:
        for server in self._servers.values():
            server.stop()


def fleet_over(cluster: FakeCluster, pods: FakePods, *, token: str | None = TOKEN, name: str | None = None) -> ClusterFleet:
    """The page's view of a cluster and its pods; a test asks the pods round by round, or starts it."""
    return ClusterFleet(cluster, pod_asker(lambda: token, port=pods.port), name)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("0.0.0.0", 0))
        return int(listener.getsockname()[1])
