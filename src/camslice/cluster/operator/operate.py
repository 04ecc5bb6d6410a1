"""The operator at work: watches tell it what changed, one thread decides and carries out, fleet after fleet.

Level-triggered: an event only says which fleet to look at. What is done depends on what is there, so a request that failed, an
event that was missed or an operator that was killed leave nothing behind but work for the next look.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from camslice.cluster.client import CAMERA, CAMERA_FLEET, NODE, POD, Cluster, Kind
from camslice.cluster.manifests.common import digest
from camslice.cluster.names import MANAGED_BY, OPERATOR
from camslice.cluster.operator.decide import Decision, Memory, decide
from camslice.cluster.operator.polling import Polling
from camslice.cluster.operator.seen import FleetView, Place, Seen, SeenCamera
from camslice.cluster.operator.status import camera_status, fleet_status
from camslice.cluster.operator.writing import SECRET, Writing
from camslice.cluster.pods import fleet_objects
from camslice.cluster.sharing.device_plugin import DevicePlugin
from camslice.cluster.watching import Watched
from camslice.fleet.errors import CamsliceError

logger = logging.getLogger(__name__)

_GATHER_S = 0.05
"""Events that come together are looked at together."""
_AGAIN_S = 15.0
"""Each fleet is looked at so often without any event: nodes may have been silent for too long."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 20.0


@dataclass(frozen=True, slots=True)
class OperatorSettings:
    """`poll_s`: how often pods are asked, 0 for never. `compact_after_s`: how long nothing must have moved before streams are
    moved to empty a node. `prometheus`: its address, for the number of engine servers."""

    namespace: str
    poll_s: float = 5.0
    compact_after_s: float = 120.0
    lost_after_s: float = 40.0
    prometheus: str | None = None


