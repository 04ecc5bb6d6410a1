"""A cluster's fleet as the page, the API and the metrics see it: objects, states of pods and sums, in one view."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from camslice.fleet.accounting import FrameCounts
from camslice.fleet.errors import FleetError
from camslice.fleet.types import CameraSpec, Fleet, ModelSpec, Objective, StreamKey
from camslice.stream.model_work import policy_over, work_of
from camslice.web.cluster.placing import Placing
from camslice.web.cluster.pod_client import Ask
from camslice.web.cluster.pod_watch import Answer, PodWatch
from camslice.web.cluster.seen import Cluster, ClusterLook, FleetSeen, PodSeen
from camslice.web.cluster.sums import Sums
from camslice.web.state_json import PodState
from camslice.web.view import (
    CameraStatus,
    ClusterFacts,
    EngineStatus,
    FleetStatus,
    PlacementState,
    Preview,
    RunningFleet,
    StreamStatus,
)

_PROBLEMS_SHOWN = 12
OWNED = (
    "the cluster owns the cameras of this fleet, and this page changes nothing: "
    "apply or delete Camera objects, such as with kubectl apply -f camera.yaml"
)


class ClusterFleet:
    """Implements `RunningFleet` for one CameraFleet. Thread-safe. Owns the watch over its pods; ends in `close`."""

    def __init__(
        self, cluster: Cluster, ask: Ask, name: str | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`name` of the CameraFleet; None takes the only one, or the first of several and says so."""
        self._cluster = cluster
        self._name = name
        self._clock = clock
        self._began_s = clock()
        self._lock = threading.Lock()
        self._sums = Sums()
        self._pod_of: Mapping[str, PodSeen] = {}
        self.pods = PodWatch(self._pods, self.pod_of, ask, clock)

    def start(self) -> None:
        """Begin to ask the pods."""
        self.pods.start()

    def close(self) -> None:
        """Ask and look no more."""
        self.pods.close()
        self._cluster.close()

    def status(self) -> FleetStatus:
        """Everything at one instant."""
        look = self._cluster.look()
        fleet = _chosen(look, self._name)
        pods = {pod.name: pod for pod in look.pods if fleet is not None and pod.fleet == fleet.name}
        answers = {name: answer for name, answer in self.pods.answers().items() if name in pods}
        with self._lock:
            for name, answer in answers.items():
                if answer.state is not None:
                    self._sums.take(name, answer.state)
            self._sums.keep_only(pods)
            placing = Placing(pods, answers, self._clock())
            cameras = [camera for camera in look.cameras if fleet is not None and camera.fleet == fleet.name]
            shown = {camera.name: placing.status(camera) for camera in cameras}
            self._pod_of = {name: pods[found.pods[0]] for name, found in shown.items() if found.pods}
            streams = [stream for camera in cameras for stream in placing.streams(camera, self._sums)]
            return FleetStatus(
                fleet=_declared(fleet),
                generation=0,
                uptime_s=self._clock() - self._began_s,
                cameras=list(shown.values()),
                streams=streams,
                removed=self._rest(placing.shown),
                engines=_engines([answer.state for answer in answers.values() if answer.state is not None]),
                memory_mb=sum(answer.state.memory_mb for answer in answers.values() if answer.state is not None),
                cpu_cores=sum(answer.state.cpu_cores for answer in answers.values() if answer.state is not None),
                restarts=sum(answer.state.restarts for answer in answers.values() if answer.state is not None),
                dropped_results=_dropped(answers.values()),
                problems=_problems(look, fleet, self._name, pods, answers),
                cluster=_facts(look, fleet, pods, placing, shown.values()),
            )

    def report(self) -> Mapping[str, object]:
        """What the operator says of the fleet, and each camera's state."""
        status = self.status()
        facts = status.cluster
        return {
            "fleet": None if facts is None else {"namespace": facts.namespace, "name": facts.fleet},
            "conditions": [] if facts is None else [[one.type, one.holds, one.reason, one.message] for one in facts.conditions],
            "cameras": [
                {"name": camera.name, "state": str(camera.state), "reason": camera.reason, "pods": list(camera.pods)}
                for camera in status.cameras
            ],
            "dropped_results": dict(status.dropped_results),
        }

    def add_camera(self, camera: CameraSpec) -> None:
        """Refused: the cluster's objects say which cameras there are."""
        raise FleetError(OWNED)

    def change_camera(self, camera: CameraSpec) -> None:
        """Refused: the cluster's objects say which cameras there are."""
        raise FleetError(OWNED)

    def remove_camera(self, name: str) -> None:
        """Refused: the cluster's objects say which cameras there are."""
        raise FleetError(OWNED)

    def watch(self, cameras: Sequence[str]) -> None:
        """Fetch pictures for the next three seconds."""
        self.pods.watch(cameras)

    def preview(self, camera: str, newer_than: int) -> Preview | None:
        """The newest picture."""
        return self.pods.preview(camera, newer_than)

    def pod_of(self, camera: str) -> PodSeen | None:
        """The pod that analyses a camera, as far as the last look knew; the first of its models'."""
        return self._pod_of.get(camera)

    def _pods(self) -> Sequence[PodSeen]:
        look = self._cluster.look()
        fleet = _chosen(look, self._name)
        return [pod for pod in look.pods if fleet is not None and pod.fleet == fleet.name]

    def _rest(self, shown: Mapping[str, frozenset[StreamKey]]) -> list[StreamStatus]:
        """What belongs into the sums beside the streams that are shown: stages by model, and frames of what is gone."""
        stages = self._sums.stages()
        rest = [_only(model, FrameCounts()) for model in stages]
        rest = [replace(one, stages=stages[one.key.model]) for one in rest]
        return [*rest, _only("", self._sums.rest(shown))]


