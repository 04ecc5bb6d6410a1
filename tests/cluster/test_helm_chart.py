"""What the charts say, before any cluster sees it: helm renders them, and each object is looked at."""

from __future__ import annotations

import importlib
import inspect
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import camslice
from camslice.cli.main import COMMANDS
from camslice.cluster import names
from camslice.cluster.operator import rbac
from camslice.web.app import create_app
from camslice.web.server import WebServer
from tests.cluster.helm import CHARTS, NAMESPACE, HelmError, Object, helm, of_kind, one, pods_of, rendered
from tests.fake_fleet import FakeFleet, parse_camera
from tests.strict_schemas import validate
from tests.unit.deploy.recipes import ROOT

EVERYTHING: dict[str, Any] = {
    "monitoring.enabled": True,
    "monitoring.labels": {"release": "prometheus"},
    "web.store.existingSecret": "database",
    "imagePullSecrets": [{"name": "registry"}],
    "networkPolicy.apiServer.cidrs": ["10.0.0.1/32"],
    "networkPolicy.pageFrom": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "gateway"}}}],
    "operator.nodeSelector": {"kubernetes.io/os": "linux"},
    "operator.podLabels": {"team": "video"},
    "operator.prometheus": "http://prometheus.monitoring:9090",
    "web.service.annotations": {"a": "b"},
}
CHARTS_AND_VALUES = [("camslice", {}), ("camslice", EVERYTHING), ("camslice", {"web.enabled": False}), ("camslice-crds", {})]
FOREIGN = {"monitoring.coreos.com/v1"}
"""Their schemas are no part of Kubernetes; the API server checks them, with their own definitions."""


@pytest.mark.parametrize("chart", ["camslice", "camslice-crds"])
def test_helm_finds_nothing_wrong(chart: str) -> None:
    assert "0 chart(s) failed" in helm("lint", "--strict", CHARTS / chart)


@pytest.mark.parametrize("minor", ["1.33", "1.34", "1.35", "1.36"])
@pytest.mark.parametrize(("chart", "values"), CHARTS_AND_VALUES)
def test_every_object_passes_the_strict_schema_of_every_minor(chart: str, values: dict[str, Any], minor: str) -> None:
    objects = [each for each in rendered(chart, values, kube=f"{minor}.0") if each["apiVersion"] not in FOREIGN]
    assert len(objects) > 3
    for each in objects:
        if each["kind"] != "CustomResourceDefinition":  # not in those schemas; the API server takes them or not
            validate(each, minor)


def test_an_older_cluster_is_refused() -> None:
    with pytest.raises(HelmError, match="kubeVersion"):
        rendered("camslice", kube="1.32.9")


@pytest.mark.parametrize(("chart", "values"), CHARTS_AND_VALUES)
def test_pods_may_do_nothing_that_they_need_not(chart: str, values: dict[str, Any]) -> None:
    pods = pods_of(rendered(chart, values))
    assert pods
    for name, pod in pods.items():
        security = pod["spec"]["securityContext"]
        assert (security["runAsNonRoot"], security["runAsUser"]) == (True, 65532), name
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert pod["spec"]["automountServiceAccountToken"] is ("test" not in name), name
        for container in pod["spec"]["containers"]:
            allowed = container["securityContext"]
            assert allowed["allowPrivilegeEscalation"] is False, name
            assert allowed["readOnlyRootFilesystem"] is True, name
            assert allowed["capabilities"] == {"drop": ["ALL"]}, name
            assert {"cpu", "memory"} <= set(container["resources"]["requests"]), name
            assert "memory" in container["resources"]["limits"], name
            assert not any("privileged" in part for part in allowed), name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod["spec"]), name
        assert not any("hostPath" in volume for volume in pod["spec"].get("volumes", [])), name


@pytest.mark.parametrize("values", [{}, EVERYTHING, {"web.fleet": "yard"}])
def test_pods_are_started_with_options_that_their_commands_have(values: dict[str, Any]) -> None:
    started = 0
    for name, pod in pods_of(rendered("camslice", values)).items():
        for container in pod["spec"]["containers"]:
            command, *options = container.get("args", [None])
            if command is not None:
                module, _, function = COMMANDS[command].where.partition(":")
                taken = inspect.signature(getattr(importlib.import_module(module), function)).parameters
                for option in options:
                    assert option.partition("=")[0].removeprefix("--").replace("-", "_") in taken, f"{name}: {option}"
                started += 1
    assert started == 2


