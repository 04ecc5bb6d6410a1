"""What is to be done for a fleet, from what was seen of it. Pure: the same view leads to the same decision.

What makes it safe to be killed at any point of carrying a decision out, which is done in the order of `Decision`'s fields:

- A stream's place and epoch are in its Camera's status before any pod is told. Whoever comes after finds them there.
- A pod that is made anew has a name that was never used for its shard, and its streams a higher epoch: should the one before
  still run on a node that nobody hears of, the store takes nothing of it any more.
- A pod keeps a stream that moves until the first result is there from the new one, which the status says (`leaving`).
- ConfigMap and Secret are written before the revision on the pod. A revision that differs is work that is left.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from camslice.cluster.manifests.assigned import Assigned
from camslice.cluster.manifests.network import hidden_from_policy
from camslice.cluster.manifests.pod import template_of
from camslice.cluster.objects import CameraObject, FleetObject
from camslice.cluster.operator.nodes import on_real_nodes
from camslice.cluster.operator.placing import Situation, placed
from camslice.cluster.operator.records import NOWHERE, Record, records_of
from camslice.cluster.operator.reports import PodReport
from camslice.cluster.operator.rollout import Rollouts
from camslice.cluster.operator.values import FleetView, SeenPod
from camslice.cluster.placement.place import Place, Stream
from camslice.cluster.placement.shards import Shard, shards_of
from camslice.cluster.pods import PodObjects, first_pod_name, pod_objects, rules_of, streams_of
from camslice.cluster.sharing.protocol import Sharing
from camslice.fleet.types import StreamKey

Manifest = dict[str, Any]


Memory = MutableMapping[str, tuple[object, PodObjects]]
"""By pod: what its objects were made of last time, and the objects."""


@dataclass(frozen=True, slots=True)
class Decision:
    """`placed` and `refused` streams; then, in this order: statuses that must be there before anything else (`records`), pods
    to make, pods to tell something new, releases to send (pod, streams), pods to delete (with no grace where their node is
    lost). `rollouts` as they are now; `settled`: nothing is on its way."""

    records: Mapping[StreamKey, Record]
    refused: Mapping[StreamKey, str]
    make: Sequence[PodObjects]
    tell: Sequence[PodObjects]
    release: Sequence[tuple[SeenPod, tuple[str, ...]]]
    delete: Sequence[tuple[SeenPod, bool]]
    rollouts: Mapping[str, Mapping[str, Any]]
    moved: int
    settled: bool
    pods: Mapping[str, SeenPod] = field(default_factory=dict)
    """By shard: the pod that has its streams, where there is one."""


def decide(
    view: FleetView,
    reports: Mapping[str, PodReport],
    sharing: Sharing,
    now_s: float,
    *,
    compact: bool = False,
    memory: Memory | None = None,
) -> Decision:
    """`reports` by pod name; a pod without one could not be asked. `compact`: streams may be moved to empty a node. `memory`
    spares writing the same objects down again; it changes no answer.
    """
    return _Deciding(view, reports, sharing, now_s, {} if memory is None else memory, compact=compact).decision()


class _Deciding:
    """One decision in the making."""

    def __init__(
        self,
        view: FleetView,
        reports: Mapping[str, PodReport],
        sharing: Sharing,
        now_s: float,
        memory: Memory,
        *,
        compact: bool,
    ) -> None:
        self._view = view
        self._reports = reports
        self._sharing = sharing
        self._compact = compact
        self._now_s = now_s
        self._memory = memory
        self._fleet: FleetObject = view.fleet
        self._shards = {shard.name: shard for shard in shards_of(view.fleet)}
        self._records = records_of(view.cameras)
        self._alive: dict[str, list[SeenPod]] = {}
        for pod in sorted(view.pods.values(), key=lambda each: (each.created_s, each.name)):
            if self._is_alive(pod):
                self._alive.setdefault(pod.shard, []).append(pod)
        standing = {name: pod for name, pod in view.pods.items() if pod.node not in view.lost_nodes}
        self._on_nodes, self._wanted_node = on_real_nodes(self._shards, standing, self._alive)
        self._rollouts = Rollouts(view, reports, sharing, self._alive, self._shards, now_s)

    def decision(self) -> Decision:
        cameras, refused = self._sound_cameras()
        streams = streams_of(cameras)
        places, without = self._places(streams)
        refused |= without
        filled = {at.shard for at in places.values()} | {name for name, shard in self._shards.items() if shard.spare}
        pods, names = self._pods(filled)
        records = {key: self._record(key, at, names[at.shard]) for key, at in places.items()}
        by_name = {camera.name: camera for camera in cameras}
        make, tell = [], []
        for name in sorted(filled):
            streams_there = self._assigned(records, by_name, names[name])
            objects = self._objects(self._shards[name], names[name], streams_there)
            if name not in pods:
                make.append(objects)
            elif pods[name].revision != objects.revision:
                tell.append(objects)
        tell += self._old_pods(records, by_name, names, pods)
        delete = self._superfluous(records, names)
        moved = sum(1 for key, record in records.items() if key in self._records and self._records[key].shard != record.shard)
        return Decision(
            records,
            refused,
            make,
            tell,
            self._releases(records),
            delete,
            self._rollouts.status(),
            moved,
            not (make or tell or delete) and not any(record.leaving for record in records.values()),
            pods,
        )

    def _is_alive(self, pod: SeenPod) -> bool:
        return not pod.leaving and not pod.ended and pod.node not in self._view.lost_nodes and pod.shard in self._shards

    def _sound_cameras(self) -> tuple[list[CameraObject], dict[StreamKey, str]]:
        """Cameras that can be placed at all, and the streams of the others with the reason."""
        known = {model.name for model in self._fleet.models}
        sound: list[CameraObject] = []
        refused: dict[StreamKey, str] = {}
        for name, seen in sorted(self._view.cameras.items()):
            camera = seen.camera
            reason = hidden_from_policy(camera, self._fleet.camera_cidrs)
            if unknown := [model for model in camera.models if model not in known]:
                reason = f"the fleet has no model {unknown[0]}; it has {', '.join(sorted(known))}"
            if reason is None:
                sound.append(camera)
            else:
                refused |= {StreamKey(name, model): reason for model in camera.models}
        return sound, refused

    def _places(self, streams: Sequence[Stream]) -> tuple[dict[StreamKey, Place], dict[StreamKey, str]]:
        lost = {
            pod.shard
            for pod in self._view.pods.values()
            if pod.node in self._view.lost_nodes and not self._alive.get(pod.shard)
        }
        ready = {name for name, pods in self._alive.items() if any(pod.ready for pod in pods)}
        situation = Situation(self._on_nodes, frozenset(lost), frozenset(ready))
        now = {key: record.shard for key, record in self._records.items()}
        return placed(streams, now, situation, rules_of(self._fleet, compact=self._compact))

    def _pods(self, filled: set[str]) -> tuple[dict[str, SeenPod], dict[str, str]]:
        """For each shard that is needed the pod that is to have its streams, where it is there, and its name in any case."""
        pods: dict[str, SeenPod] = {}
        names: dict[str, str] = {}
        for name in sorted(filled):
            wanted = self._rollouts.template(name)
            fitting = [pod for pod in self._alive.get(name, ()) if pod.template == wanted]
            if fitting:
                pods[name] = fitting[-1]
                names[name] = fitting[-1].name
            elif self._alive.get(name) and not self._rollouts.may_replace(name):
                pods[name] = self._alive[name][-1]
                names[name] = self._alive[name][-1].name
            else:
                names[name] = self._new_name(self._shards[name])
        return pods, names

    def _new_name(self, shard: Shard) -> str:
        first = first_pod_name(self._fleet, shard)
        used = {pod.name for pod in self._view.pods.values() if pod.shard == shard.name}
        used |= {record.pod for record in self._records.values() if record.shard == shard.name and record.pod}
        numbers = [_number(name, first) for name in used]
        return first if not used else f"{first}-{max(numbers, default=0) + 1}"

    def _record(self, key: StreamKey, at: Place, pod: str) -> Record:
        before = self._records.get(key, NOWHERE)
        if (before.shard, before.pod) == (at.shard, pod):
            kept = replace(before, fps=at.fps)
            return kept if self._still_leaving(key, before) else replace(kept, leaving="", leaving_epoch=0)
        # By the clock, for a camera that is removed and added again has forgotten its epochs, and the store has not.
        epoch = max(before.epoch + 1, int(self._now_s))
        left, left_epoch = self._analysed_by(key, before)
        return Record(at.shard, pod, epoch, at.fps, *((left, left_epoch) if left != pod else ("", 0)))

    def _analysed_by(self, key: StreamKey, record: Record) -> tuple[str, int]:
        """The pod that still analyses a stream, and under which epoch: if that moves again before the first result is there
        from where it was to go, it is the pod that it was leaving."""
        if self._still_leaving(key, record):
            return record.leaving, record.leaving_epoch
        old = self._view.pods.get(record.pod)
        if old is None or old.ended or old.node in self._view.lost_nodes:
            return "", 0
        return record.pod, record.epoch

    def _still_leaving(self, key: StreamKey, record: Record) -> bool:
        if not record.leaving:
            return False
        old, new = self._view.pods.get(record.leaving), self._view.pods.get(record.pod)
        if old is None or old.ended or old.node in self._view.lost_nodes:
            return False
        if new is None:
            return True
        report = self._reports.get(new.name)
        if report is None:  # it cannot be asked: its probe decides
            return not new.ready
        told = report.streams.get(f"{key.camera}/{key.model}")
        return told is None or told.epoch != record.epoch or not told.has_result

    def _assigned(self, records: Mapping[StreamKey, Record], cameras: Mapping[str, CameraObject], pod: str) -> list[Assigned]:
        """The streams of a pod, with those that leave it and are not live elsewhere yet, under their old epoch."""
        mine = []
        for key, record in records.items():
            if record.pod == pod:
                mine.append(Assigned(cameras[key.camera], key.model, record.fps, record.epoch))
            elif record.leaving == pod:
                mine.append(Assigned(cameras[key.camera], key.model, record.fps, record.leaving_epoch))
        return mine

    def _objects(self, shard: Shard, name: str, streams: Sequence[Assigned]) -> PodObjects:
        fleet = self._rollouts.fleet(shard.name)
        secrets = {each.camera.secret: self._view.secrets.get(each.camera.secret) for each in streams if each.camera.secret}
        node = self._wanted_node.get(shard.name)
        made_of = (fleet, shard, tuple(streams), secrets, node)
        known = self._memory.get(name)
        if known is None or known[0] != made_of:
            known = (made_of, pod_objects(fleet, shard, name, streams, self._view.secrets, self._sharing, node))
            self._memory[name] = known
        return known[1]

    def _old_pods(
        self,
        records: Mapping[StreamKey, Record],
        cameras: Mapping[str, CameraObject],
        names: Mapping[str, str],
        pods: Mapping[str, SeenPod],
    ) -> list[PodObjects]:
        """Pods that are replaced, and pods of shards that nobody needs any more, as long as streams are leaving them."""
        current = set(names.values())
        tell = []
        for shard, alive in sorted(self._alive.items()):
            for pod in alive:
                if pod.name in current:
                    continue
                streams = self._assigned(records, cameras, pod.name)
                objects = self._objects(self._shards[shard], pod.name, streams)
                if streams and objects.revision != pod.revision:
                    tell.append(objects)
        return tell

    def _superfluous(self, records: Mapping[StreamKey, Record], names: Mapping[str, str]) -> list[tuple[SeenPod, bool]]:
        current = set(names.values())
        leaving = {record.leaving for record in records.values()}
        found = []
        for pod in sorted(self._view.pods.values(), key=lambda each: each.name):
            if pod.node in self._view.lost_nodes:
                found.append((pod, True))
            elif pod.ended or (not pod.leaving and pod.name not in current and pod.name not in leaving):
                found.append((pod, False))
        return found

    def _releases(self, records: Mapping[StreamKey, Record]) -> list[tuple[SeenPod, tuple[str, ...]]]:
        """Pods that are going away and whose streams are live elsewhere."""
        found: dict[str, list[str]] = {}
        for key, before in self._records.items():
            record = records.get(key)
            if before.leaving and (record is None or not record.leaving):
                found.setdefault(before.leaving, []).append(f"{key.camera}/{key.model}")
        return [
            (self._view.pods[name], tuple(sorted(streams)))
            for name, streams in sorted(found.items())
            if name in self._view.pods and self._view.pods[name].leaving
        ]


def wanted_template(fleet: FleetObject, shard: Shard, sharing: Sharing) -> str:
    """Of pods of this shard by the fleet as it is declared."""
    return template_of(fleet, shard.shape, shard.pod, sharing)


def _number(name: str, first: str) -> int:
    tail = name.removeprefix(first).removeprefix("-")
    return int(tail) if tail.isdecimal() else 0
