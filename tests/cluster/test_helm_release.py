"""The charts installed, changed, taken back and removed by the real helm on the real API server.

No node runs here, so the pod of the hook that refuses an uninstallation stays pending: the test stands in for its kubelet. It
runs the command that stands in the pod, as the pod's service account, against the API server, and reports how it ended; all
else (Job, helm, refusal) is real. On a real kubelet the Job runs by itself: test_helm_node.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from camslice.cluster.crds.definitions import definitions
from camslice.cluster.objects import FleetObject, ModelObject, NodeShape, PodShape, Slot
from camslice.cluster.wire import fleet_manifest
from camslice.fleet.types import Objective, Topology
from tests.cluster.harness.plane import Plane
from tests.cluster.harness.programs import BIN, KubectlError
from tests.cluster.helm import CHARTS, HelmError, Object, as_options, helm, rendered
from tests.cluster.test_helm_chart import EVERYTHING
from tests.docs_blocks import ROOT, blocks

_POD = PodShape("cameras", 1, 500, 300.0, 1, (Slot("people", 5.0, 2),))
_SHAPE = NodeShape("a", "g4dn.xlarge", "us-east-1", "on_demand", 1, Topology.SLICED, 0.526, (_POD,))
_MODEL = ModelObject("people", {"weights": "yolox-nano"})
_COUNT = itertools.count(1)


def fleet_in(namespace: str) -> Object:
    """A CameraFleet as the API server takes it."""
    image = "localhost/camslice:0.1.0"
    return dict(fleet_manifest(FleetObject("yard", namespace, "", 0, Objective(), (_MODEL,), (_SHAPE,), image)))


class Cluster:
    """What these tests ask of a control plane."""

    def __init__(self, plane: Plane, namespace: str) -> None:
        self.plane = plane
        self.namespace = namespace
        self._environment = {"KUBECONFIG": str(plane.kubeconfig)}

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return self.plane.kubectl("--namespace", self.namespace, *arguments, stdin=stdin)

    def objects(self, *kinds: str, everywhere: bool = False) -> list[Object]:
        where = ["--all-namespaces"] if everywhere else []
        items: list[Object] = json.loads(self.kubectl("get", ",".join(kinds), *where, "--output", "json"))["items"]
        return items

    def helm(self, *arguments: str | Path) -> str:
        return helm(*arguments, "--namespace", self.namespace, environment=self._environment)

    def install(self, release: str, chart: str, **values: Any) -> str:
        return self.helm("install", release, CHARTS / chart, *as_options(values))

    def apply(self, *objects: Object) -> None:
        self.kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all(objects))

    def token(self) -> str:
        [secret] = json.loads(self.kubectl("get", "secret", "--selector", "helm.sh/chart", "--output", "json"))["items"]
        return base64.b64decode(secret["data"]["token"]).decode()

    def resources(self) -> set[str]:
        """Everything of this namespace, or of none, that a release of helm's made, and helm's own records, as KIND/NAME."""
        kinds = self.kubectl("api-resources", "--verbs=list", "--output=name").split()
        kept = [kind for kind in kinds if not kind.startswith(("events", "componentstatuses"))]
        said = self.kubectl("get", ",".join(kept), "--all-namespaces", "--ignore-not-found", "--output", "json")
        found: list[Object] = json.loads(said)["items"]
        here = [each for each in found if each["metadata"].get("namespace") in {None, self.namespace}]
        return {f"{each['kind']}/{each['metadata']['name']}" for each in here if _is_helms(each["metadata"].get("labels", {}))}


def _is_helms(labels: dict[str, str]) -> bool:
    return "helm.sh/chart" in labels or labels.get("owner") == "helm"


class HookPods:
    """Runs what stands in pods that check before an uninstallation, as a kubelet would, until closed. Owns its thread."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self._cluster, self._folder = cluster, folder
        self._ended = threading.Event()
        self.said: list[str] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(0.2):
            for pod in self._cluster.objects("pods"):
                if pod["spec"].get("serviceAccountName", "").endswith("-uninstall") and pod["status"]["phase"] == "Pending":
                    self._work(pod)

    def _work(self, pod: Object) -> None:
        [container] = pod["spec"]["containers"]
        python, *arguments = container["command"]
        assert python == "python3"
        account = pod["spec"]["serviceAccountName"]
        done = subprocess.run(
            [sys.executable, *arguments],
            env=os.environ | {"KUBECONFIG": str(self._kubeconfig(account))},
            capture_output=True,
            text=True,
            check=False,
        )
        self.said.append(done.stderr)
        status = {"phase": "Failed" if done.returncode else "Succeeded", "message": done.stderr.strip()}
        patch = json.dumps({"status": status})
        name = pod["metadata"]["name"]
        self._cluster.kubectl("patch", "pod", name, "--subresource=status", "--type=merge", "--patch", patch)

    def _kubeconfig(self, account: str) -> Path:
        config = json.loads(Path(self._cluster._environment["KUBECONFIG"]).read_text())
        config["users"][0]["user"] = {"token": self._cluster.kubectl("create", "token", account).strip()}
        path = self._folder / f"{account}.kubeconfig"
        path.write_text(json.dumps(config))
        return path


