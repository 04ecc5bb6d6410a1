"""`python -m camslice.cluster.live_fleets`: refuse, with exit code 1, while a namespace or the cluster has a CameraFleet.

The charts run it before they are uninstalled. Without the operator nobody would look after a fleet's pods, and without its kind
a fleet would be gone: the sentence that is printed names the fleets and says what to do. What belonged to a fleet that is gone
is removed by the cluster, a moment later, and only while it knows the kind: that is waited for.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from camslice.cluster.client import CAMERA_FLEET, POD, Cluster, Kind, RequestError, connect
from camslice.cluster.names import FLEET, MANAGED_BY, OPERATOR
from camslice.fleet.errors import CamsliceError, ClusterError

_SHOWN = 10
_LEFT = (
    POD,
    Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
    Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
)
"""What is looked for of fleets that are gone; their Secrets and ConfigMaps, which go with these, are nobody's to list."""


@dataclass(frozen=True, slots=True)
class Found:
    """CameraFleets as (namespace, name), and how many objects there are of fleets that are gone."""

    fleets: tuple[tuple[str, str], ...]
    left: int = 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Look, say what is there, and return the exit code: 0 nothing, 1 fleets or their remains, 2 no cluster to ask."""
    parser = argparse.ArgumentParser(prog="camslice.cluster.live_fleets", description="Refuse while there is a CameraFleet.")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--namespace", help="look in this one")
    where.add_argument("--all-namespaces", action="store_true", help="look in all")
    parser.add_argument("--patience", type=float, default=100.0, metavar="S", help="how long to wait for what passes")
    asked = parser.parse_args(arguments)
    try:
        with connect(None, None) as cluster:
            found = patiently(lambda: look(cluster, asked.namespace), asked.patience)
    except CamsliceError as error:
        sys.stderr.write(f"camslice: {error}\n")
        return error.exit_code
    sys.stderr.write(sentence(found) + "\n")
    return 1 if found.fleets or found.left else 0


def look(cluster: Cluster, namespace: str | None) -> Found:
    """What there is in one namespace or (None) in all. Raises ClusterError."""
    fleets = sorted(
        (str(each["metadata"]["namespace"]), str(each["metadata"]["name"])) for each in cluster.list(CAMERA_FLEET, namespace)
    )
    if fleets:
        return Found(tuple(fleets))
    of_fleets = f"{MANAGED_BY}={OPERATOR},{FLEET}"
    return Found((), sum(1 for kind in _LEFT for _ in cluster.list(kind, namespace, labels=of_fleets)))


def patiently(
    look: Callable[[], Found],
    patience_s: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Found:
    """What `look` finds. Remains of fleets, and errors that pass (a kind that was made a moment ago is answered with 429), are
    looked at again every second for `patience_s`."""
    deadline_s = clock() + patience_s
    while True:
        in_time = clock() < deadline_s
        try:
            found = look()
            if not found.left or not in_time:
                return found
        except ClusterError as error:
            if not _passes(error) or not in_time:
                raise
        sleep(1.0)


def sentence(found: Found) -> str:
    """What was found, and what to do."""
    if not found.fleets:
        if not found.left:
            return "camslice: no CameraFleet is left."
        return (
            f"camslice: not uninstalled, because {found.left} objects of fleets that were removed are still there; "
            "try again when they are gone"
        )
    named = [f"{namespace}/{name}" for namespace, name in found.fleets[:_SHOWN]]
    several = len(found.fleets) > 1
    more = f" and {len(found.fleets) - _SHOWN} more" if len(found.fleets) > _SHOWN else ""
    namespace, name = found.fleets[0]
    return (
        f"camslice: not uninstalled, because {len(found.fleets)} CameraFleet{'s are' if several else ' is'} still there: "
        f"{', '.join(named)}{more}; remove {'them' if several else 'it'} first, such as with "
        f"kubectl delete camerafleet --namespace {namespace} {name}"
    )


def _passes(error: ClusterError) -> bool:
    """Whether waiting may help: the server is busy, broken or away."""
    return not isinstance(error, RequestError) or error.code in {408, 429} or error.code >= 500


if __name__ == "__main__":
    sys.exit(main())
