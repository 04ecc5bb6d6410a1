"""`camslice verify` of a plan that rests on a policy: what is in force, and what it keeps, as page and Prometheus say."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from camslice.fleet.figures import Figure
from camslice.fleet.profile import Activity, PolicyCost, Profile, StageCost
from camslice.fleet.profile_json import profile_text
from tests.behaviour.test_verify_command import (
    CATALOGUE,
    FLEET,
    WORK,
    Running,
    analysed,
    free_port,
    made_profile,
    prometheus,
    verified,
    wait_for,
)
from tests.command_line import ended
from tests.tiny_detector import tiny_detector

__all__ = ["prometheus"]


def measured(policy: str, inferences: float) -> PolicyCost:
    def of(value: float) -> Figure:
        return Figure.measured(value)

    activity = Activity(("made.mp4",), 4, 5.0, 600, of(0.1), of(1.0))
    return PolicyCost(policy, of(0.9), of(inferences), of(0.0), of(9e4), of(0.01), of(0.01), activity)


def too_slow_for_full_frames() -> Profile:
    """On the smaller machine, so that plans rest on a policy there."""
    costs_ms = zip(WORK, (1.0, 60.0, 1.0), strict=True)
    stages = tuple(StageCost(stage, cpu_ms=Figure.measured(ms)) for stage, ms in costs_ms)
    return replace(made_profile(), stages=stages, policies=(measured("careful", 0.5), measured("regions", 0.2)))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Four cameras by policy `careful`, with a plan for that and one for `regions`."""
    folder = tmp_path_factory.mktemp("verify")
    tiny_detector(folder / "tiny.onnx")
    (folder / "own.csv").write_text(CATALOGUE + "small,1,1,16000,made,0.05\n")
    (folder / "made.json").write_text(profile_text(too_slow_for_full_frames()))
    for policy in ("careful", "regions"):
        text = FLEET.replace("FOLDER", str(folder)).replace("COUNT", "4").replace("{latency_ms", "{recall: 0.5, latency_ms")
        fleet = folder / f"fleet-{policy}.yaml"
        fleet.write_text(f"{text}policy: {policy}\n")
        planned = ("plan", fleet, "--profile", folder / "made.json", "--catalogue", folder / "own.csv")
        assert ended(*map(str, planned), "--out", str(folder / f"plan-{policy}.yaml")) == 0
    port = free_port()
    command = [sys.executable, "-m", "camslice", "run", str(folder / "fleet-careful.yaml"), "--listen", f"127.0.0.1:{port}"]
    with (folder / "run.log").open("wb") as log:
        process = subprocess.Popen([*command, "--store", "none"], stdout=log, stderr=log)
    try:
        page = f"http://127.0.0.1:{port}"
        wait_for(lambda: analysed(page) > 20, process)
        yield Running(folder, page)
    finally:
        process.terminate()
        process.wait(60)


def looks_sound(said: Mapping[str, Any], policy: str) -> None:
    """Of the cameras that run by `careful`, whoever was asked."""
    (planned,), (found,) = said["predicted"]["policies"], said["live"]["policies"]
    assert (planned["policy"], planned["recall"]) == (policy, 0.9)
    assert (found["model"], found["policies"], found["overloaded"]) == ("tiny", {"careful": 1}, False)
    assert found["inferences_per_frame"] > 0
    assert (found["recall"] is None) == (found["audited"] < 20)
    assert said["objective"]["recall"] == found["recall"]


def test_what_is_in_force_as_planned_is_no_drift(running: Running, capsys: pytest.CaptureFixture[str]) -> None:
    _, said = verified(capsys, running, "careful", "--page", running.page, "--seconds", 3)
    looks_sound(said, "careful")
    assert not {"policy of tiny", "frames per second of tiny"} & {each["what"] for each in said["drift"]}


def test_a_dearer_policy_than_planned_is_told(running: Running, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = verified(capsys, running, "regions", "--page", running.page, "--seconds", 3)
    looks_sound(said, "regions")
    (policy,) = [each for each in said["drift"] if each["what"] == "policy of tiny"]
    assert (code, policy["plan"], policy["live"]) == (1, "regions", "careful")
    assert policy["cause"].endswith("as declared")


def test_a_real_prometheus_says_the_same(running: Running, prometheus: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, said = verified(capsys, running, "careful", "--prometheus", prometheus, "--window", "5s")
    looks_sound(said, "careful")


def test_people_see_the_recall_beside_what_was_counted_on(running: Running, capsys: pytest.CaptureFixture[str]) -> None:
    plan = ("verify", str(running.plan("careful")), "--catalogue", str(running.folder / "own.csv"))
    ended(*plan, "--page", running.page, "--seconds", "1")
    (row,) = [line for line in capsys.readouterr().out.splitlines() if "recall of tiny" in line]
    assert "0.900 (careful)" in row
    assert row.count("careful") == 2
