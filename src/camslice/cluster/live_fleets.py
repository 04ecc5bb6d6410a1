"""`python -m camslice.cluster.live_fleets`: refuse, with exit code 1, while a namespace or the cluster has a CameraFleet.

The charts run it before they are uninstalled. Without the operator nobody would look after a fleet's pods, and without its kind
a fleet would be gone: the sentence that is printed names the fleets and says what to do.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence

from camslice.cluster.names import API_VERSION, FLEET_KIND, FLEET_PLURAL, GROUP, VERSION
from camslice.fleet.errors import CamsliceError

_SHOWN = 10
_PASSING = frozenset({408, 429})


def main(arguments: Sequence[str] | None = None) -> int:
    """Look, say what is there, and return the exit code: 0 nothing, 1 fleets, 2 the cluster could not be asked."""
    parser = argparse.ArgumentParser(prog="camslice.cluster.live_fleets", description="Refuse while there is a CameraFleet.")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--namespace", help="look in this one")
    where.add_argument("--all-namespaces", action="store_true", help="look in all")
    parser.add_argument(
        "--patience", type=float, default=60.0, metavar="S", help="ask a cluster that is busy or away for so long"
    )
    asked = parser.parse_args(arguments)
    try:
        fleets = patiently(lambda: live_fleets(asked.namespace), asked.patience)
    except CamsliceError as error:
        sys.stderr.write(f"camslice: {error}\n")
        return error.exit_code
    if fleets:
        sys.stderr.write(refusal(fleets) + "\n")
        return 1
    sys.stderr.write("camslice: no CameraFleet is left.\n")
    return 0


class AwayError(CamsliceError):
    """The cluster is busy or does not answer: it may when it is asked again."""


def patiently(
    look: Callable[[], list[tuple[str, str]]],
    patience_s: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> list[tuple[str, str]]:
    """What `look` finds; one that raises AwayError is tried again every second for `patience_s`, then that is raised."""
    deadline_s = clock() + patience_s
    while True:
        try:
            return look()
        except AwayError:
            if clock() >= deadline_s:
                raise
            sleep(1.0)


def live_fleets(namespace: str | None) -> list[tuple[str, str]]:
    """Namespace and name of each CameraFleet, in one namespace or (None) in all; none where the kind is unknown.

    The cluster is that of the pod's service account or of KUBECONFIG. Raises CamsliceError when it cannot be asked, AwayError
    when it can perhaps later: a kind that was made a moment ago is answered with 429 for a while.
    """
    try:
        import httpx2 as httpx
        from lightkube import Client
        from lightkube.core.exceptions import ConfigError
        from lightkube.generic_resource import create_namespaced_resource
    except ImportError:
        raise CamsliceError("asking a cluster needs lightkube; install it with: pip install 'camslice[cluster]'") from None

    kind = create_namespaced_resource(GROUP, VERSION, FLEET_KIND, FLEET_PLURAL)
    try:
        found = Client(field_manager="camslice").list(kind, namespace=namespace or "*")
        return sorted((str(fleet.metadata.namespace), str(fleet.metadata.name)) for fleet in found if fleet.metadata)
    except httpx.HTTPStatusError as error:
        if error.response.status_code == 404:
            return []
        kind_of = AwayError if error.response.status_code in _PASSING or error.response.is_server_error else CamsliceError
        raise kind_of(f"the cluster does not list {API_VERSION} {FLEET_PLURAL}: {error}") from None
    except ConfigError as error:
        raise CamsliceError(f"no cluster is configured ({error}); name one in KUBECONFIG.") from None
    except httpx.HTTPError as error:
        raise AwayError(f"the cluster does not answer: {error or type(error).__name__}") from None


def refusal(fleets: Sequence[tuple[str, str]]) -> str:
    """Why nothing is uninstalled, in one sentence."""
    named = [f"{namespace}/{name}" for namespace, name in fleets[:_SHOWN]]
    more = f" and {len(fleets) - _SHOWN} more" if len(fleets) > _SHOWN else ""
    return (
        f"camslice: not uninstalled, because {len(fleets)} CameraFleet{'s are' if len(fleets) > 1 else ' is'} still there: "
        f"{', '.join(named)}{more}; remove {'them' if len(fleets) > 1 else 'it'} first, such as with "
        f"kubectl delete camerafleet --namespace {fleets[0][0]} {fleets[0][1]}"
    )


if __name__ == "__main__":
    sys.exit(main())