def test_pods_of_other_names_are_not_selected() -> None:
    objects = rendered("camslice", EVERYTHING)
    components = {name: pod["metadata"]["labels"].get("app.kubernetes.io/component") for name, pod in pods_of(objects).items()}
    assert components == {
        "Deployment/camslice-operator": "operator",
        "Deployment/camslice-web": "web",
        "Job/camslice-has-no-fleets": "uninstall",
        "Pod/camslice-test": "test",
    }
    selectors = [each["spec"]["selector"] for each in of_kind(objects, "Service")]
    selectors += [each["spec"]["selector"]["matchLabels"] for each in of_kind(objects, "Deployment")]
    for selector in selectors:
        chosen = [name for name, pod in pods_of(objects).items() if selector.items() <= pod["metadata"]["labels"].items()]
        assert len(chosen) == 1, selector


def test_labels_of_the_user_never_hide_those_that_select() -> None:
    objects = rendered("camslice", {"operator.podLabels": {"app.kubernetes.io/component": "mine", "team": "video"}})
    deployment = one(objects, "Deployment", "camslice-operator")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert labels["team"] == "video"


def test_the_image_is_ours_or_what_the_values_say() -> None:
    def images(values: dict[str, Any]) -> set[str]:
        return {c["image"] for pod in pods_of(rendered("camslice", values)).values() for c in pod["spec"]["containers"]}

    assert images({}) == {f"localhost/camslice:{camslice.__version__}"}
    assert images({"image.repository": "registry.example:5000/a/camslice", "image.tag": "x"}) == {
        "registry.example:5000/a/camslice:x"
    }
    digest = "sha256:" + "a" * 64
    assert images({"image.digest": digest, "image.tag": "x"}) == {f"localhost/camslice@{digest}"}


@pytest.mark.parametrize("chart", ["camslice", "camslice-crds"])
def test_the_charts_are_of_the_version_of_the_package(chart: str) -> None:
    told = yaml.safe_load((CHARTS / chart / "Chart.yaml").read_text())
    assert told["version"] == told["appVersion"] == camslice.__version__


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"operator.replicas": 2}, "replicas"),
        ({"wbe": {}}, "wbe"),
        ({"image.tag": "a b"}, "tag"),
        ({"image.digest": "sha256:12"}, "digest"),
        ({"web.replicas": 0}, "replicas"),
        ({"web.service.port": 70000}, "port"),
        ({"monitoring.interval": "often"}, "interval"),
        ({"networkPolicy.apiServer.cidrs": ["everywhere"]}, "cidrs"),
        ({"operator.resources.limits.memory": "lots"}, "memory"),
        ({"operator.logLevel": "loud"}, "logLevel"),
        ({"imagePullSecrets": ["name"]}, "imagePullSecrets"),
    ],
)
def test_wrong_values_are_refused_by_name(values: dict[str, Any], words: str) -> None:
    with pytest.raises(HelmError, match=words):
        rendered("camslice", values)


def test_a_token_of_ones_own_is_used_and_none_is_made() -> None:
    made = rendered("camslice")
    assert len(one(made, "Secret", "camslice-token")["data"]["token"]) > 40
    own = rendered("camslice", {"token.existingSecret": "mine", "token.key": "t", "monitoring.enabled": True})
    assert of_kind(own, "Secret") == []
    text = yaml.safe_dump(own)
    assert "camslice-token" not in text
    assert "--token-file=/etc/camslice/token/t" in text
    for monitor in of_kind(own, "PodMonitor"):
        [endpoint] = monitor["spec"]["podMetricsEndpoints"]
        assert endpoint["authorization"]["credentials"] == {"name": "mine", "key": "t"}


def test_the_page_gets_the_stores_secret_as_a_file_and_its_address_by_policy() -> None:
    without = yaml.safe_dump(pods_of(rendered("camslice"))["Deployment/camslice-web"])
    assert "store" not in without
    objects = rendered("camslice", EVERYTHING)
    web = pods_of(objects)["Deployment/camslice-web"]["spec"]
    assert any(volume.get("secret", {}).get("secretName") == "database" for volume in web["volumes"])
    egress = one(objects, "NetworkPolicy", "camslice-web")["spec"]["egress"]
    assert {"ports": [{"port": 5432, "protocol": "TCP"}]} in egress


def test_the_operator_reaches_names_the_api_server_and_camera_pods_and_nothing_else() -> None:
    egress = one(rendered("camslice", EVERYTHING), "NetworkPolicy", "camslice-operator")["spec"]["egress"]
    dns, api, cameras = egress
    assert {entry["port"] for entry in dns["ports"]} == {53}
    assert api["to"] == [{"ipBlock": {"cidr": "10.0.0.1/32"}}]
    assert {entry["port"] for entry in api["ports"]} == {443, 6443}
    assert cameras["ports"] == [{"port": names.HTTP_PORT, "protocol": "TCP"}]
    assert cameras["to"] == [{"podSelector": {"matchExpressions": [{"key": names.FLEET, "operator": "Exists"}]}}]


