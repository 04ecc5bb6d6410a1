"""`camslice verify` of a fleet that really runs: planned, run on this machine, asked at its page and by a real Prometheus.

The weights and the profile are made for the test; what is live is not. How quick this machine is, no test judges.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from camslice.fleet.figures import Figure, Provenance
from camslice.fleet.profile import Coverage, DecodeCost, Memory, Profile, ProfiledMachine, ProfiledModel, StageCost
from camslice.fleet.profile_json import load_profile, profile_text
from camslice.fleet.types import Topology
from tests.cluster.harness.programs import TOOLS
from tests.command_line import ended
from tests.needs import need
from tests.tiny_detector import tiny_detector

FLEET = """
objective: {latency_ms: 2000, percentile: 95, drop_rate: 0.2}
models:
  tiny: {weights: FOLDER/tiny.onnx, decoder: yolov8}
cameras:
  - name: gate
    source: "scene://people?seed=1&size=128x96&fps=30"
    fps: 5
    model: tiny
    count: COUNT
    stream: {width: 128, height: 96, fps: 30, codec: h264, kbps: 200}
topology: pooled
machine: {usd_per_hour: 0.1}
planning: {regions: [here], topologies: [pooled]}
"""
CATALOGUE = "type,vcpu,cores,memory_mb,cpu_family,on_demand@here\nmade,4,4,16000,made,0.1\n"
WORK = ("preprocess", "inference", "postprocess")


def made_profile() -> Profile:
    """A small detector on a made-up processor: each stage a millisecond."""
    one = Figure.measured(1.0)
    return Profile(
        "made", "made for a test", "2026-01-31", Provenance.MEASURED,
        ProfiledMachine("made", "made", "made", "x86_64", vcpu=4, physical_cores=4, usable_cores=4.0),
        ProfiledModel("tiny", "openvino"),
        Coverage((Topology.POOLED,)),
        decode=(DecodeCost("h264", one),),
        stages=tuple(StageCost(stage, cpu_ms=one) for stage in WORK),
        memory=Memory(Figure.measured(100.0), Figure.measured(2.0), Figure.measured(50.0)),
    )  # fmt: skip


@dataclass(frozen=True)
class Running:
    """Four cameras that run here, with a plan for them, one for three of them, and one for four that send smaller pictures."""

    folder: Path
    page: str

    @property
    def store(self) -> str:
        return f"sqlite:///{self.folder}/results.db"

    def plan(self, cameras: int | str) -> Path:
        return self.folder / f"plan-{cameras}.yaml"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("verify")
    tiny_detector(folder / "tiny.onnx")
    (folder / "own.csv").write_text(CATALOGUE)
    (folder / "made.json").write_text(profile_text(made_profile()))
    for cameras in ("3", "4", "small"):
        fleet = folder / f"fleet-{cameras}.yaml"
        text = FLEET.replace("FOLDER", str(folder)).replace("COUNT", cameras.replace("small", "4"))
        fleet.write_text(text.replace("width: 128, height: 96", "width: 64, height: 48") if cameras == "small" else text)
        planned = ("plan", fleet, "--profile", folder / "made.json", "--catalogue", folder / "own.csv")
        assert ended(*map(str, planned), "--out", str(folder / f"plan-{cameras}.yaml")) == 0
    port = free_port()
    command = [sys.executable, "-m", "camslice", "run", str(folder / "fleet-4.yaml"), "--listen", f"127.0.0.1:{port}"]
    command += ["--store", f"sqlite:///{folder}/results.db"]
    with (folder / "run.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        page = f"http://127.0.0.1:{port}"
        wait_for(lambda: analysed(page) > 40, process)
        yield Running(folder, page)
    finally:
        process.terminate()
        process.wait(60)


def analysed(page: str) -> int:
    with urllib.request.urlopen(f"{page}/api/status", timeout=5) as answer:
        return int(json.load(answer)["fleet"]["frames"]["analysed"])


def wait_for(what: Callable[[], bool], process: subprocess.Popen[bytes], patience_s: float = 90.0) -> None:
    until_s = time.monotonic() + patience_s
    while True:
        assert process.poll() is None, "it has ended"
        assert time.monotonic() < until_s, "it did not happen in time"
        try:
            if what():
                return
        except (OSError, KeyError, ValueError):
            pass
        time.sleep(0.2)


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def verified(
    capsys: pytest.CaptureFixture[str], running: Running, cameras: int | str, *options: object
) -> tuple[int, Mapping[str, Any]]:
    capsys.readouterr()
    plan = running.plan(cameras)
    code = ended("verify", str(plan), "--catalogue", str(running.folder / "own.csv"), "--json", *map(str, options))
    said = capsys.readouterr()
    assert said.out, said.err
    return code, json.loads(said.out)


def looks_sound(said: Mapping[str, Any]) -> None:
    """Of the four cameras that run, whoever was asked."""
    assert {"streams", "predicted", "live", "drift", "met"} <= said.keys()
    assert said["streams"]["live"] == 4
    (group,) = said["live"]["groups"]
    frames, stages = group["frames"], group["stages"]
    assert frames["captured"] > 0
    assert stages["total"]["n"] == pytest.approx(frames["analysed"], abs=8)
    assert {*WORK, "decode", "queue"} <= stages.keys()
    parts = sum(each["mean"] for stage, each in stages.items() if stage != "total")
    assert parts == pytest.approx(stages["total"]["mean"], rel=0.02)
    assert set(said["predicted"]["groups"][0]["stage_means_ms"]) >= set(WORK)
    assert said["live"]["usd_per_camera_month"] == pytest.approx(0.1 * 730 / 4, abs=0.01)
    assert all(each["cause"] for each in said["drift"])
    assert said["met"] is (said["objective"]["met"] and not said["drift"])


def test_the_page_of_a_machine_is_asked_twice_and_what_lies_between_counts(
    running: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = verified(capsys, running, 4, "--page", running.page, "--seconds", 4)
    looks_sound(said)
    assert code == (0 if said["met"] else 1)
    frames = said["live"]["groups"][0]["frames"]
    assert frames["captured"] < analysed(running.page), "not since the start"
    assert "streams" not in {each["what"] for each in said["drift"]}


def test_a_camera_more_than_planned_is_named(running: Running, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = verified(capsys, running, 3, "--page", running.page, "--seconds", 2)
    assert code == 1
    (drift,) = [each for each in said["drift"] if each["what"] == "streams"]
    assert (drift["plan"], drift["live"]) == (3, 4)
    assert "gate-4/tiny" in drift["cause"]


def test_the_store_knows_what_cameras_really_send(running: Running, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--page", running.page, "--seconds", 2, "--store", running.store)
    _, said = verified(capsys, running, 4, *options)
    assert "picture size" not in {each["what"] for each in said["drift"]}
    code, said = verified(capsys, running, "small", *options)
    (drift,) = [each for each in said["drift"] if each["what"] == "picture size"]
    assert (code, drift["plan"], drift["live"]) == (1, "64x48", "128x96")
    assert drift["cause"].startswith("4 cameras send larger pictures than planned, such as gate-")


def test_a_profile_fitted_to_what_is_live_can_be_planned_with(running: Running, capsys: pytest.CaptureFixture[str]) -> None:
    path = running.folder / "refit.json"
    _, said = verified(capsys, running, 4, "--page", running.page, "--seconds", 4, "--refit", path)
    stages = {each["stage"]: each for each in said["refit"][0]["stages"]}
    assert stages["inference"]["refit_ms"] == pytest.approx(stages["inference"]["live_ms"], rel=0.1)
    fitted = load_profile(str(path))
    assert fitted.provenance is Provenance.FITTED
    assert "4 s" in fitted.sources["verify"]
    planned = ("plan", running.folder / "fleet-4.yaml", "--profile", path, "--catalogue", running.folder / "own.csv")
    assert ended(*map(str, planned), "--json") == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["profiles"][0]["provenance"] == "fitted"


@pytest.fixture
def prometheus(running: Running, tmp_path: Path) -> Iterator[str]:
    """A real server that scrapes the page."""
    found = shutil.which("prometheus", path=f"{TOOLS}/bin:{os.environ['PATH']}")
    need(found, "the program prometheus", "apt-get install prometheus")
    assert found is not None
    target = running.page.removeprefix("http://")
    config = {"scrape_configs": [{"job_name": "here", "scrape_interval": "1s", "static_configs": [{"targets": [target]}]}]}
    (tmp_path / "prometheus.yml").write_text(json.dumps(config))
    port = free_port()
    options = (
        f"--config.file={tmp_path}/prometheus.yml",
        f"--storage.tsdb.path={tmp_path}/data",
        f"--web.listen-address=127.0.0.1:{port}",
    )
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([found, *options], stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"

    def has_frames() -> bool:
        query = "min_over_time(camslice_frames_captured_total[4s])%20and%20camslice_frames_captured_total%20offset%205s"
        with urllib.request.urlopen(f"{url}/api/v1/query?query={query}", timeout=5) as answer:
            return bool(json.load(answer)["data"]["result"])

    try:
        wait_for(has_frames, process)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def test_a_real_prometheus_says_the_same(running: Running, prometheus: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, said = verified(capsys, running, 4, "--prometheus", prometheus, "--window", "5s", "--match", 'job="here"')
    looks_sound(said)
    total = said["live"]["groups"][0]["stages"]["total"]
    assert total["p50"] <= total["p95"]
    _, unmatched = verified(capsys, running, 4, "--prometheus", prometheus, "--window", "5s")
    assert any("no series names a fleet" in remark for remark in unmatched["remarks"])


def test_series_that_match_nothing_are_told_in_one_sentence(
    running: Running, prometheus: str, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = ("verify", str(running.plan(4)), "--catalogue", str(running.folder / "own.csv"))
    assert ended(*plan, "--prometheus", prometheus, "--match", 'job="there"') == 2
    assert "has no frames of the last 600 s" in capsys.readouterr().err