def _chosen(look: ClusterLook, name: str | None) -> FleetSeen | None:
    for fleet in sorted(look.fleets, key=lambda one: one.name):
        if name is None or fleet.name == name:
            return fleet
    return None


def _declared(fleet: FleetSeen | None) -> Fleet:
    """As much of it as the page needs. No fleet yet: an empty one."""
    if fleet is None:
        return Fleet(Objective(latency_ms=500.0), {}, ())
    return Fleet(fleet.objective, {name: ModelSpec(name, weights) for name, weights in fleet.models.items()}, ())


def _only(model: str, frames: FrameCounts) -> StreamStatus:
    return StreamStatus(StreamKey("", model), frames, {}, {}, 0.0, None, None)


def _engines(states: Sequence[PodState]) -> list[EngineStatus]:
    """One for each model and kind of device: how busy on average, and the trouble of the first that has any."""
    alike: dict[tuple[str, str, str, str], list[EngineStatus]] = {}
    for state in states:
        for engine in state.engines:
            alike.setdefault((engine.model, engine.backend, engine.device, engine.precision), []).append(engine)
    merged = []
    for engines in alike.values():
        problems = [engine.problem for engine in engines if engine.problem]
        problem = f"{len(problems)} of {len(engines)}: {problems[0]}" if problems else None
        occupancy = sum(engine.occupancy for engine in engines) / len(engines)
        work = work_of(engine.work for engine in engines)
        policy = policy_over([engine.policy for engine in engines if engine.policy is not None])
        merged.append(replace(engines[0], occupancy=occupancy, problem=problem, work=work, policy=policy))
    return sorted(merged, key=lambda engine: (engine.model, engine.backend, engine.device))


def _dropped(answers: Iterable[Answer]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for answer in answers:
        if answer.state is not None:
            total.update(answer.state.dropped_results)
    return dict(sorted(total.items()))


def _problems(
    look: ClusterLook,
    fleet: FleetSeen | None,
    name: str | None,
    pods: Mapping[str, PodSeen],
    answers: Mapping[str, Answer],
) -> list[str]:
    if look.problem is not None:
        return [f"the cluster: {look.problem}"]
    if fleet is None:
        wanted = "no CameraFleet" if name is None else f"no CameraFleet {name}"
        return [f"there is {wanted} in namespace {look.namespace} yet"]
    problems = [f"{one.type}: {one.message or one.reason}" for one in fleet.conditions if one.bad]
    if name is None and len(look.fleets) > 1:
        others = ", ".join(sorted(one.name for one in look.fleets if one.name != fleet.name))
        problems.append(f"this is {fleet.name}; namespace {look.namespace} also has {others}: name one with --fleet")
    of_pods = [f"pod {pod.name} is not ready: {pod.reason}" for pod in pods.values() if not pod.ready and pod.reason]
    for pod, answer in answers.items():
        if answer.problem is not None:
            of_pods.append(f"pod {pod} {answer.problem}")
        of_pods += [f"pod {pod}: {problem}" for problem in (answer.state.problems if answer.state is not None else ())]
    shown = sorted(of_pods)[:_PROBLEMS_SHOWN]
    more = [f"and {len(of_pods) - len(shown)} more like these"] if len(of_pods) > len(shown) else []
    return [*problems, *shown, *more]


def _facts(
    look: ClusterLook,
    fleet: FleetSeen | None,
    pods: Mapping[str, PodSeen],
    placing: Placing,
    cameras: Iterable[CameraStatus],
) -> ClusterFacts:
    states = Counter(camera.state for camera in cameras)
    running = sum(states.values()) - states[PlacementState.REFUSED] - states[PlacementState.PENDING]
    usd = fleet.usd_per_camera_month if fleet is not None else None
    if usd is None and fleet is not None and fleet.usd_per_month is not None and running:
        usd = fleet.usd_per_month / running
    return ClusterFacts(
        namespace=look.namespace,
        fleet="" if fleet is None else fleet.name,
        conditions=() if fleet is None else fleet.conditions,
        usd_per_camera_month=usd,
        pods=len(pods),
        pods_answering=placing.answering(),
        refused=states[PlacementState.REFUSED],
    )


_: type[RunningFleet] = ClusterFleet
