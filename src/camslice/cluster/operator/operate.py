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

from camslice.cluster.client import CAMERA, CAMERA_FLEET, DEPLOYMENT, NODE, POD, Cluster, Kind, passes
from camslice.cluster.manifests.common import digest
from camslice.cluster.manifests.engine import planned_servers
from camslice.cluster.manifests.scaled import Scaling
from camslice.cluster.names import MANAGED_BY, OPERATOR
from camslice.cluster.operator.decide import Decision, Memory, decide
from camslice.cluster.operator.engines import EngineServers
from camslice.cluster.operator.health import Signs
from camslice.cluster.operator.polling import Polling
from camslice.cluster.operator.seen import Seen
from camslice.cluster.operator.status import camera_status, fault_status, fleet_status, unsound_status
from camslice.cluster.operator.values import Fault, FleetView, Place, SeenCamera
from camslice.cluster.operator.writing import SECRET, MayNotError, StaleError, Writing, token_secret
from camslice.cluster.pods import fleet_objects
from camslice.cluster.sharing.device_plugin import DevicePlugin
from camslice.cluster.watching import Listener, Watched
from camslice.fleet.errors import CamsliceError, ClusterError

logger = logging.getLogger(__name__)

_GATHER_S = 0.05
"""Events that come together are looked at together."""
_AGAIN_S = 15.0
"""Each fleet is looked at so often without any event: nodes may have been silent for too long."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 20.0
_WAIT_S = 2.0


@dataclass(frozen=True, slots=True)
class OperatorSettings:
    """`poll_s`: how often pods are asked, 0 for never. `compact_after_s`: how long nothing must have moved before streams are
    moved to empty a node. `prometheus`: its address, for the number of engine servers; `engines_down_after_s`: how long one of
    them must have been needless before it goes."""

    namespace: str
    poll_s: float = 5.0
    compact_after_s: float = 120.0
    lost_after_s: float = 40.0
    prometheus: str | None = None
    engines_down_after_s: float = 300.0

    @property
    def scaling(self) -> Scaling | None:
        """Of engine servers, where anybody scales them."""
        return None if self.prometheus is None else Scaling(self.prometheus, self.engines_down_after_s)


class Operator:
    """Owns its watches and threads. `token` reads what pods ask for; `may` says whether it may act at this moment.

    `failures` counts looks that ended with an error, `conflicts` those that ended because somebody had changed an object."""

    def __init__(
        self,
        cluster: Cluster,
        settings: OperatorSettings,
        token: Callable[[], str | None],
        may: Callable[[], bool] = lambda: True,
    ) -> None:
        self._settings = settings
        self._token = token
        self._seen = Seen(settings.lost_after_s)
        self._sharing = DevicePlugin()
        self._dirty: dict[Place, float] = {}
        self._changed = threading.Condition()
        self._ending = False
        self._memory: dict[Place, Memory] = {}
        self._applied: dict[Place, dict[str, str]] = {}
        self._settled_s: dict[Place, float] = {}
        self._pauses: dict[Place, float] = {}
        self._tidied_s: dict[Place, float] = {}
        self._begun = False
        self._looking_since_s: float | None = None
        self.reconciles = 0
        self.failures = 0
        self.conflicts = 0
        self.moves = 0
        self.writing = Writing(cluster, self._note_pod, self._note_gone, may)
        self.engines = EngineServers(cluster, self.writing, settings.scaling)
        self.polling = Polling(self._polled, token, settings.poll_s, self._look_at_all)
        kinds = ((NODE, ""), (SECRET, ""), (POD, f"{MANAGED_BY}={OPERATOR}"), (CAMERA, ""), (CAMERA_FLEET, ""))
        self.watches = [
            Watched(cluster, kind, settings.namespace if kind.namespaced else None, labels, self._listener(kind))
            for kind, labels in kinds
        ]
        self._thread = threading.Thread(target=self._run, name="reconcile", daemon=True)

    def begin(self, stop: threading.Event) -> bool:
        """Read everything, then follow; False when told to stop before that.

        An API server that is away is waited for. Raises ClusterError when the cluster refuses.
        """
        for watch in self.watches:
            if not _patiently(watch, stop):
                return False
        self._look_at_all()
        self._begun = True
        self._thread.start()
        self.polling.begin()
        return True

    def end(self, patience_s: float = 8.0) -> bool:
        """Finish what is being done and stop. False when that is not done in time, and a request may still be on its way."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        self.polling.end()
        for watch in self.watches:
            watch.end()
        self.writing.stop()
        if self._thread.is_alive():
            self._thread.join(patience_s)
        if self._thread.is_alive():
            return False
        self.writing.close()
        return True

    def signs(self) -> Signs:
        """Of life, at this moment."""
        since_s = self._looking_since_s
        stuck_s = 0.0 if since_s is None else time.monotonic() - max(since_s, self.writing.sign_s)
        return Signs(
            reconciling=not self._begun or self._thread.is_alive(),
            stuck_s=stuck_s,
            watching={watch.name: watch.alive for watch in self.watches},
            silent_s={watch.name: watch.silent_s() for watch in self.watches},
            polling=self.polling.alive,
            ending=self._ending,
        )

    @property
    def fleets(self) -> int:
        """How many there are."""
        return len(self._seen.fleets())

    def _listener(self, kind: Kind) -> Listener:
        return _Told(self._seen, kind, self._mark)

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
            self._looking_since_s = time.monotonic()
            failed = True
            try:
                again_s = self._reconcile(place)
                self._pauses.pop(place, None)
                failed = False
            except MayNotError:  # it ends, for whoever says that we may not act ends it
                again_s = _AGAIN_S
            except StaleError as error:
                self.conflicts += 1
                logger.info("%s/%s: %s", *place, error)
                again_s = self._pause(place)
            except CamsliceError as error:
                self.failures += 1
                logger.warning("%s/%s: %s", *place, error)
                again_s = self._pause(place)
            except Exception:  # a defect met by one fleet must not stop the others
                self.failures += 1
                logger.exception("%s/%s met a defect", *place)
                again_s = self._pause(place)
            self._looking_since_s = None
            if failed or place in self._seen.fleets():  # cameras of a fleet that is gone are told so, and then left
                self._mark({place}, again_s)

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
        self.reconciles += 1
        view = self._seen.view(place, time.monotonic())
        if isinstance(view, Fault):
            self._complain(CAMERA_FLEET, view, unsound_status(view, time.time()))
            return _AGAIN_S
        if view is None:  # its objects go with it, for it owns them
            self.writing.each(lambda stray: self._complain(CAMERA, stray, fault_status(stray)), self._seen.strays(place))
            for kept in (self._memory, self._applied, self._settled_s, self._tidied_s):
                kept.pop(place, None)
            return _AGAIN_S
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
        self._share(place, view)
        statuses = {
            name: camera_status(seen.camera, decision, reports, view.pods) for name, seen in sorted(view.cameras.items())
        }
        changed = [name for name, status in statuses.items() if status != dict(view.cameras[name].status)]
        self.writing.each(lambda name: self._say(view.cameras[name], statuses[name]), changed)
        self.writing.each(lambda fault: self._complain(CAMERA, fault, fault_status(fault)), view.faults.values())
        self.writing.each(self.writing.make, decision.make)
        self.writing.each(self.writing.tell, decision.tell)
        if decision.release:
            self.polling.release(decision.release)
        self.writing.each(lambda each: self.writing.delete(each[0], lost=each[1]), decision.delete)
        told = fleet_status(view, decision, statuses, reports, now_s)
        if told != dict(view.status):
            answer = self.writing.fleet_status(view, told)
            if answer is not None:
                self._seen.put(CAMERA_FLEET.plural, answer, time.monotonic())
        if decision.settled and time.monotonic() - self._tidied_s.get(place, -3600.0) > 300:
            self._tidied_s[place] = time.monotonic()
            self._tidy(view)

    def _share(self, place: Place, view: FleetView) -> None:
        """What all pods of the fleet have in common: each object that is not as it was applied last, and no other."""
        cameras = [seen.camera for seen in view.cameras.values()]
        applied = self._applied.setdefault(place, {})
        shared = fleet_objects(view.fleet, cameras, self._sharing, self.engines.scaling(view.fleet))
        names = set()
        for manifest in (token_secret(view.fleet, self._token() or ""), *shared):
            name, mark = f"{manifest['kind']} {manifest['metadata']['name']}", digest(manifest)
            names.add(name)
            if applied.get(name) == mark:
                continue
            if manifest["kind"] != DEPLOYMENT.kind:
                self.writing.apply(manifest)
            elif not self.engines.apply(view.fleet, manifest):
                continue
            applied[name] = mark
        for name in set(applied) - names:
            del applied[name]
        if not planned_servers(view.fleet):
            self.engines.take_away(view.fleet)

    def _say(self, seen: SeenCamera, status: Mapping[str, Any]) -> None:
        answer = self.writing.camera_status(seen, status)
        if answer is not None:
            self._seen.put(CAMERA.plural, answer, time.monotonic())

    def _complain(self, kind: Kind, fault: Fault, status: Mapping[str, Any]) -> None:
        """Of an object that cannot be acted upon, once."""
        if status != dict(fault.status):
            answer = self.writing.fault_status(kind, fault, status)
            if answer is not None:
                self._seen.put(kind.plural, answer, time.monotonic())

    def _tidy(self, view: FleetView) -> None:
        """Take away what pods left behind."""
        for name in self.writing.configs(view.fleet):
            if name not in view.pods:
                self.writing.forget(view.fleet.namespace, name)


