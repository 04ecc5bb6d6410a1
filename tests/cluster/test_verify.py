"""`camslice verify` over a real API server: pods asked through it, nodes priced by their labels.

No node runs here: the pod is an object whose status the test writes, with the address of a `camslice run` on this machine, for
an API server proxies to no loopback address. The way between them is real, the pods' token included.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from camslice.cluster.names import FLEET, HTTP_PORT, ROLE, SHAPE
from tests.cluster.harness.plane import Plane
from tests.cluster.harness.programs import until
from tests.command_line import ended
from tests.needs import need
from tests.tiny_detector import tiny_detector

TOKEN = "the-token-of-the-pods-and-no-other"
FLEET_FILE = """
objective: {latency_ms: 2000, percentile: 95, drop_rate: 0.2}
models:
  yolov8: {weights: FOLDER/tiny.onnx, decoder: yolov8}
cameras:
  - name: gate
    source: "scene://people?seed=1&size=128x96&fps=30"
    fps: 4
    model: yolov8
    count: 3
    stream: {width: 128, height: 96, fps: 30, codec: h264, kbps: 200}
planning: {instance_types: [g4dn.xlarge], topologies: [sliced], robust: false}
"""


def own_address() -> str | None:
    """An address of this machine that is not its loopback's."""
    found = [
        each.address
        for addresses in psutil.net_if_addrs().values()
        for each in addresses
        if each.family == socket.AF_INET and not each.address.startswith(("127.", "169.254."))
    ]
    return found[0] if found else None


@pytest.fixture(scope="module")
def analysing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A fleet file and its plan, and a run of it at the port of camera pods; gives its folder and address."""
    address = own_address()
    need(address, "an address besides loopback", "a network interface, such as a veth pair")
    assert address is not None
    folder = tmp_path_factory.mktemp("verify")
    tiny_detector(folder / "tiny.onnx")
    (folder / "street.yaml").write_text(FLEET_FILE.replace("FOLDER", str(folder)))
    planned = ("plan", str(folder / "street.yaml"), "--profile", "t4-case-study", "--out", str(folder / "plan.yaml"))
    assert ended(*planned) == 0
    command = [sys.executable, "-m", "camslice", "run", str(folder / "street.yaml"), "--listen", f"{address}:{HTTP_PORT}"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "CAMSLICE_TOKEN": TOKEN})
    try:
        until(lambda: analysed(address) > 20, "frames", 90)
        yield folder, address
    finally:
        process.terminate()
        process.wait(60)


def analysed(address: str) -> int:
    asked = urllib.request.Request(f"http://{address}:{HTTP_PORT}/api/status", headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(asked, timeout=5) as answer:
        return int(json.load(answer)["fleet"]["frames"]["analysed"])


@pytest.fixture
def standing(plane: Plane, namespace: str, analysing: tuple[Path, str]) -> Iterator[str]:
    """A camera pod of the fleet, and the node that was planned for it; gives the node's name."""
    _, address = analysing
    labels = {FLEET: "street", ROLE: "camera"}
    shape = {SHAPE: "street.g4dn-xlarge-sliced-1"}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "street-0", "namespace": namespace, "labels": labels},
        "spec": {"nodeSelector": shape, "containers": [{"name": "camslice", "image": "camslice:none"}]},
    }
    plane.apply([pod])
    status = {"status": {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]}}
    patch = ("patch", "pod", "street-0", "--namespace", namespace, "--subresource=status", "--type=merge")
    plane.kubectl(*patch, "-p", json.dumps(status))
    name = f"node-{namespace}"
    node_labels = {
        FLEET: "street",
        "node.kubernetes.io/instance-type": "g4dn.xlarge",
        "karpenter.sh/capacity-type": "on-demand",
    }
    node_labels |= {"topology.kubernetes.io/region": "us-east-1"}
    plane.apply([plane.fake_node(name, node_labels, {"cpu": "4", "memory": "16Gi", "pods": "29"})])
    yield name
    plane.kubectl("delete", "node", name)


def verified(
    capsys: pytest.CaptureFixture[str], plane: Plane, namespace: str, folder: Path, *options: str
) -> tuple[int, Mapping[str, Any]]:
    capsys.readouterr()
    where = ("--kubeconfig", str(plane.kubeconfig), "--namespace", namespace, "--seconds", "3")
    code = ended("verify", str(folder / "plan.yaml"), *where, "--json", *options)
    said = capsys.readouterr()
    assert TOKEN not in said.out + said.err
    return code, json.loads(said.out) if said.out else {"sentence": said.err}


def test_pods_are_asked_through_the_api_server_and_nodes_are_priced(
    plane: Plane,
    namespace: str,
    standing: str,
    analysing: tuple[Path, str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CAMSLICE_TOKEN", TOKEN)
    code, said = verified(capsys, plane, namespace, analysing[0])
    assert said["streams"]["live"] == 3, said
    (group,) = said["live"]["groups"]
    assert (group["model"], group["shape"]) == ("yolov8", "street.g4dn-xlarge-sliced-1")
    assert group["frames"]["captured"] > 0
    (node,) = said["live"]["nodes"]
    assert (node["name"], node["instance_type"], node["usd_per_hour"]) == (standing, "g4dn.xlarge", 0.526)
    planned = said["predicted"]
    assert said["live"]["usd_per_month"] == pytest.approx(planned["usd_per_month"], rel=0.001)
    assert not {"nodes", "streams", "usd per camera and month"} & {each["what"] for each in said["drift"]}
    assert code == (0 if said["met"] else 1)

    plane.kubectl("label", "node", standing, "node.kubernetes.io/instance-type=g4dn.2xlarge", "--overwrite")
    code, said = verified(capsys, plane, namespace, analysing[0])
    drift = {each["what"]: each for each in said["drift"]}
    assert code == 1
    assert "g4dn.2xlarge stands in for g4dn.xlarge" in drift["nodes"]["cause"]
    assert "g4dn.2xlarge was not planned" in drift["usd per camera and month"]["cause"]


def test_pods_that_do_not_know_our_token_are_told(
    plane: Plane,
    namespace: str,
    standing: str,
    analysing: tuple[Path, str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CAMSLICE_TOKEN", "another")
    code, said = verified(capsys, plane, namespace, analysing[0])
    assert standing
    assert code == 2
    assert "--token-file holds their token" in said["sentence"]
