"""`camslice run` as its users have it: a fleet file in, a report out, whatever happens in between."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.tiny_detector import tiny_detector

CAMERA = "{{name: {name}, source: 'scene://people?seed=1&size=128x96&fps=30', fps: {fps}, model: tiny}}"


class Command:
    """A running `camslice`, its standard error followed line by line."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        self.errors = (folder / "stderr.txt").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "camslice", *arguments],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env={**os.environ, **environment},
        )

    def stderr(self) -> str:
        return Path(self.errors.name).read_text()

    def url(self) -> str:
        """The page's address, once it is served."""
        self.wait_for(lambda: "page: " in self.stderr())
        found = re.search(r"page: (\S+)", self.stderr())
        assert found
        return found[1]

    def status(self) -> dict:
        with urllib.request.urlopen(f"{self.url()}/api/status", timeout=10) as answer:
            return dict(json.load(answer))

    def wait_for(self, what: Callable[[], bool], patience_s: float = 60.0) -> None:
        until_s = time.monotonic() + patience_s
        while not what():
            assert time.monotonic() < until_s, self.stderr()
            assert self.process.poll() is None or what(), self.stderr()
            time.sleep(0.05)

    def end(self) -> tuple[int, str]:
        """Exit code and standard output."""
        output, _ = self.process.communicate(timeout=30)
        return self.process.returncode, output


@pytest.fixture
def camslice(tmp_path: Path) -> Iterator[Callable[..., Command]]:
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


def write_fleet(folder: Path, *cameras: str, more: str = "") -> None:
    if not (folder / "tiny.onnx").exists():
        tiny_detector(folder / "tiny.onnx")
    lines = "\n".join(f"  - {camera}" for camera in cameras)
    (folder / "fleet.yaml").write_text(
        "objective: {latency_ms: 5000, drop_rate: 0.5}\n"
        "models: {tiny: {weights: tiny.onnx}}\n"
        f"{more}\ncameras:\n{lines}\n"
    )


def camera(name: str, fps: float = 10) -> str:
    return CAMERA.format(name=name, fps=fps)


def live(command: Command) -> set[str]:
    return {each["name"] for each in command.status()["cameras"] if each["state"] == "live"}


def test_a_report_holds_every_frame_and_the_store_every_result(tmp_path: Path, camslice: Callable[..., Command]) -> None:
    write_fleet(tmp_path, camera("gate"), camera("yard", 5), more="machine: {usd_per_hour: 0.1}")
    command = camslice("run", "fleet.yaml", "--duration", "4", "--no-page", "--json", "--store", "sqlite:///results.db")
    code, output = command.end()
    report = json.loads(output)
    assert code == 0, command.stderr()
    assert {stream["camera"] for stream in report["streams"]} == {"gate", "yard"}
    fates = ("analysed", "gated", "predicted", "superseded", "stale", "failed", "in_flight")
    for part in [*report["streams"], report["fleet"]]:
        frames = part["frames"]
        assert frames["captured"] == sum(frames[fate] for fate in fates)
        stages = part["stages"]
        parts = sum(stages[name]["mean"] for name in stages if name != "total")
        assert parts == pytest.approx(stages["total"]["mean"], rel=0.01, abs=0.2)
    assert report["fleet"]["frames"]["in_flight"] == 0
    assert report["fleet"]["usd_per_camera_month"] == pytest.approx(0.1 * 730 / 2)
    assert report["fleet"]["objective"]["met"] is True
    assert report["fleet"]["memory_mb"] > 10
    (stored,) = sqlite3.connect(tmp_path / "results.db").execute("select count(*) from frames").fetchone()
    assert stored == report["fleet"]["frames"]["analysed"] > 20


def test_ctrl_c_flushes_prints_the_summary_and_exits_130(tmp_path: Path, camslice: Callable[..., Command]) -> None:
    write_fleet(tmp_path, camera("gate"))
    command = camslice("run", "fleet.yaml", "--listen", "127.0.0.1:0")
    command.wait_for(lambda: live(command) == {"gate"})
    command.process.send_signal(signal.SIGINT)
    code, output = command.end()
    assert code == 130
    assert "frames by fate" in output
    assert "Traceback" not in command.stderr()


def test_sigterm_drains_and_exits_0(tmp_path: Path, camslice: Callable[..., Command]) -> None:
    write_fleet(tmp_path, camera("gate"))
    command = camslice("run", "fleet.yaml", "--listen", "127.0.0.1:0", "--json", "--store", "none")
    command.wait_for(lambda: live(command) == {"gate"})
    command.process.send_signal(signal.SIGTERM)
    code, output = command.end()
    assert code == 0
    assert json.loads(output)["fleet"]["frames"]["in_flight"] == 0


def test_the_fleet_file_is_followed_and_a_broken_one_changes_nothing(tmp_path: Path, camslice: Callable[..., Command]) -> None:
    write_fleet(tmp_path, camera("gate"))
    command = camslice("run", "fleet.yaml", "--listen", "127.0.0.1:0", "--store", "none")
    command.wait_for(lambda: live(command) == {"gate"})
    write_fleet(tmp_path, camera("gate"), camera("yard"))
    command.wait_for(lambda: live(command) == {"gate", "yard"})
    (tmp_path / "fleet.yaml").write_text("cameras: [{name: gate, fps: -1}]")
    command.wait_for(lambda: any("not followed" in problem for problem in command.status()["problems"]))
    assert live(command) == {"gate", "yard"}
    write_fleet(tmp_path, camera("yard"))
    command.process.send_signal(signal.SIGHUP)
    command.wait_for(lambda: live(command) == {"yard"} and not command.status()["problems"])


