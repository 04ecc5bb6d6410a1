"""A new image or model: one shape at a time, one pod of it first, compared with those that run the old one, and back by itself.

The state is in the fleet's status (`rollouts`, one entry for each shape), so a new operator goes on where the last one was. An
entry holds the template and, as text, what of the fleet's spec made it: enough to make pods of the old kind again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from statistics import median
from typing import Any

from camslice.cluster.manifests.pod import template_of
from camslice.cluster.objects import FleetObject, ModelObject, NodeShape, PodShape
from camslice.cluster.operator.reports import PodReport, StreamReport
from camslice.cluster.operator.values import FleetView, SeenPod
from camslice.cluster.placement.shards import Shard
from camslice.cluster.sharing.protocol import Sharing

WATCHED_S = 60.0
"""For so long the first pod runs before the others follow."""
_SLOWER, _DROPS_MORE, _SEES_LESS = 1.25, 0.02, 0.7
"""What takes a rollout back: p95 more than a quarter above the old pods', 2 % more drops, or under 70 % of the detections."""
_LEAST_FRAMES = 20


@dataclass(frozen=True, slots=True)
class Judged:
    """What pods of one template do: medians over their streams; None where nobody said."""

    p95_ms: float | None
    drop_rate: float | None
    detections_per_frame: float | None


def why_worse(old: Judged, new: Judged) -> str | None:
    """Why the new ones should not go on, in a sentence; None where nothing speaks against them."""
    if old.p95_ms is not None and new.p95_ms is not None and new.p95_ms > _SLOWER * old.p95_ms:
        return f"p95 was {new.p95_ms:.0f} ms and {old.p95_ms:.0f} before"
    if old.drop_rate is not None and new.drop_rate is not None and new.drop_rate > old.drop_rate + _DROPS_MORE:
        return f"{new.drop_rate:.1%} of the frames were dropped and {old.drop_rate:.1%} before"
    before, after = old.detections_per_frame, new.detections_per_frame
    if before and after is not None and after < _SEES_LESS * before:
        return f"{after:.2f} objects were found in a frame and {before:.2f} before"
    return None


def judged(reports: Sequence[PodReport]) -> Judged:
    """Of streams that were analysed for long enough."""
    streams = [each for report in reports for each in report.streams.values() if each.frames >= _LEAST_FRAMES]
    return Judged(_middle(streams, "p95_ms"), _middle(streams, "drop_rate"), _middle(streams, "detections_per_frame"))


