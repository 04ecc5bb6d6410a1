"""Engine servers whose number is KEDA's autoscaler's, and who says it where there is none.

Two may not write one number. Server-side apply settles it: what the operator does not say is not the operator's. But a field
that its only owner says no more falls back to its default, which for a Deployment is one server. So the number is handed over:
another field manager says it as it is, then the operator leaves it out, and the autoscaler takes it when it first changes it.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from camslice.cluster.client import DEPLOYMENT, Cluster, Manifest, RequestError
from camslice.cluster.manifests.config import engine_name
from camslice.cluster.manifests.engine import planned_servers
from camslice.cluster.manifests.scaled import Scaling
from camslice.cluster.names import OPERATOR
from camslice.cluster.objects import FleetObject
from camslice.cluster.operator.writing import SCALED, SERVICE, Writing

logger = logging.getLogger(__name__)

HANDED_OVER = f"{OPERATOR}-handed-over"
"""Field manager of a number that is nobody's yet."""
_KEDA = "/apis/keda.sh/v1alpha1"
_ASK_AGAIN_S = 30.0


class EngineServers:
    """Of all fleets. Called by one thread. `unscaled` counts looks at fleets whose engine servers should be scaled and nobody
    does, for the cluster has no KEDA: then as many run as are planned."""

    def __init__(self, cluster: Cluster, writing: Writing, scaling: Scaling | None) -> None:
        self._cluster = cluster
        self._writing = writing
        self._scaling = scaling
        self._has_keda: bool | None = None
        self._asked_s = 0.0
        self._none: set[tuple[str, str]] = set()
        self.unscaled = 0

    def scaling(self, fleet: FleetObject) -> Scaling | None:
        """How the fleet's engine servers are scaled; None where nobody does. Raises ClusterError."""
        if self._scaling is None or not planned_servers(fleet):
            return None
        if self._keda_is_there():
            return self._scaling
        self.unscaled += 1
        return None

    def apply(self, fleet: FleetObject, deployment: Manifest) -> bool:
        """Of the engine servers. False when the number that it says could not be written yet, for KEDA still scales them; to be
        repeated. Raises ClusterError."""
        self._none.discard((fleet.namespace, fleet.name))
        says = "replicas" in deployment["spec"]
        scaled = self._cluster.get(SCALED, engine_name(fleet), fleet.namespace) if says else None
        if scaled is not None and not scaled["metadata"].get("deletionTimestamp"):
            self._writing.remove(SCALED, fleet.namespace, engine_name(fleet))
        if says and scaled is None:
            self._writing.apply(deployment)
            return True
        without = {**deployment, "spec": {key: value for key, value in deployment["spec"].items() if key != "replicas"}}
        self._hand_over(without, planned_servers(fleet))
        self._writing.apply(without)
        return not says

    def take_away(self, fleet: FleetObject) -> None:
        """From a fleet that has engine servers no more, once. Raises ClusterError."""
        place = (fleet.namespace, fleet.name)
        if place in self._none:
            return
        for kind in (SCALED, DEPLOYMENT, SERVICE):
            self._writing.remove(kind, fleet.namespace, engine_name(fleet))
        self._none.add(place)

    def _hand_over(self, without: Manifest, planned: int) -> None:
        """Make sure that a Deployment which says no number keeps the one it has; a new one gets the planned one."""
        where = without["metadata"]
        found = self._cluster.get(DEPLOYMENT, where["name"], where["namespace"])
        if found is None:
            number = planned
            self._writing.apply({**without, "spec": {**without["spec"], "replicas": planned}})
        elif _says_number(found):
            number = int(found["spec"]["replicas"])
        else:
            return
        named = {"name": where["name"], "namespace": where["namespace"]}
        head = {"apiVersion": without["apiVersion"], "kind": without["kind"], "metadata": named}
        self._writing.apply({**head, "spec": {"replicas": number}}, HANDED_OVER)

    def _keda_is_there(self) -> bool:
        now_s = time.monotonic()
        if self._has_keda is None or now_s - self._asked_s > _ASK_AGAIN_S:
            before, self._asked_s = self._has_keda, now_s
            self._has_keda = self._ask()
            if self._has_keda is not before and not self._has_keda:
                logger.warning(
                    "this cluster has no KEDA (keda.sh/v1alpha1 is not served), so nobody scales engine servers and as many as "
                    "planned run; install KEDA, or start the operator without --prometheus"
                )
            elif self._has_keda and before is False:
                logger.info("KEDA is there now: it scales engine servers")
        return self._has_keda

    def _ask(self) -> bool:
        try:
            served = self._cluster.json("GET", _KEDA).get("resources") or ()
        except RequestError as error:
            if error.code == 404:
                return False
            raise
        return any(each.get("name") == SCALED.plural for each in served)


def _says_number(found: Manifest) -> bool:
    """Whether the operator is an owner of the number."""
    managed: list[dict[str, Any]] = found["metadata"].get("managedFields") or []
    return any(
        each.get("manager") == OPERATOR and "f:replicas" in ((each.get("fieldsV1") or {}).get("f:spec") or {})
        for each in managed
    )
