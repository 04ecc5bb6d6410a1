"""The chart on a real node: its pods run from our image as nobody on a root that cannot be written, and what refuses an
uninstallation is the Job that helm makes, from the pod's own words."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.cluster.harness.keys import SERVICE_ADDRESS
from tests.cluster.harness.node import NAME, Node
from tests.cluster.harness.plane import Plane
from tests.cluster.harness.programs import until
from tests.cluster.helm import HelmError
from tests.cluster.service_address import service_address
from tests.cluster.test_helm_release import Cluster, fleet_in
from tests.unit.deploy.recipes import DOCKER

API_SERVER = (SERVICE_ADDRESS, 443)
"""The address of the Service `kubernetes`, which pods are told in their environment."""


@pytest.fixture
def cluster(plane: Plane, namespace: str, tmp_path: Path) -> Iterator[Cluster]:
    """A real node whose pods reach the API server, and both charts on it."""
    done = subprocess.run([DOCKER / "build-cpu-image", "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    image: dict[str, Any] = json.loads(done.stdout)
    plane.kubectl("delete", "crd", "--ignore-not-found", "camerafleets.camslice.dev", "cameras.camslice.dev")
    here = urlsplit(plane.server)
    assert here.hostname
    assert here.port
    with service_address(*API_SERVER, (here.hostname, here.port)), Node(plane, tmp_path / "node", [Path(image["archive"])], {}):
        cluster = Cluster(plane, namespace)
        try:
            for release, chart in (("kinds", "camslice-crds"), ("camslice", "camslice")):
                cluster.install(release, chart, **{"image.pullPolicy": "Never"})
            yield cluster
        finally:
            for release in json.loads(cluster.helm("list", "--output", "json")):
                cluster.helm("uninstall", release["name"], "--no-hooks")
            plane.kubectl("delete", "node", NAME, "--wait=false")
            plane.define_cameras()


def test_operator_and_page_run_and_only_without_fleets_are_they_removed(plane: Plane, cluster: Cluster) -> None:
    def ready() -> bool:
        return all(each["status"].get("readyReplicas") == 1 for each in cluster.objects("deployments"))

    until(ready, "operator and page", 90)
    assert len(cluster.objects("deployments")) == 2
    [lease] = cluster.objects("leases")
    assert lease["spec"]["holderIdentity"].startswith("camslice-operator-"), "the operator acts, with the chart's rights alone"

    cluster.apply(fleet_in(cluster.namespace))
    with pytest.raises(HelmError, match=r"1 CameraFleet is still there: .*/yard; remove it first"):
        cluster.helm("uninstall", "camslice")
    assert all(each["status"].get("readyReplicas") == 1 for each in cluster.objects("deployments"))

    cluster.kubectl("delete", "camerafleet", "yard")
    cluster.helm("uninstall", "camslice", "--wait")
    cluster.helm("uninstall", "kinds", "--wait")
    mine = {f"{each['kind']}/{each['metadata']['name']}" for each in cluster.objects(*KINDS)}
    assert mine <= {"ServiceAccount/default", "ConfigMap/kube-root-ca.crt"}


KINDS = (
    *("pods", "deployments", "jobs", "services", "secrets", "configmaps", "serviceaccounts", "leases", "roles", "rolebindings"),
    *("networkpolicies", "poddisruptionbudgets"),
)