class Rollouts:
    """All shapes of a fleet at one moment."""

    def __init__(
        self,
        view: FleetView,
        reports: Mapping[str, PodReport],
        sharing: Sharing,
        alive: Mapping[str, Sequence[SeenPod]],
        shards: Mapping[str, Shard],
        now_s: float,
    ) -> None:
        self._fleet = view.fleet
        self._reports = reports
        self._alive = alive
        self._shards = shards
        self._sharing = sharing
        self._now_s = now_s
        known = {each["shape"]: dict(each) for each in view.status.get("rollouts") or ()}
        self._entries: dict[str, dict[str, Any]] = {}
        self._templates: dict[tuple[str, str, str], str] = {}
        self._fleets: dict[str, FleetObject] = {}
        rolling = False
        for shape in view.fleet.shapes:
            entry = self._next(shape, known.get(shape.name), free=not rolling)
            rolling = rolling or entry["state"] in ("trying", "rolling")
            self._entries[shape.name] = entry

    def status(self) -> Mapping[str, Mapping[str, Any]]:
        """The entries by shape."""
        return self._entries

    def fleet(self, shard: str) -> FleetObject:
        """The fleet as pods of this shard are to be made of it."""
        return self._made_by(self._spec(shard))

    def template(self, shard: str) -> str:
        """Of the pods that this shard is to have."""
        at = self._shards[shard]
        return self._template(self._spec(shard), at.shape, at.pod)

    def may_replace(self, shard: str) -> bool:
        """Whether a pod of another template may be replaced now: one of a shape at a time."""
        shape = self._shards[shard].shape.name
        if self._entries[shape]["state"] == "trying":
            return self._entries[shape].get("first") == shard
        others = [name for name, each in sorted(self._shards.items()) if each.shape.name == shape and self._is_outdated(name)]
        busy = any(
            len(self._alive.get(name, ())) > 1 or any(not pod.ready for pod in self._alive.get(name, ()))
            for name, each in self._shards.items()
            if each.shape.name == shape and name != shard
        )
        return bool(others) and others[0] == shard and not busy

    def _is_outdated(self, shard: str) -> bool:
        pods = self._alive.get(shard, ())
        return bool(pods) and pods[-1].template != self.template(shard)

    def _next(self, shape: NodeShape, entry: dict[str, Any] | None, *, free: bool) -> dict[str, Any]:
        spec = _spec_of(self._fleet)
        if entry is None or "spec" not in entry:
            return {"shape": shape.name, "state": "done", "spec": spec}
        if entry["state"] == "done":
            return self._start(shape, entry, spec) if entry["spec"] != spec and free else entry
        if entry["spec"] != spec:  # declared anew meanwhile: what ran before is still what to go back to
            return self._start(shape, {**entry, "spec": entry["previousSpec"]}, spec)
        if entry["state"] == "trying":
            return self._tried(shape, entry)
        if entry["state"] == "rolling" and self._all_are(shape, entry["spec"]):
            return {"shape": shape.name, "state": "done", "spec": spec}
        return entry

    def _start(self, shape: NodeShape, entry: Mapping[str, Any], spec: str) -> dict[str, Any]:
        if self._same_pods(shape, entry["spec"], spec):
            return {"shape": shape.name, "state": "done", "spec": spec}
        mine = sorted(name for name, shard in self._shards.items() if shard.shape.name == shape.name and self._alive.get(name))
        if not mine:
            return {"shape": shape.name, "state": "done", "spec": spec}
        since = datetime.fromtimestamp(self._now_s, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        return {
            "shape": shape.name,
            "state": "trying",
            "spec": spec,
            "previousSpec": entry["spec"],
            "first": mine[0],
            "since": since,
            "baseline": _told(judged(self._reports_of(shape, None))),
        }

    def _tried(self, shape: NodeShape, entry: dict[str, Any]) -> dict[str, Any]:
        first = str(entry.get("first"))
        if not self._alive.get(first):  # nobody needs it any more, or it was lost: another is tried
            return self._start(shape, {**entry, "spec": entry["previousSpec"]}, entry["spec"])
        at = self._shards[first]
        wanted = self._template(entry["spec"], shape, at.pod)
        new = [pod for pod in self._alive.get(first, ()) if pod.template == wanted]
        if not new or not new[-1].ready or self._now_s - new[-1].created_s < WATCHED_S:
            return entry
        before = judged(self._reports_of(shape, wanted))
        if before.p95_ms is None:  # the first was the only one
            before = _heard(entry.get("baseline") or {})
        worse = why_worse(before, judged([self._reports[pod.name] for pod in new if pod.name in self._reports]))
        if worse is not None:
            return {**entry, "state": "taken back", "reason": worse}
        return {**entry, "state": "rolling"}

    def _reports_of(self, shape: NodeShape, but: str | None) -> list[PodReport]:
        """Of the shape's pods, those of one template left out."""
        return [
            self._reports[pod.name]
            for name, pods in sorted(self._alive.items())
            for pod in pods
            if self._shards[name].shape.name == shape.name and pod.template != but and pod.name in self._reports
        ]

    def _all_are(self, shape: NodeShape, spec: str) -> bool:
        return all(
            pod.template == self._template(spec, shape, self._shards[name].pod)
            for name, pods in self._alive.items()
            for pod in pods
            if self._shards[name].shape.name == shape.name
        )

    def _same_pods(self, shape: NodeShape, one: str, other: str) -> bool:
        return all(self._template(one, shape, pod) == self._template(other, shape, pod) for pod in shape.pods)

    def _spec(self, shard: str) -> str:
        entry = self._entries[self._shards[shard].shape.name]
        new = entry["state"] in ("done", "rolling") or (entry["state"] == "trying" and entry.get("first") == shard)
        return str(entry["spec"] if new else entry["previousSpec"])

    def _made_by(self, spec: str) -> FleetObject:
        if spec not in self._fleets:
            self._fleets[spec] = _with_spec(self._fleet, spec)
        return self._fleets[spec]

    def _template(self, spec: str, shape: NodeShape, pod: PodShape) -> str:
        key = (spec, shape.name, pod.name)
        if key not in self._templates:
            self._templates[key] = template_of(self._made_by(spec), shape, pod, self._sharing)
        return self._templates[key]


def _told(of: Judged) -> dict[str, float]:
    values = {"p95Ms": of.p95_ms, "dropRate": of.drop_rate, "detectionsPerFrame": of.detections_per_frame}
    return {key: value for key, value in values.items() if value is not None}


def _heard(told: Mapping[str, float]) -> Judged:
    return Judged(told.get("p95Ms"), told.get("dropRate"), told.get("detectionsPerFrame"))


def _spec_of(fleet: FleetObject) -> str:
    models = [{"name": model.name, "keys": dict(model.keys), "sha256": model.sha256} for model in fleet.models]
    return json.dumps({"image": fleet.image, "models": models}, sort_keys=True)


def _with_spec(fleet: FleetObject, spec: str) -> FleetObject:
    read = json.loads(spec)
    models = tuple(ModelObject(each["name"], each["keys"], each["sha256"]) for each in read["models"])
    return replace(fleet, image=read["image"], models=models)


def _middle(streams: Sequence[StreamReport], name: str) -> float | None:
    values = [value for each in streams if (value := getattr(each, name)) is not None]
    return float(median(values)) if values else None