@pytest.fixture(scope="module")
def kinds(plane: Plane) -> Iterator[Plane]:
    """The kinds of the Prometheus operator, as far as the chart makes any; ours, if others made them, are away meanwhile."""
    plane.define("prometheus-operator")
    ours = [definition["metadata"]["name"] for definition in definitions().values()]
    found = json.loads(plane.kubectl("get", "crd", "--output", "json"))["items"]
    made_before = [name for name in ours if any(each["metadata"]["name"] == name for each in found)]
    if made_before:
        plane.kubectl("delete", "crd", *made_before)
    yield plane
    if made_before:
        plane.define_cameras()


@pytest.fixture
def cluster(kinds: Plane) -> Iterator[Cluster]:
    namespace = f"shop-{next(_COUNT)}"
    kinds.kubectl("create", "namespace", namespace)
    cluster = Cluster(kinds, namespace)
    cluster.install("kinds", "camslice-crds")
    yield cluster
    if "camerafleets" in cluster.kubectl("api-resources", "--output=name"):
        kinds.kubectl("delete", "camerafleets,cameras", "--all", "--all-namespaces")
    for release in json.loads(cluster.helm("list", "--output", "json")):
        cluster.helm("uninstall", release["name"], "--no-hooks")
    kinds.kubectl("delete", "namespace", namespace, "--wait=false")


@pytest.fixture
def hook_pods(cluster: Cluster, tmp_path: Path) -> Iterator[HookPods]:
    pods = HookPods(cluster, tmp_path)
    yield pods
    pods.close()


def test_the_api_server_takes_every_object_strictly(cluster: Cluster) -> None:
    for values in ({}, EVERYTHING):
        for each in rendered("camslice", values):
            each["metadata"].pop("namespace", None)
            cluster.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", stdin=yaml.safe_dump(each))


def test_an_upgrade_keeps_the_token_and_a_rollback_brings_the_old_values_back(cluster: Cluster) -> None:
    cluster.install("camslice", "camslice", **EVERYTHING)
    token = cluster.token()
    assert len(token) > 40
    cluster.helm("upgrade", "camslice", CHARTS / "camslice", "--set", "operator.logLevel=debug", "--set", "web.enabled=false")
    assert cluster.token() == token

    def deployments() -> dict[str, str]:
        found = cluster.objects("deployments")
        return {
            each["metadata"]["name"]: json.dumps(each["spec"]["template"]["spec"]["containers"][0]["env"]) for each in found
        }

    assert set(deployments()) == {"camslice-operator"}
    assert '"debug"' in deployments()["camslice-operator"]
    cluster.helm("rollback", "camslice", "1")
    assert set(deployments()) == {"camslice-operator", "camslice-web"}
    assert '"info"' in deployments()["camslice-operator"]
    assert cluster.token() == token
    statuses = [each["status"] for each in json.loads(cluster.helm("history", "camslice", "--output", "json"))]
    assert statuses == ["superseded", "superseded", "deployed"]


def test_an_upgrade_leaves_the_lease_to_whom_it_belongs(cluster: Cluster) -> None:
    cluster.install("camslice", "camslice")
    held = json.dumps({"spec": {"holderIdentity": "pod-a", "leaseDurationSeconds": 15}})
    cluster.kubectl("patch", "lease", "camslice-operator", "--type=merge", "--patch", held)
    cluster.helm("upgrade", "camslice", CHARTS / "camslice", "--set", "operator.logLevel=debug")
    [lease] = cluster.objects("leases")
    assert lease["spec"]["holderIdentity"] == "pod-a"