class Operator:
    """Owns its watches and threads. `token` reads what pods ask for."""

    def __init__(self, cluster: Cluster, client: Any, settings: OperatorSettings, token: Callable[[], str | None]) -> None:
        """`client`: of lightkube, for watches."""
        self._settings = settings
        self._token = token
        self._seen = Seen(settings.lost_after_s)
        self._sharing = DevicePlugin()
        self._dirty: dict[Place, float] = {}
        self._changed = threading.Condition()
        self._ending = False
        self._memory: dict[Place, Memory] = {}
        self._applied: dict[Place, str] = {}
        self._settled_s: dict[Place, float] = {}
        self._pauses: dict[Place, float] = {}
        self._tidied_s: dict[Place, float] = {}
        self.reconciles = 0
        self.failures = 0
        self.moves = 0
        self.writing = Writing(cluster, self._note_pod, self._note_gone)
        self.polling = Polling(self._polled, token, settings.poll_s, self._look_at_all)
        kinds: tuple[tuple[Kind, Mapping[str, Any] | None], ...] = (
            (NODE, None),
            (SECRET, None),
            (POD, {MANAGED_BY: OPERATOR}),
            (CAMERA, None),
            (CAMERA_FLEET, None),
        )
        self._watches = [
            Watched(client, kind, settings.namespace, labels, self._putter(kind), self._goner(kind)) for kind, labels in kinds
        ]
        self._thread = threading.Thread(target=self._run, name="reconcile", daemon=True)

    def begin(self) -> None:
        """Read everything, then follow. Raises ClusterError when the cluster refuses."""
        for watch in self._watches:
            watch.begin()
        self._look_at_all()
        self._thread.start()
        self.polling.begin()

    def end(self, patience_s: float = 8.0) -> None:
        """Finish what is being done and stop."""
        self.polling.end()
        for watch in self._watches:
            watch.end()
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(patience_s)
        self.writing.close()

    @property
    def fleets(self) -> int:
        """How many there are."""
        return len(self._seen.fleets())

    def _putter(self, kind: Kind) -> Callable[[dict[str, Any]], None]:
        def put(manifest: dict[str, Any]) -> None:
            self._mark(self._seen.put(kind.plural, manifest, time.monotonic()))

        return put

    def _goner(self, kind: Kind) -> Callable[[dict[str, Any]], None]:
        def gone(manifest: dict[str, Any]) -> None:
            self._mark(self._seen.remove(kind.plural, manifest))

        return gone

    def _note_pod(self, manifest: dict[str, Any]) -> None:
        self._seen.put(POD.plural, manifest, time.monotonic())

    def _note_gone(self, manifest: dict[str, Any]) -> None:
        self._seen.remove(POD.plural, manifest)

    def _polled(self) -> list[Any]:
        return [pod for place in self._seen.fleets() for pod in self._seen.pods_of(place)]

    def _look_at_all(self) -> None:
        self._mark(set(self._seen.fleets()))

    def _mark(self, places: set[Place], in_s: float = _GATHER_S) -> None:
        if not places:
            return
        with self._changed:
            for place in places:
                due_s = time.monotonic() + in_s
                self._dirty[place] = min(self._dirty.get(place, due_s), due_s)
            self._changed.notify_all()

    def _run(self) -> None:
        while (place := self._next()) is not None:
            again_s = _AGAIN_S
            try:
                again_s = self._reconcile(place)
                self._pauses.pop(place, None)
            except CamsliceError as error:
                self.failures += 1
                logger.warning("%s/%s: %s", *place, error)
                again_s = self._pause(place)
            except Exception:  # a defect met by one fleet must not stop the others
                self.failures += 1
                logger.exception("%s/%s met a defect", *place)
                again_s = self._pause(place)
            self._mark({place} & set(self._seen.fleets()), again_s)

    def _pause(self, place: Place) -> float:
        pause_s = min(2 * self._pauses.get(place, _FIRST_PAUSE_S / 2), _LONGEST_PAUSE_S)
        self._pauses[place] = pause_s
        return pause_s

    def _next(self) -> Place | None:
        """The fleet that is to be looked at next, when it is due; None at the end."""
        with self._changed:
            while not self._ending:
                now_s = time.monotonic()
                due = [(at_s, place) for place, at_s in self._dirty.items()]
                if due and min(due)[0] <= now_s:
                    place = min(due)[1]
                    del self._dirty[place]
                    return place
                self._changed.wait(min(due)[0] - now_s if due else None)
        return None

    def _reconcile(self, place: Place) -> float:
        """One look at a fleet. Returns in how many seconds it is to be looked at again at the latest."""
        view = self._seen.view(place, time.monotonic())
        if view is None:  # its objects go with it, for it owns them
            for kept in (self._memory, self._applied, self._settled_s, self._tidied_s):
                kept.pop(place, None)
            return _AGAIN_S
        self.reconciles += 1
        now_s = time.time()
        reports = {name: report for name, report in self.polling.reports().items() if name in view.pods}
        memory = self._memory.setdefault(place, {})
        settled_for_s = time.monotonic() - self._settled_s.get(place, time.monotonic())
        compact = settled_for_s >= self._settings.compact_after_s
        decision = decide(view, reports, self._sharing, now_s, compact=compact, memory=memory)
        self._carry_out(place, view, decision, reports, now_s)
        self.moves += decision.moved
        if not decision.settled or decision.moved:
            self._settled_s.pop(place, None)
        else:
            self._settled_s.setdefault(place, time.monotonic())
        for name in set(memory) - set(view.pods) - {objects.pod["metadata"]["name"] for objects in decision.make}:
            del memory[name]
        return 1.0 if not decision.settled else _AGAIN_S

    def _carry_out(self, place: Place, view: FleetView, decision: Decision, reports: Mapping[str, Any], now_s: float) -> None:
        fleet = view.fleet
        self._share(place, view)
        statuses = {
            name: camera_status(seen.camera, decision, reports, view.pods) for name, seen in sorted(view.cameras.items())
        }
        changed = [name for name, status in statuses.items() if status != dict(view.cameras[name].status)]
        self.writing.each(lambda name: self._say(view.cameras[name], statuses[name]), changed)
        self.writing.each(self.writing.make, decision.make)
        self.writing.each(self.writing.tell, decision.tell)
        for pod, streams in decision.release:
            self.polling.release(pod, streams)
        self.writing.each(lambda each: self.writing.delete(each[0], lost=each[1]), decision.delete)
        told = fleet_status(view, decision, statuses, reports, now_s)
        if told != dict(view.status):
            answer = self.writing.fleet_status(fleet, told)
            if answer is not None:
                self._seen.put(CAMERA_FLEET.plural, answer, time.monotonic())
        if decision.settled and time.monotonic() - self._tidied_s.get(place, -3600.0) > 300:
            self._tidied_s[place] = time.monotonic()
            self._tidy(view)

    def _share(self, place: Place, view: FleetView) -> None:
        """What all pods of the fleet have in common, when it is not as it was applied last."""
        cameras = [seen.camera for seen in view.cameras.values()]
        objects = fleet_objects(view.fleet, cameras, self._sharing, self._settings.prometheus)
        token = self._token() or ""
        mark = digest([objects, token])
        if self._applied.get(place) == mark:
            return
        self.writing.token(view.fleet, token)
        for manifest in objects:
            self.writing.apply(manifest)
        self._applied[place] = mark

    def _say(self, seen: SeenCamera, status: Mapping[str, Any]) -> None:
        answer = self.writing.camera_status(seen.camera.namespace, seen.camera.object_name, status)
        if answer is not None:
            self._seen.put(CAMERA.plural, answer, time.monotonic())

    def _tidy(self, view: FleetView) -> None:
        """Take away what pods left behind."""
        for name in self.writing.configs(view.fleet):
            if name not in view.pods:
                self.writing.forget(view.fleet.namespace, name)