def test_cameras_added_by_hand_stay_when_the_file_changes(tmp_path: Path, camslice: Callable[..., Command]) -> None:
    write_fleet(tmp_path, camera("gate"))
    command = camslice("run", "fleet.yaml", "--listen", "127.0.0.1:0", "--store", "none")
    command.wait_for(lambda: live(command) == {"gate"})
    body = {"name": "guest", "source": "scene://people?seed=2&size=128x96&fps=30", "fps": 5, "model": "tiny"}
    request = urllib.request.Request(
        f"{command.url()}/api/cameras", json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    assert urllib.request.urlopen(request, timeout=10).status in (200, 201)
    command.wait_for(lambda: live(command) == {"gate", "guest"})
    write_fleet(tmp_path, camera("yard"))
    command.wait_for(lambda: live(command) == {"guest", "yard"})
    request = urllib.request.Request(f"{command.url()}/api/cameras/guest", method="DELETE")
    urllib.request.urlopen(request, timeout=10).close()
    command.wait_for(lambda: live(command) == {"yard"})


def test_a_running_camera_is_changed_over_http_under_its_own_name(tmp_path: Path, camslice: Callable[..., Command]) -> None:
    write_fleet(tmp_path, camera("gate"), camera("yard"))
    command = camslice("run", "fleet.yaml", "--listen", "127.0.0.1:0", "--store", "none")
    command.wait_for(lambda: live(command) == {"gate", "yard"})
    body = {"source": "scene://people?seed=2&size=128x96&fps=30", "fps": 4, "model": "tiny"}

    def put(body: dict[str, object]) -> urllib.request.Request:
        headers = {"Content-Type": "application/json"}
        return urllib.request.Request(f"{command.url()}/api/cameras/gate", json.dumps(body).encode(), headers, method="PUT")

    with urllib.request.urlopen(put(body), timeout=10) as answer:
        assert json.load(answer) == {"changed": "gate"}
    changed = [("gate", 4.0, "live"), ("yard", 10.0, "live")]
    command.wait_for(lambda: [(one["name"], one["fps"], one["state"]) for one in command.status()["cameras"]] == changed)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(put({**body, "source": "rtsp://${HOME}@127.0.0.1/1"}), timeout=10)
    sentence = json.load(refused.value)["error"]
    refused.value.close()
    assert refused.value.code == 400
    assert "variables are filled in from the fleet file only; declare this camera there" in sentence


@pytest.mark.parametrize(
    ("cameras", "arguments", "sentence"),
    [
        ("{name: gate, source: nowhere.mp4, fps: 5, model: tiny}", (), "nowhere.mp4: no such file"),
        ("{name: gate, source: fleet.yaml, fps: 5, model: tiny}", (), "not a video"),
        (camera("gate"), ("--listen", "nonsense"), "cannot listen on 'nonsense': write HOST:PORT"),
        (camera("gate"), ("--listen", "0.0.0.0:0"), "set a token"),
        (camera("gate"), ("--store", "sqlite:////no/such/folder/x.db"), "does not exist"),
        (camera("gate"), ("--token-file", "missing.txt"), "--token-file missing.txt: No such file"),
    ],
)
def test_what_cannot_work_is_one_sentence_and_exit_code_2(
    tmp_path: Path, camslice: Callable[..., Command], cameras: str, arguments: tuple[str, ...], sentence: str
) -> None:
    write_fleet(tmp_path, cameras)
    code, output = (command := camslice("run", "fleet.yaml", "--duration", "3", *arguments)).end()
    assert code == 2, command.stderr()
    assert output == ""
    assert sentence in command.stderr()
    assert "Traceback" not in command.stderr()


def test_a_camera_that_cannot_log_in_says_so_without_its_password(tmp_path: Path, camslice: Callable[..., Command]) -> None:
    write_fleet(tmp_path, camera("gate"), "{name: dock, source: 'rtsp://${USER_}:${PASS_}@127.0.0.1:9/1', fps: 5, model: tiny}")
    command = camslice("run", "fleet.yaml", "--duration", "4", "--json", "--store", "none", USER_="joe", PASS_="hunter2secret")
    code, output = command.end()
    assert code == 0, command.stderr()
    dock = next(each for each in json.loads(output)["cameras"] if each["name"] == "dock")
    assert dock["state"] == "reconnecting"
    assert "refused" in dock["reason"]
    assert "hunter2secret" not in output + command.stderr()
    streams = {stream["camera"]: stream["frames"] for stream in json.loads(output)["streams"]}
    assert streams["dock"]["missed"] > 0
    assert streams["gate"]["failed"] == 0


def test_nobody_started_is_exit_code_2(tmp_path: Path, camslice: Callable[..., Command]) -> None:
    write_fleet(tmp_path, "{name: dock, source: 'rtsp://joe:hunter2secret@127.0.0.1:9/1', fps: 5, model: tiny}")
    code, _ = (command := camslice("run", "fleet.yaml", "--duration", "2", "--no-page", "--store", "none")).end()
    assert code == 2
    assert "no camera could start: camera dock is reconnecting" in command.stderr()
    assert "hunter2secret" not in command.stderr()