def test_nothing_is_left_after_an_uninstallation(cluster: Cluster, hook_pods: HookPods) -> None:
    before = cluster.resources()
    cluster.install("camslice", "camslice", **EVERYTHING)
    made = cluster.resources() - before
    assert {
        "Deployment/camslice-operator",
        "Secret/camslice-token",
        "Lease/camslice-operator",
        "PrometheusRule/camslice",
    } <= made
    cluster.helm("uninstall", "camslice", "--wait")
    assert hook_pods.said == ["camslice: no CameraFleet is left.\n"]
    assert gone(cluster, made) == set()
    cluster.helm("uninstall", "kinds", "--wait")
    assert gone(cluster, cluster.resources()) == set()
    assert "camerafleets" not in cluster.kubectl("api-resources", "--output=name")


def test_an_uninstallation_is_refused_while_there_is_a_fleet(cluster: Cluster, hook_pods: HookPods) -> None:
    before = cluster.resources()
    cluster.install("camslice", "camslice")
    cluster.apply(fleet_in(cluster.namespace))
    made = cluster.resources() - before
    with pytest.raises(HelmError, match=r"camslice-has-no-fleets.* Failed"):
        cluster.helm("uninstall", "camslice")
    assert f"1 CameraFleet is still there: {cluster.namespace}/yard" in hook_pods.said[0]
    assert made <= cluster.resources(), "it was refused, and something is gone all the same"
    cluster.kubectl("delete", "camerafleet", "yard")
    cluster.helm("uninstall", "camslice", "--wait")
    assert gone(cluster, made) == set()


def test_the_kinds_are_not_removed_from_under_a_fleet_of_another_namespace(cluster: Cluster, hook_pods: HookPods) -> None:
    cluster.plane.kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump(fleet_in("default")))
    with pytest.raises(HelmError, match=r"kinds-have-no-fleets.* Failed"):
        cluster.helm("uninstall", "kinds")
    assert "default/yard" in hook_pods.said[0]
    assert "camerafleets" in cluster.kubectl("api-resources", "--output=name")


def test_the_check_may_list_fleets_of_its_namespace_and_do_nothing_else(cluster: Cluster) -> None:
    cluster.install("camslice", "camslice")
    account = f"--as=system:serviceaccount:{cluster.namespace}:camslice-uninstall"

    def may(verb: str, resource: str, *more: str) -> bool:
        try:
            return cluster.kubectl("auth", "can-i", verb, resource, account, *more).strip() == "yes"
        except KubectlError:  # it ends with 1 for no
            return False

    assert may("list", "camerafleets.camslice.dev")
    assert not may("list", "camerafleets.camslice.dev", "--all-namespaces")
    assert not may("delete", "camerafleets.camslice.dev")
    assert not may("list", "secrets")


def test_a_value_that_is_none_installs_nothing(cluster: Cluster) -> None:
    before = cluster.resources()
    with pytest.raises(HelmError, match="additional properties 'wbe' not allowed"):
        cluster.install("camslice", "camslice", wbe={})
    assert cluster.resources() == before


def gone(cluster: Cluster, names: set[str], patience_s: float = 30) -> set[str]:
    """Those of `names` that are still there after a while: the garbage collector takes pods after their Deployment."""
    deadline_s = time.monotonic() + patience_s
    while left := names & cluster.resources():
        if time.monotonic() > deadline_s:
            return left
        time.sleep(0.5)
    return set()


def test_the_commands_of_the_page_on_installing_work_one_after_the_other(kinds: Plane, tmp_path: Path) -> None:
    """Those of helm and kubectl, on a checkout, with the fleets' namespace that the page names."""
    cluster = Cluster(kinds, "cameras")
    environment = os.environ | {"KUBECONFIG": str(kinds.kubeconfig), "PATH": f"{BIN}:{os.environ['PATH']}"}
    page = ROOT / "docs" / "how-to" / "install-on-kubernetes.md"
    commands = [command for block in blocks(page) for command in block.commands]
    commands.insert(commands.index("helm history camslice --namespace cameras"), WATCH)
    assert {command.split()[0] for command in commands} == {"helm", "kubectl"}
    hook_pods: HookPods | None = None
    try:
        for command in commands:
            done = subprocess.run(
                ["bash", "-c", command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120
            )
            assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}\n{hook_pods and hook_pods.said}"
            if hook_pods is None:
                hook_pods = HookPods(cluster, tmp_path)
    finally:
        if hook_pods is not None:
            hook_pods.close()
        kinds.kubectl("delete", "namespace", "cameras", "--wait=false")


WATCH = next(block.commands[0] for block in blocks(ROOT / "docs" / "how-to" / "watch-a-cluster.md") if block.commands)
