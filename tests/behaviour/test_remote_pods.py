"""Topology `remote` as a cluster runs it: the engine server and a camera pod, each started with what its manifest says.

The two manifests are taken as rendered: arguments, environment, files of the ConfigMap. Volumes become folders below a
temporary one, so only the paths at which they are mounted, addresses and the camera's source are others.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from camslice.cluster.manifests.assigned import Assigned
from camslice.cluster.manifests.pod import TOKEN_DIR
from camslice.cluster.names import CONFIG_DIR, MODELS_DIR, SECRETS_DIR
from camslice.cluster.objects import WeightsFrom
from camslice.cluster.placement.shards import shards_of
from camslice.cluster.pods import fleet_objects, pod_objects
from camslice.cluster.rendering import Rendered, RenderSettings, rendered
from camslice.cluster.sharing.device_plugin import DevicePlugin
from camslice.fleet.spec import parse_fleet
from camslice.fleet.types import Topology
from camslice.models.cache import sha256_of
from tests.behaviour.test_run_command import Command
from tests.needs import shared_file
from tests.serve_process import ServeProcess
from tests.unit.cluster.made_plan import CATALOGUE, node, plan

TOKEN = "of-this-fleet-and-of-no-other"
SOURCE = "rtsp://10.20.0.7/1"
FLEET = """
objective: {latency_ms: 2000, percentile: 95, drop_rate: 0.5}
models:
  people: {weights: WEIGHTS, classes: [person], confidence: 0.3OPTIONS}
cameras:
  - {name: gate, source: "rtsp://10.20.0.7/1", fps: 2, model: people, count: 2, loop: true}
"""
Container = Mapping[str, Any]


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """The claim with weights: the file, as somebody copied it there."""
    folder = tmp_path / MODELS_DIR.lstrip("/")
    folder.mkdir(parents=True)
    for name in ("yolox_nano.onnx", "our people.onnx"):
        (folder / name).symlink_to(shared_file("models/yolox_nano.onnx"))
    return folder


@pytest.fixture
def starts(tmp_path: Path) -> Iterator[Callable[..., Command]]:
    started: list[Command] = []

    def start(*arguments: str, **environment: str) -> Command:
        started.append(Command(tmp_path, *arguments, **environment))
        return started[-1]

    yield start
    for command in started:
        if command.process.poll() is None:
            command.process.kill()
        command.process.communicate()
        command.errors.close()


@pytest.mark.parametrize(
    ("weights", "options"),
    [
        ("yolox-nano", ""),
        ("./weights/yolox_nano.onnx", ""),
        ("./weights/our people.onnx", ", engine: onnxruntime, precision: fp32, device: cpu, max_batch: 2"),
    ],
    ids=["of the model list", "a copy of a file of the list", "a file of one's own, computed otherwise"],
)
def test_a_camera_pod_has_its_frames_analysed_by_the_fleets_engine_server(
    weights: str, options: str, models: Path, tmp_path: Path, starts: Callable[..., Command]
) -> None:
    made = _rendered(weights, options, tmp_path, sha256_of(models / "yolox_nano.onnx"))
    stage = Stage(tmp_path, {SOURCE: str(shared_file("video/vtest.avi"))})
    engine = _engine(made)
    environment = stage.environment(engine)
    with ServeProcess(*stage.typed(engine["args"])[1:], environment=environment) as server:
        stage.others["grpc://street-engine.cameras:8500"] = f"grpc://{server.grpc}"
        pod = stage.mounted(made)
        command = starts(*stage.typed(pod["args"]), "--duration", "8", "--json", **stage.environment(pod))
        code, printed = command.end()
        assert code in (0, 1), command.stderr()
        ended, served = server.end()
    assert ended == 0
    found = json.loads(printed)
    frames = found["fleet"]["frames"]
    assert frames["analysed"] >= 8, (frames, command.stderr())
    assert frames["failed"] == 0
    assert [each["frames"]["analysed"] > 0 for each in found["streams"]] == [True, True]
    assert sum(each["detections"].get("person", 0) for each in found["streams"]) > 0, "people walk in this clip"
    assert "network" in found["fleet"]["stages"], "the engine is another process"
    [model] = served["models"]
    assert model["inference_stats"]["success"]["count"] >= frames["analysed"]


def test_an_engine_server_refuses_other_weights_than_the_fleets(models: Path, tmp_path: Path) -> None:
    made = _rendered("./weights/yolox_nano.onnx", "", tmp_path, "0" * 64)
    stage = Stage(tmp_path, {})
    engine = _engine(made)
    environment = stage.environment(engine)
    done = subprocess.run(
        [sys.executable, "-m", "camslice", *stage.typed(engine["args"])],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "are not those that were asked for" in done.stderr
    assert done.stderr.count("\n") == 1


class Stage:
    """Where mounted folders are folders of a temporary one. `others`: further words that are others here."""

    def __init__(self, root: Path, others: dict[str, str]) -> None:
        self.root, self.others = root, others
        self._paths: set[str] = set()

    def typed(self, arguments: list[str]) -> list[str]:
        """Arguments with paths of this machine, and with ports that are free."""
        return [re.sub(r"^0\.0\.0\.0:\d+$", "127.0.0.1:0", self._here(each)) for each in arguments]

    def environment(self, container: Container) -> dict[str, str]:
        self._paths |= {each["mountPath"] for each in container["volumeMounts"]}
        for path in self._paths:
            (self.root / path.lstrip("/")).mkdir(parents=True, exist_ok=True)
        (self.root / TOKEN_DIR.lstrip("/") / "token").write_text(TOKEN)
        return {each["name"]: self._here(each["value"]) for each in container["env"]}

    def mounted(self, made: Rendered) -> Container:
        """The container of the camera pod, whose files lie where it looks for them."""
        shard = next(each for each in shards_of(made.fleet) if each.pod.role != "engine")
        streams = [Assigned(camera, "people", camera.fps, 1) for camera in made.cameras]
        objects = pod_objects(made.fleet, shard, "street-a", streams, {}, DevicePlugin())
        [container] = objects.pod["spec"]["containers"]
        self.environment(container)
        secrets = next(each for each in objects.pod["spec"]["volumes"] if each["name"] == "secrets")
        for source in secrets["projected"]["sources"]:
            for item in source["secret"].get("items", ()):
                (self.root / SECRETS_DIR.lstrip("/") / item["path"]).write_text(TOKEN)
        for name, text in objects.config["data"].items():
            (self.root / CONFIG_DIR.lstrip("/") / name).write_text(self._here(text))
        return container

    def _here(self, text: str) -> str:
        others = self.others | {path: str(self.root / path.lstrip("/")) for path in self._paths}
        longest_first = "|".join(re.escape(each) for each in sorted(others, key=len, reverse=True))
        return re.sub(longest_first, lambda found: others[found[0]], text)


def _rendered(weights: str, options: str, folder: Path, sha256: str) -> Rendered:
    declared = parse_fleet(FLEET.replace("WEIGHTS", weights).replace("OPTIONS", options), folder, {}, "street.yaml")
    worker = node(Topology.REMOTE, 1, streams_per_pod=2, shares=0)
    settings = RenderSettings("street", "cameras", weights=WeightsFrom(claim="models"), sha256={"people": sha256})
    return rendered(plan(worker), declared, CATALOGUE, settings)


def _engine(made: Rendered) -> Container:
    [deployment] = [each for each in fleet_objects(made.fleet, made.cameras, DevicePlugin()) if each["kind"] == "Deployment"]
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    return dict(container)
