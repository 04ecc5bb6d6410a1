"""`camslice deploy` on a real API server: applied, changed, pruned, taken back, refused, and told in the scheduler's words."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.harness.plane import Plane
from tests.cluster.harness.programs import KubectlError, until
from tests.cluster.test_operator import RunningOperator, states
from tests.command_line import ended

FLEET = """
objective: {latency_ms: 500, percentile: 95, drop_rate: 0.01}
models:
  yolov8: {weights: yolox-nano}
cameras:
  - name: gate
    source: "rtsp://${CAM_USER}:${CAM_PASSWORD}@10.20.0.7/1"
    fps: 4
    model: yolov8
    count: COUNT
    stream: {width: 1920, height: 1080, fps: 25, codec: h264, kbps: 2000}
planning: {instance_types: [g4dn.xlarge], topologies: [sliced], robust: false}
"""
Run = Callable[..., tuple[int, Mapping[str, Any]]]
Operating = Callable[..., AbstractContextManager[RunningOperator]]
JSON_KEYS = {"revision", "back_to", "objects", "pruned", "changes", "ready", "why_not"}
JSON_KEYS |= {"conditions", "cameras", "pods", "nodes", "pending", "events", "warnings"}


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CAM_USER", "viewer")
    monkeypatch.setenv("CAM_PASSWORD", "open-sesame")
    monkeypatch.setenv("CAMSLICE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def plan(tmp_path: Path) -> Callable[[int], Path]:
    """A plan for so many cameras of one fleet."""

    def plan(cameras: int) -> Path:
        folder = tmp_path / f"of-{cameras}"
        folder.mkdir()
        (folder / "street.yaml").write_text(FLEET.replace("COUNT", str(cameras)))
        path = folder / "plan.yaml"
        assert ended("plan", str(folder / "street.yaml"), "--profile", "t4-case-study", "--out", str(path)) == 0
        return path

    return plan


@pytest.fixture
def deploy(plane: Plane, namespace: str, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """The command, with --json; what it says is looked through for the password."""
    plane.define("karpenter", "karpenter-aws")
    name = f"street-{namespace}"

    def deploy(plan: Path, *options: str) -> tuple[int, Mapping[str, Any]]:
        capsys.readouterr()
        where = ("--kubeconfig", str(plane.kubeconfig), "--namespace", namespace, "--name", name)
        code = ended("deploy", str(plan), "--json", *where, *options)
        said = capsys.readouterr()
        assert "open-sesame" not in said.out + said.err
        return code, json.loads(said.out) if said.out else {"sentence": said.err}

    yield deploy
    for kind in ("nodepools", "nodeoverlays", "ec2nodeclasses"):
        plane.kubectl("delete", kind, "--selector", f"camslice.dev/fleet={name}", "--wait=false", "--ignore-not-found")


@pytest.fixture
def operator(plane: Plane, namespace: str, tmp_path: Path) -> Operating:
    """The real operator as a process, with a node of the plan's shape that has so many slices, and the cameras' credentials."""

    @contextmanager
    def operating(slices: int) -> Iterator[RunningOperator]:
        fleet = f"street-{namespace}"
        shape = f"{fleet}.g4dn-xlarge-sliced-1"
        room = {"cpu": "8", "memory": "16Gi", "pods": "29", "nvidia.com/gpu.shared": str(slices)}
        labels = {"camslice.dev/fleet": fleet, "camslice.dev/shape": shape, "node.kubernetes.io/instance-type": "g4dn.xlarge"}
        node = plane.fake_node(f"node-{namespace}", labels, room)
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": f"{fleet}-cameras", "namespace": namespace}}
        plane.apply([node, {**secret, "stringData": {"CAM_USER": "viewer", "CAM_PASSWORD": "open-sesame"}}])
        running = RunningOperator(plane, namespace, tmp_path)
        running.start()
        try:
            until(running.metrics, "the operator", 90, running.check)
            yield running
        finally:
            running.stop()
            plane.kubectl("delete", "node", f"node-{namespace}")

    return operating


def everything(plane: Plane, namespace: str) -> dict[str, int]:
    """What a deploy and the operator made, by name, with the version of what each is to be."""
    kinds = "camerafleets,cameras,pods,secrets,networkpolicies,poddisruptionbudgets"
    found = [*plane.get(kinds, "--namespace", namespace), *plane.get("nodepools,nodeoverlays,ec2nodeclasses")]
    return {
        f"{each['kind']} {each['metadata']['name']} {each['metadata']['uid']}": each["metadata"].get("generation", 0)
        for each in found
    }


def cameras_in(plane: Plane, namespace: str) -> list[str]:
    return sorted(each["metadata"]["name"] for each in plane.get("cameras", "--namespace", namespace))


def refuse(plane: Plane, namespace: str, *cameras: str) -> None:
    """Have the API server refuse these cameras in that namespace from now on."""
    rules = [{"apiGroups": ["camslice.dev"], "apiVersions": ["*"], "operations": ["CREATE"], "resources": ["cameras"]}]
    expression = f"!(object.metadata.name in {json.dumps(cameras)})".replace('"', "'")
    spec = {
        "matchConstraints": {"resourceRules": rules},
        "validations": [{"expression": expression, "message": "three too many"}],
    }
    group = "admissionregistration.k8s.io/v1"
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    bound = {"policyName": f"few-{namespace}", "validationActions": ["Deny"], "matchResources": here}
    named = {"name": f"few-{namespace}"}
    plane.apply(
        [
            {"apiVersion": group, "kind": "ValidatingAdmissionPolicy", "metadata": named, "spec": spec},
            {"apiVersion": group, "kind": "ValidatingAdmissionPolicyBinding", "metadata": named, "spec": bound},
        ]
    )
    (made,) = plane.get("camera", "gate-1", "--namespace", namespace)
    tried = {"apiVersion": made["apiVersion"], "kind": made["kind"], "spec": made["spec"]}
    tried["metadata"] = {"name": cameras[0], "namespace": namespace}

    def refused() -> bool:
        try:
            plane.apply([tried], "--dry-run=server")
        except KubectlError:
            return True
        return False

    until(refused, "the policy to hold")


def not_bought(claim: str) -> dict[str, Any]:
    """What Karpenter says of a claim before it deletes it, when the account has no quota left."""
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{claim}.1", "namespace": "default"},
        "involvedObject": {"apiVersion": "karpenter.sh/v1", "kind": "NodeClaim", "name": claim},
        "type": "Warning",
        "reason": "InsufficientCapacityError",
        "message": "NodeClaim event: creating instance, VcpuLimitExceeded: more vCPU capacity than your current limit of 0",
        "source": {"component": "karpenter"},
        "lastTimestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def test_a_plan_is_applied_changed_and_taken_back(
    plane: Plane, namespace: str, deploy: Run, plan: Callable[[int], Path]
) -> None:
    six, four = plan(6), plan(4)
    code, said = deploy(six, "--diff")
    assert (code, said["changes"]["created"]) == (1, 10)
    assert cameras_in(plane, namespace) == []

    code, said = deploy(six, "--wait", "0")
    assert (code, said["revision"], said["changes"]["created"]) == (0, 1, 10)
    assert len(cameras_in(plane, namespace)) == 6
    assert deploy(six, "--diff")[0] == 0
    (fleet,) = plane.get("camerafleets", "--namespace", namespace)
    managers = {
        each["manager"]
        for each in plane.get("camerafleets", "--namespace", namespace, "--show-managed-fields")[0]["metadata"]["managedFields"]
    }
    assert managers == {"camslice"}
    assert fleet["spec"]["shapes"][0]["pods"][0]["count"] == 6

    code, said = deploy(four, "--wait", "0")
    assert (code, said["revision"]) == (0, 2)
    assert [each["name"] for each in said["pruned"]] == ["gate-5", "gate-6"]
    assert cameras_in(plane, namespace) == [f"gate-{n}" for n in range(1, 5)]

    code, said = deploy(four, "--rollback", "--wait", "0")
    assert (code, said["revision"], said["back_to"]) == (0, 3, 1)
    assert len(cameras_in(plane, namespace)) == 6


def test_a_deploy_that_broke_off_is_taken_back(plane: Plane, namespace: str, deploy: Run, plan: Callable[[int], Path]) -> None:
    """The second one is refused half-way: a policy lets three of its cameras not in."""
    assert deploy(plan(4), "--wait", "0")[0] == 0
    refuse(plane, namespace, "gate-6", "gate-7", "gate-8")
    code, said = deploy(plan(8), "--wait", "0")
    assert code == 2
    assert "three too many" in said["sentence"]
    assert len(cameras_in(plane, namespace)) == 5
    code, said = deploy(plan(9), "--rollback", "--wait", "0")
    assert (code, said["back_to"]) == (0, 1)
    assert len(cameras_in(plane, namespace)) == 4


def test_foreign_objects_are_neither_taken_over_nor_pruned(
    plane: Plane, namespace: str, deploy: Run, plan: Callable[[int], Path]
) -> None:
    six = plan(6)
    assert deploy(six, "--wait", "0")[0] == 0
    (made,) = plane.get("camera", "gate-1", "--namespace", namespace)
    foreign = {key: made[key] for key in ("apiVersion", "kind", "spec")}
    plane.apply([{**foreign, "metadata": {"name": "gate-99", "namespace": namespace}}])
    plane.kubectl("annotate", "camera", "gate-6", "--namespace", namespace, "camslice.dev/applied-by-")
    assert deploy(plan(4), "--wait", "0")[0] == 0
    assert cameras_in(plane, namespace) == [*(f"gate-{n}" for n in range(1, 5)), "gate-6", "gate-99"]
    code, said = deploy(six, "--wait", "0")
    assert code == 2
    assert "Camera gate-6: it is there already" in said["sentence"]
    assert deploy(six, "--wait", "0", "--take-over")[0] == 0


def test_what_is_pending_is_told_in_the_schedulers_own_words_and_ends_with_1(
    plane: Plane, namespace: str, deploy: Run, plan: Callable[[int], Path]
) -> None:
    limits = {"nvidia.com/gpu.shared": "1"}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "shard", "namespace": namespace, "labels": {"camslice.dev/fleet": f"street-{namespace}"}},
        "spec": {"containers": [{"name": "camslice", "image": "camslice:none", "resources": {"limits": limits}}]},
    }
    node = plane.fake_node(f"small-{namespace}", {}, {"cpu": "2", "memory": "4Gi", "pods": "9"})
    plane.apply([pod, node, not_bought(f"street-{namespace}.g4dn-xlarge-sliced-1-x7k2p")])
    code, said = deploy(plan(4), "--wait", "4")
    plane.kubectl("delete", "node", f"small-{namespace}")
    assert (code, said["ready"]) == (1, False)
    (words,) = said["pending"]
    assert "Insufficient nvidia.com/gpu.shared" in words
    assert words in said["why_not"]
    assert any("FailedScheduling" in each for each in said["events"])
    assert "the account's quota of vCPUs for this family is used up" in said["why_not"], "of a claim that is gone"


def test_with_the_real_operator_a_deploy_ends_ready_and_a_second_one_changes_nothing(
    plane: Plane, namespace: str, deploy: Run, plan: Callable[[int], Path], operator: Operating
) -> None:
    eight = plan(8)
    with operator(slices=8) as running:
        code, said = deploy(eight, "--wait", "90")
        assert (code, said["ready"], said["why_not"]) == (0, True, None), running.log()
        assert set(said) == JSON_KEYS
        assert said["cameras"] == {"cameras": 8, "live": 8, "placed": 8, "refused": 0}
        assert (said["pods"], said["nodes"], said["pending"]) == ({"ready": 8}, {"g4dn.xlarge": 1}, {})
        assert {each["type"]: each["holds"] for each in said["conditions"]} == {
            "Ready": True,
            "WithinObjective": None,
            "Degraded": False,
            "Infeasible": False,
            "NoCapacity": False,
        }
        assert {each["what"] for each in said["objects"]} == {"created"}
        assert said["changes"] == {"created": len(said["objects"]), "changed": 0, "unchanged": 0, "pruned": 0, "left": 0}

        before = everything(plane, namespace)
        code, again = deploy(eight, "--wait", "30")
        assert (code, again["ready"], again["revision"]) == (0, True, said["revision"])
        assert again["changes"] == {"created": 0, "changed": 0, "unchanged": len(said["objects"]), "pruned": 0, "left": 0}
        assert deploy(eight, "--diff")[0] == 0
        assert everything(plane, namespace) == before

        code, fewer = deploy(plan(4), "--wait", "60")
        assert (code, fewer["ready"], fewer["changes"]["pruned"]) == (0, True, 4)
        assert fewer["cameras"] == {"cameras": 4, "live": 4, "placed": 4, "refused": 0}


def test_the_operators_pods_that_find_no_slice_are_told_in_the_schedulers_own_words(
    plane: Plane, namespace: str, deploy: Run, plan: Callable[[int], Path], operator: Operating
) -> None:
    """A node has six slices of a GPU where the plan counts on eight."""

    def unscheduled() -> int:
        found = [each["status"].get("conditions", []) for each in plane.get("pods", "--namespace", namespace)]
        return sum(any(each["type"] == "PodScheduled" and each["status"] == "False" for each in of) for of in found)

    eight = plan(8)
    with operator(slices=6) as running:
        assert deploy(eight, "--wait", "0")[0] == 0
        until(lambda: unscheduled() == 2, "the scheduler to have tried all pods", 60, running.check)
        code, said = deploy(eight, "--wait", "4")
    assert (code, sum(said["pods"].values())) == (1, 8), running.log()
    ((words, number),) = said["pending"].items()
    assert number == 2
    assert "Insufficient nvidia.com/gpu.shared" in words
    assert f"2 pods pending: {words}" in said["why_not"]
    assert said["nodes"] == {"g4dn.xlarge": 1}


def test_a_camera_that_somebody_else_added_is_named_as_why_a_deploy_does_not_end(
    plane: Plane, namespace: str, deploy: Run, plan: Callable[[int], Path], operator: Operating
) -> None:
    """The plan has no room for it, so it is refused, and the fleet is not what was deployed."""
    four = plan(4)
    with operator(slices=4) as running:
        assert deploy(four, "--wait", "90")[0] == 0, running.log()
        (made,) = plane.get("camera", "gate-1", "--namespace", namespace)
        foreign = {key: made[key] for key in ("apiVersion", "kind", "spec")}
        plane.apply([{**foreign, "metadata": {"name": "gate-99", "namespace": namespace}}])
        until(lambda: "refused" in states(plane, namespace), "it to be refused", 30, running.check)
        code, said = deploy(four, "--wait", "3")
    assert (code, said["ready"]) == (1, False)
    assert said["cameras"] == {"cameras": 4, "live": 4, "placed": 4, "refused": 1}
    assert "the fleet has 5 cameras where 4 are deployed: somebody else added some" in said["why_not"]


def test_it_waits_until_the_fleet_says_that_it_is_ready(
    plane: Plane, namespace: str, deploy: Run, plan: Callable[[int], Path]
) -> None:
    """The operator's part is played: it says Ready, first of an older generation and of too few cameras."""
    four, name = plan(4), f"street-{namespace}"

    def say(generation: int, cameras: int) -> None:
        condition = {
            "type": "Ready",
            "status": "True",
            "reason": "Live",
            "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        status = {"observedGeneration": generation, "cameras": cameras, "live": cameras, "conditions": [condition]}
        patch = json.dumps({"status": status})
        plane.kubectl(
            "patch", "camerafleet", name, "--namespace", namespace, "--subresource=status", "--type=merge", "-p", patch
        )

    assert deploy(four, "--wait", "0")[0] == 0
    say(0, 4)
    assert deploy(four, "--wait", "2")[0] == 1
    say(1, 3)
    assert deploy(four, "--wait", "2")[0] == 1
    late = threading.Timer(3.0, say, (1, 4))
    late.start()
    code, said = deploy(four, "--wait", "60")
    late.join()
    assert (code, said["ready"], said["cameras"]["live"]) == (0, True, 4)


def test_what_the_caller_may_not_do_is_said_before_anything_is_applied(
    plane: Plane, namespace: str, plan: Callable[[int], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    plane.define("karpenter", "karpenter-aws")
    weak = plane.keys.kubeconfig("system:kube-scheduler", plane.server)
    four = plan(4)
    capsys.readouterr()
    assert ended("deploy", str(four), "--kubeconfig", str(weak), "--namespace", namespace) == 2
    assert "we may not create ec2nodeclasses" in capsys.readouterr().err
    assert cameras_in(plane, namespace) == []


def test_doctor_says_what_this_cluster_lacks(plane: Plane, namespace: str, capsys: pytest.CaptureFixture[str]) -> None:
    ended("doctor", "--kubeconfig", str(plane.kubeconfig), "--namespace", namespace, "--json")
    checks = {each["name"]: each for each in json.loads(capsys.readouterr().out)["checks"]}
    assert checks["cluster"]["ok"]
    assert "v1.36" in checks["cluster"]["detail"]
    assert checks["custom resources"]["ok"]
    assert not checks["operator"]["ok"]
    assert "helm upgrade --install camslice" in checks["operator"]["fix"]
