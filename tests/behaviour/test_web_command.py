"""`camslice web` as a user starts it, with a stand-in for the API server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.fake_api_server import FakeApiServer
from tests.unit.web.cluster.test_kube import SITE, camera

COMMAND = [str(Path(sys.executable).parent / "camslice"), "web", "--listen", "127.0.0.1:0"]
TOKEN = "a-token-that-is-long-enough"


@pytest.fixture
def server() -> Iterator[FakeApiServer]:
    running = FakeApiServer()
    running.put("camerafleets", SITE)
    running.put("cameras", camera("gate", state="refused", reason="there is no room"))
    yield running
    running.close()


@pytest.fixture
def config(server: FakeApiServer, tmp_path: Path) -> Path:
    path = tmp_path / "kubeconfig"
    context = {"cluster": "c", "user": "u", "namespace": "video"}
    users = [{"name": "u", "user": {"token": "hunter2"}}]
    clusters = [{"name": "c", "cluster": {"server": server.url}}]
    contexts = [{"name": "x", "context": context}]
    path.write_text(yaml.safe_dump({"clusters": clusters, "users": users, "contexts": contexts, "current-context": "x"}))
    return path


def ended(*options: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"KUBECONFIG": "/nonexistent/kubeconfig", **variables}
    environment.pop("CAMSLICE_TOKEN", None)
    return subprocess.run(
        [*COMMAND, *map(str, options)], capture_output=True, text=True, timeout=60, check=False, env=environment
    )


def test_it_serves_the_page_until_it_is_told_to_stop(server: FakeApiServer, config: Path, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN + "\n")
    command = [*COMMAND, "--kubeconfig", str(config), "--token-file", str(tmp_path / "token")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert line.startswith("page: http://127.0.0.1:"), line
        url = line.split()[1]
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(url + "/api/status", timeout=20)
        assert refused.value.code == 401
        request = urllib.request.Request(url + "/api/status", headers={"Authorization": f"Bearer {TOKEN}"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            status = json.loads(answer.read())
        assert [(one["name"], one["state"], one["reason"]) for one in status["cameras"]] == [
            ("gate", "refused", "there is no room")
        ]
        assert status["cluster"]["namespace"] == "video"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert "hunter2" not in process.stderr.read()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "there is no cluster to show"),
        (["--kubeconfig", "/nonexistent"], "--kubeconfig /nonexistent: there is no cluster to show"),
        (["--listen", "0.0.0.0:0"], "the page would be open to everyone who can reach 0.0.0.0: set a token"),
        (["--store", "sqlite:///x.db", "--store-file", "/x"], "--store and --store-file name the same thing; give one of them"),
        (
            ["--store-file", "/nonexistent"],
            "--store-file /nonexistent: No such file or directory; name a file that can be read",
        ),
        (["--token-file", "/nonexistent"], "--token-file /nonexistent: No such file or directory"),
    ],
)
def test_what_is_wrong_is_one_sentence(options: list[str], sentence: str) -> None:
    done = ended(*options)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert sentence in line


def test_a_cluster_without_our_kinds_is_one_sentence(server: FakeApiServer, config: Path) -> None:
    server.fails["camerafleets"] = 404
    done = ended("--kubeconfig", config)
    assert (done.returncode, done.stderr) == (
        2,
        "camslice: the cluster knows no CameraFleet; install the chart camslice-crds.\n",
    )


def test_without_the_extra_it_names_it(tmp_path: Path) -> None:
    (tmp_path / "lightkube.py").write_text("raise ImportError('not here')\n")
    done = ended(PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stderr) == (
        2,
        "camslice: showing a cluster needs lightkube; install it with: pip install 'camslice[cluster]'\n",
    )
