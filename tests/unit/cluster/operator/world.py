"""A cluster as far as the operator's decisions go: it carries them out, perhaps only in part, and lets things happen."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from camslice.cluster.names import PLACEMENT_FILE, REVISION, SHARD, TEMPLATE
from camslice.cluster.objects import CameraObject, FleetObject, ModelObject, NodeShape, PodShape, Slot
from camslice.cluster.operator.decide import Decision, decide
from camslice.cluster.operator.records import stream_status
from camslice.cluster.operator.reports import PodReport
from camslice.cluster.operator.values import FleetView, SeenCamera, SeenPod
from camslice.cluster.pods import PodObjects
from camslice.cluster.sharing.device_plugin import DevicePlugin
from camslice.fleet.types import Objective, StreamKey, Topology


def a_fleet(*, nodes: int = 2, pods: int = 2, streams: int = 2, spares: int = 0, image: str = "camslice:1") -> FleetObject:
    pod = PodShape("people-0", pods, 500, 300.0, 1, (Slot("people", 5.0, streams),))
    shape = NodeShape("a", "g4dn.xlarge", "us-east-1", "on_demand", nodes, Topology.SLICED, 0.526, (pod,))
    model = ModelObject("people", {"weights": "yolox-nano"})
    return FleetObject("street", "default", "u", 1, Objective(), (model,), (shape,), image, spare_nodes=spares)


def a_camera(number: int) -> CameraObject:
    name = f"cam-{number}"
    return CameraObject(name, "", "street", "scene://people", 5.0, ("people",), object_name=name)


class World:
    """Pods are on nodes of `pods` each and ready at once; `configs` is what each pod has mounted."""

    def __init__(self, fleet: FleetObject, cameras: int, pods_per_node: int = 2) -> None:
        self.fleet = fleet
        self.cameras = {f"cam-{number}": a_camera(number) for number in range(cameras)}
        self.statuses: dict[str, dict[str, Any]] = {}
        self.pods: dict[str, SeenPod] = {}
        self.configs: dict[str, dict[str, int]] = {}
        self.lost: set[str] = set()
        self.rollouts: list[dict[str, Any]] = []
        self.released: list[tuple[str, tuple[str, ...]]] = []
        self.reports: dict[str, PodReport] = {}
        self.now_s = 1_000.0
        self.ready_at_once = True
        self._pods_per_node = pods_per_node
        self._uid = 0

    def view(self) -> FleetView:
        cameras = {name: SeenCamera(camera, self.statuses.get(name, {})) for name, camera in self.cameras.items()}
        return FleetView(self.fleet, {"rollouts": self.rollouts}, cameras, dict(self.pods), {}, frozenset(self.lost))

    def decide(self, *, compact: bool = False) -> Decision:
        return decide(self.view(), self.reports, DevicePlugin(), self.now_s, compact=compact)

    def step(self, *, stop_after: int | None = None, compact: bool = False) -> Decision:
        """Carry out one decision, a second after the last. The operator is killed after `stop_after` requests."""
        self.now_s += 1.0
        decision = self.decide(compact=compact)
        works: list[Any] = [lambda key=key: self._say(key, decision) for key in self.cameras]
        works += [lambda made=made: self._make(made) for made in decision.make]
        works += [lambda told=told: self._tell(told) for told in decision.tell]
        works += [lambda each=each: self.released.append((each[0].name, each[1])) for each in decision.release]
        works += [lambda each=each: self.kill(each[0].name) for each in decision.delete]
        works.append(lambda: setattr(self, "rollouts", [dict(each) for each in decision.rollouts.values()]))
        for work in works[:stop_after]:
            work()
        return decision

    def settle(self, steps: int = 40, *, compact: bool = False) -> None:
        """Until nothing is left to be done."""
        for _ in range(steps):
            self.now_s += 5.0
            if self.step(compact=compact).settled:
                return
        raise AssertionError("it never settles")

    def kill(self, name: str) -> None:
        self.pods.pop(name, None)

    def drain(self, name: str) -> None:
        self.pods[name] = replace(self.pods[name], leaving=True)

    def lose(self, node: str) -> None:
        self.lost.add(node)

    def get_ready(self, *names: str) -> None:
        for name in names or tuple(self.pods):
            self.pods[name] = replace(self.pods[name], ready=True, phase="Running")

    def holders(self) -> dict[str, list[tuple[str, int]]]:
        """Of each stream the living pods that analyse it, with the epoch."""
        found: dict[str, list[tuple[str, int]]] = {}
        for name, pod in sorted(self.pods.items()):
            if pod.node not in self.lost:
                for stream, epoch in self.configs.get(name, {}).items():
                    found.setdefault(stream, []).append((name, epoch))
        return found

    def _say(self, name: str, decision: Decision) -> None:
        records = [(key, record) for key, record in decision.records.items() if key.camera == name]
        self.statuses[name] = {"streams": [stream_status(key, record) for key, record in records]}

    def _make(self, objects: PodObjects) -> None:
        name = objects.pod["metadata"]["name"]
        if name in self.pods:
            return
        self._uid += 1
        used = {node: sum(pod.node == node for pod in self.pods.values()) for node in {pod.node for pod in self.pods.values()}}
        node = next(f"n{i}" for i in range(99) if used.get(f"n{i}", 0) < self._pods_per_node and f"n{i}" not in self.lost)
        metadata = objects.pod["metadata"]
        self.pods[name] = SeenPod(
            name,
            "default",
            str(self._uid),
            "street",
            metadata["labels"][SHARD],
            metadata["annotations"][TEMPLATE],
            metadata["annotations"][REVISION],
            node,
            None,
            self.ready_at_once,
            False,
            "Running",
            self.now_s,
        )
        self._mount(objects)

    def _tell(self, objects: PodObjects) -> None:
        name = objects.pod["metadata"]["name"]
        if name in self.pods:
            self.pods[name] = replace(self.pods[name], revision=objects.revision)
            self._mount(objects)

    def _mount(self, objects: PodObjects) -> None:
        placement = json.loads(objects.config["data"][PLACEMENT_FILE])
        self.configs[objects.pod["metadata"]["name"]] = placement["epochs"]


def key(number: int) -> StreamKey:
    return StreamKey(f"cam-{number}", "people")