class _Told(Listener):
    """Takes note of what a watch tells, and marks the fleets that it concerns."""

    def __init__(self, seen: Seen, kind: Kind, mark: Callable[[set[Place]], None]) -> None:
        self._seen = seen
        self._plural = kind.plural
        self._mark = mark

    def put(self, manifest: dict[str, Any]) -> None:
        self._mark(self._seen.put(self._plural, manifest, time.monotonic()))

    def gone(self, manifest: dict[str, Any]) -> None:
        self._mark(self._seen.remove(self._plural, manifest))

    def listed(self, places: set[Place], version: int) -> None:
        self._mark(self._seen.keep_only(self._plural, places, version))

    def sight(self, seen: bool) -> None:
        if self._plural == NODE.plural:
            self._seen.hear_of_nodes(seen, time.monotonic())


def _patiently(watch: Watched, stop: threading.Event) -> bool:
    """Begin it, as soon as the API server is there; False when told to stop before that."""
    told: set[object] = set()
    while not stop.is_set():
        try:
            watch.begin()
            return True
        except ClusterError as error:
            if not passes(error):
                raise
            kind = getattr(error, "code", None)
            if kind not in told:
                logger.warning("%s cannot be listed yet: %s; waiting", watch.name, error)
                told.add(kind)
            stop.wait(_WAIT_S)
    return False