def test_the_page_and_the_check_may_only_look() -> None:
    objects = rendered("camslice")
    for role in ("camslice-web", "camslice-uninstall"):
        for rule in one(objects, "Role", role)["rules"]:
            assert set(rule["verbs"]) <= {"get", "list", "watch"}
            assert "secrets" not in rule["resources"]


@pytest.mark.parametrize("release", ["camslice", "east"])
def test_the_operator_gets_the_rules_that_its_code_names_and_one_lease(release: str) -> None:
    objects = rendered("camslice", release=release)
    [lease] = of_kind(objects, "Lease")
    name = lease["metadata"]["name"]
    wanted = [json.loads(json.dumps(rule).replace("LEASE", name)) for rule in rbac.NAMESPACED]
    assert one(objects, "Role", name)["rules"] == wanted
    assert one(objects, "ClusterRole", f"{NAMESPACE}-{name}")["rules"] == list(rbac.CLUSTER)
    assert f"--lease={name}" in pods_of(objects)[f"Deployment/{name}"]["spec"]["containers"][0]["args"]


def test_roles_are_given_to_the_accounts_that_pods_run_as() -> None:
    objects = rendered("camslice")
    accounts = {each["metadata"]["name"] for each in of_kind(objects, "ServiceAccount")}
    used = {pod["spec"]["serviceAccountName"] for pod in pods_of(objects).values() if "serviceAccountName" in pod["spec"]}
    assert used == accounts
    for binding in of_kind(objects, "RoleBinding") + of_kind(objects, "ClusterRoleBinding"):
        assert of_kind(objects, binding["roleRef"]["kind"], binding["roleRef"]["name"])
        [subject] = binding["subjects"]
        assert (subject["name"] in accounts, subject["namespace"]) == (True, NAMESPACE)


@pytest.mark.parametrize("chart", ["camslice", "camslice-crds"])
def test_the_check_before_an_uninstallation_can_be_left_out(chart: str) -> None:
    def hooks(objects: list[Object]) -> list[str]:
        annotations = [each["metadata"].get("annotations", {}) for each in objects]
        return [each["helm.sh/hook"] for each in annotations if "helm.sh/hook" in each]

    assert "pre-delete" in hooks(rendered(chart))
    without = rendered(chart, {"uninstall.check": False})
    assert "pre-delete" not in hooks(without)
    assert "uninstall" not in yaml.safe_dump(without)


def test_monitoring_is_what_lies_in_files_and_only_when_asked() -> None:
    assert not [each for each in rendered("camslice") if each["apiVersion"] in FOREIGN]
    objects = rendered("camslice", EVERYTHING)
    rule = one(objects, "PrometheusRule", "camslice")
    assert rule["spec"] == yaml.safe_load((ROOT / "deploy/monitoring/alerts.yaml").read_text())
    assert rule["metadata"]["labels"]["release"] == "prometheus"
    dashboard = one(objects, "ConfigMap", "camslice-dashboard")
    assert json.loads(dashboard["data"]["camslice.json"]) == json.loads((ROOT / "deploy/monitoring/dashboard.json").read_text())
    cameras = one(objects, "PodMonitor", "camslice-cameras")
    assert cameras["spec"]["selector"]["matchExpressions"] == [{"key": names.FLEET, "operator": "Exists"}]


def test_notes_say_how_to_go_on() -> None:
    said = helm("install", "camslice", CHARTS / "camslice", "--namespace", NAMESPACE, "--dry-run=client")
    notes = said[said.index("NOTES:") :]
    for words in (
        "camslice deploy plan.yaml",
        "port-forward --namespace shop service/camslice-web",
        "secret --namespace shop camslice-token",
    ):
        assert words in notes


@pytest.mark.parametrize(
    ("token", "sent", "well"), [("sesame", "sesame", True), ("sesame", "other", False), (None, "sesame", False)]
)
def test_the_charts_own_test_tells_a_guarded_page_from_others(token: str | None, sent: str, well: bool, tmp_path: Path) -> None:
    [container] = pods_of(rendered("camslice"))["Pod/camslice-test"]["spec"]["containers"]
    python, dash_c, script, address, key = container["command"]
    assert (python, dash_c, address, key) == ("python3", "-c", "http://camslice-web.shop.svc:80", "token")
    (tmp_path / "token").write_text(sent)
    server = WebServer(create_app(FakeFleet(["gate"]), token=token, parse_camera=parse_camera), "127.0.0.1", 0)
    server.start()
    try:
        here = script.replace("/etc/camslice/token/", f"{tmp_path}/")
        asked = [sys.executable, "-c", here, server.url.rstrip("/").partition("?")[0].rstrip("/"), key]
        done = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=60)
    finally:
        server.stop()
    assert (done.returncode == 0) is well, done.stdout + done.stderr
