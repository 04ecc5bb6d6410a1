"""`camslice run` as a pod of a cluster: files that are exchanged under it, probes, and handing its streams over."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import socket
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psutil
import psycopg
import pytest

from camslice.events.store.sink import StoreSink
from camslice.fleet.stages import StageTimes
from camslice.fleet.types import StreamKey
from camslice.models.detections import Detections
from camslice.stream.results import FrameResult
from tests.behaviour.test_run_command import Command
from tests.kubelet import mount
from tests.postgres_server import PostgresServer
from tests.rtsp import RtspServer, need_rtsp_server
from tests.tiny_detector import tiny_detector

TOKEN = "0123456789abcdef-of-this-pod"
SAME_TIME = 1_700_000_000_000_000_000
SCENE = "scene://people?seed=1&size=128x96&fps=30"
Camera = tuple[str, str]
"""A name and a source."""


class Pod:
    """A pod's mounts, and the command in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._fleet, self._secrets = folder / "fleet", folder / "secrets"
        self._started: list[Command] = []
        folder.mkdir(exist_ok=True)
        tiny_detector(folder / "tiny.onnx")
        (folder / "token").write_text(TOKEN + "\n")
        self.secrets({})

    def fleet(
        self, revision: str, cameras: Sequence[Camera], *, epochs: Mapping[str, int] | None = None, more: str = ""
    ) -> None:
        lines = "".join(f"  - {{name: {name}, source: '{source}', fps: 10, model: tiny}}\n" for name, source in cameras)
        self.files(
            "objective: {latency_ms: 5000, drop_rate: 0.5}\n"
            f"models: {{tiny: {{weights: {self.folder / 'tiny.onnx'}}}}}\n"
            f"{more}cameras:{' []' if not cameras else ''}\n{lines}",
            {"revision": revision, "epochs": epochs or {f"{name}/tiny": 1 for name, _ in cameras}},
        )

    def files(self, fleet: str, placement: Mapping[str, object]) -> None:
        mount(self._fleet, {"fleet.yaml": fleet, "placement.json": json.dumps(placement)}, at_ns=SAME_TIME)

    def secrets(self, values: Mapping[str, str]) -> None:
        mount(self._secrets, values, at_ns=SAME_TIME)

    def start(self, *arguments: str, store: str | None = "none") -> Command:
        command = Command(
            self.folder,
            *("run", str(self._fleet / "fleet.yaml"), "--listen", "0.0.0.0:0", "--token-file", "token"),
            *("--json", *(["--store", store] if store else []), *arguments),
            CAMSLICE_SECRETS_DIR=str(self._secrets),
            CAMSLICE_SHM_DIR="/dev/shm",
            CAMSLICE_LOG="info",
        )
        self._started.append(command)
        return command

    def end(self) -> None:
        for command in self._started:
            if command.process.poll() is None:
                command.process.kill()
            command.process.communicate()
            command.errors.close()


@pytest.fixture
def pod(tmp_path: Path) -> Iterator[Pod]:
    pod = Pod(tmp_path)
    yield pod
    pod.end()


def asked(command: Command, path: str, body: object = None, token: str | None = None) -> tuple[int, str]:
    """Status and text of an answer."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"} | ({} if token is None else {"Authorization": f"Bearer {token}"})
    request = urllib.request.Request(command.url() + path, data, headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read().decode()


def probe(command: Command, name: str) -> dict:
    status, text = asked(command, f"/healthz/{name}")
    answer = dict(json.loads(text))
    assert answer["ok"] is (status == 200)
    return answer


def status(command: Command) -> dict:
    code, text = asked(command, "/api/status", token=TOKEN)
    assert code == 200, text
    return dict(json.loads(text))


def live(command: Command) -> set[str]:
    return {camera["name"] for camera in status(command)["cameras"] if camera["state"] == "live"}


def runs(command: Command, revision: str) -> bool:
    ready = probe(command, "ready")
    return ready["ok"] and ready["revision"] == ready["mounted"] == revision


def wait_for_live(command: Command, *cameras: str) -> None:
    command.wait_for(lambda: live(command) == set(cameras))


def captured(command: Command, camera: str) -> tuple[int, int]:
    """Frames that were due, and those that were due while the camera was down."""
    (found,) = [each for each in status(command)["cameras"] if each["name"] == camera]
    return found["frames"]["captured"], found["missed"]


def analysis_process(command: Command) -> psutil.Process:
    (found,) = [
        child for child in psutil.Process(command.process.pid).children() if "camslice.stream.pod" in " ".join(child.cmdline())
    ]
    return found


def test_an_exchange_of_the_mount_is_followed_though_length_and_time_are_the_same(pod: Pod) -> None:
    pod.fleet("1", [("gate", SCENE)])
    command = pod.start()
    command.wait_for(lambda: runs(command, "1"))
    pod.fleet("2", [("yard", SCENE)])
    command.wait_for(lambda: runs(command, "2"))
    wait_for_live(command, "yard")
    assert status(command)["revision"] == "2"
    _, metrics = asked(command, "/metrics")
    assert 'camslice_config_revision_info{mounted="2",revision="2"} 1.0' in metrics


def test_masks_that_come_with_a_revision_hold_for_the_gate_of_a_running_camera(pod: Pod) -> None:
    def fleet(revision: str, masks: str) -> None:
        pod.files(
            "objective: {latency_ms: 5000, drop_rate: 0.5, recall: 0.5}\npolicy: careful\n"
            f"models: {{tiny: {{weights: {pod.folder / 'tiny.onnx'}}}}}\n"
            f"cameras: [{{name: gate, source: '{SCENE}', fps: 10, model: tiny, masks: {masks}}}]\n",
            {"revision": revision, "epochs": {"gate/tiny": 1}},
        )

    def frames() -> tuple[int, int]:
        (found,) = status(command)["cameras"]
        return found["frames"]["gated"], found["frames"]["analysed"]

    fleet("1", "[]")
    command = pod.start()
    command.wait_for(lambda: runs(command, "1"))
    command.wait_for(lambda: sum(frames()) >= 20)
    gated, analysed = frames()
    assert analysed > gated  # people walk
    fleet("2", "[[[0, 0], [1, 0], [1, 1], [0, 1]]]")
    command.wait_for(lambda: runs(command, "2"))
    gated, analysed = frames()
    command.wait_for(lambda: sum(frames()) >= gated + analysed + 20)
    assert frames()[0] - gated > frames()[1] - analysed


def test_a_revision_that_cannot_be_applied_leaves_the_one_before_running_and_the_pod_unready(pod: Pod) -> None:
    pod.fleet("1", [("gate", SCENE)])
    command = pod.start()
    command.wait_for(lambda: runs(command, "1"))
    pod.fleet("2", [("gate", "rtsp://bob:${NOT_THERE_YET}@127.0.0.1:9/1")])
    command.wait_for(lambda: not probe(command, "ready")["ok"])
    ready = probe(command, "ready")
    assert (ready["revision"], ready["mounted"]) == ("1", "2")
    assert "there is no file NOT_THERE_YET in CAMSLICE_SECRETS_DIR" in ready["reason"]
    assert live(command) == {"gate"}
    assert probe(command, "live")["ok"]
    assert probe(command, "started")["ok"]
    pod.secrets({"NOT_THERE_YET": "hunter2secret"})
    command.wait_for(lambda: runs(command, "2"))
    assert "hunter2secret" not in command.stderr()


def test_a_change_of_the_sinks_waits_for_a_restart_and_holds_no_camera_up(pod: Pod, tmp_path: Path) -> None:
    pod.fleet("1", [("gate", SCENE)])
    command = pod.start()
    command.wait_for(lambda: runs(command, "1"))
    pod.fleet("2", [("yard", SCENE)])
    text = (tmp_path / "fleet" / "fleet.yaml").read_text()
    pod.files(f"{text}sinks: [{{jsonl: {tmp_path}/results.jsonl}}]\n", {"revision": "3", "epochs": {"yard/tiny": 1}})
    wait_for_live(command, "yard")
    command.wait_for(lambda: "restart `camslice run` to open the new ones" in probe(command, "ready").get("reason", ""))
    assert probe(command, "ready")["revision"] == "3"
    pod.fleet("4", [("gate", SCENE)])
    command.wait_for(lambda: runs(command, "4"))


def test_what_could_not_be_applied_is_tried_again(pod: Pod, tmp_path: Path) -> None:
    pod.fleet("1", [("gate", SCENE)])
    command = pod.start()
    command.wait_for(lambda: runs(command, "1"))
    text = (tmp_path / "fleet" / "fleet.yaml").read_text()
    placement = {"revision": "2", "epochs": {"gate/tiny": 1}}
    pod.files(text.replace("models: {", f"models: {{late: {{weights: {tmp_path}/late.onnx}}, "), placement)
    command.wait_for(lambda: "late.onnx" in probe(command, "ready").get("reason", ""))
    assert live(command) == {"gate"}
    tiny_detector(tmp_path / "late.onnx", name="late")
    command.wait_for(lambda: runs(command, "2"))


def test_nobody_is_told_that_it_has_started_before_its_models_are_loaded(pod: Pod) -> None:
    pod.fleet("1", [("gate", SCENE)])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = pod.start("--listen", f"0.0.0.0:{port}")
    answers: list[tuple[int, dict]] = []

    def started() -> bool:
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz/started", timeout=10) as answer:
                    answers.append((answer.status, json.load(answer)))
            except urllib.error.HTTPError as refusal:
                with refusal:
                    answers.append((refusal.code, json.load(refusal)))
        return bool(answers) and answers[-1][0] == 200

    command.wait_for(started)
    codes = [code for code, _ in answers]
    assert codes == [503] * (len(codes) - 1) + [200]
    assert len(codes) > 1, "the server was not there before the model was"
    assert answers[0][1]["reason"] in {"the fleet has not begun yet", "model tiny is being loaded"}


def test_probes_need_no_token_and_what_changes_something_does(pod: Pod) -> None:
    pod.fleet("1", [("gate", SCENE)])
    command = pod.start()
    command.wait_for(lambda: runs(command, "1"))
    for name in ("started", "ready", "live"):
        assert asked(command, f"/healthz/{name}")[0] == 200
    assert asked(command, "/metrics")[0] == 200
    assert asked(command, "/api/status")[0] == 401
    body = {"streams": ["gate/tiny", "elsewhere/tiny"]}
    assert asked(command, "/api/released", body)[0] == 401
    assert asked(command, "/healthz/ready", body)[0] == 401
    assert status(command)["streams"][0]["taken_over"] is False
    code, text = asked(command, "/api/released", body, TOKEN)
    assert (code, json.loads(text)) == (200, {"released": ["gate/tiny"], "waits_for": []})
    assert status(command)["streams"][0]["taken_over"] is True


def test_a_camera_that_is_down_fails_no_probe_and_ends_no_pod(pod: Pod) -> None:
    pod.fleet("1", [("dock", "rtsp://127.0.0.1:9/1"), ("hall", "nowhere.mp4")])
    command = pod.start()
    command.wait_for(lambda: runs(command, "1"))
    command.wait_for(lambda: {camera["state"] for camera in status(command)["cameras"]} == {"reconnecting", "failed"})
    assert all(probe(command, name)["ok"] for name in ("started", "ready", "live"))


def test_a_pod_without_cameras_has_its_model_ready_for_the_first_one(pod: Pod) -> None:
    pod.fleet("1", [])
    command = pod.start()
    command.wait_for(lambda: runs(command, "1"))
    assert 'camslice_model_loaded{model="tiny"} 1.0' in asked(command, "/metrics")[1]
    process = analysis_process(command).pid
    pod.fleet("2", [("gate", SCENE)], epochs={"gate/tiny": 4})
    wait_for_live(command, "gate")
    command.wait_for(lambda: status(command)["streams"][0]["first_result_at_s"] is not None)
    assert analysis_process(command).pid == process
    (stream,) = status(command)["streams"]
    assert stream["epoch"] == 4
    assert stream["first_result_at_s"] >= stream["placed_at_s"]
    assert 'camslice_camera_placement_epoch{camera="gate",model="tiny"} 4.0' in asked(command, "/metrics")[1]
    pod.fleet("3", [])
    command.wait_for(lambda: runs(command, "3") and not status(command)["cameras"])
    assert 'camslice_model_loaded{model="tiny"} 1.0' in asked(command, "/metrics")[1]


def test_a_process_that_is_started_again_makes_the_pod_unready_and_not_dead(pod: Pod) -> None:
    pod.fleet("1", [("gate", SCENE)])
    command = pod.start()
    command.wait_for(lambda: runs(command, "1"))
    analysis_process(command).kill()
    command.wait_for(lambda: not probe(command, "ready")["ok"])
    assert probe(command, "live")["ok"]
    assert probe(command, "started")["ok"]
    command.wait_for(lambda: runs(command, "1"))
    wait_for_live(command, "gate")


def test_a_batch_that_never_ends_fails_the_probe_for_life(pod: Pod, tmp_path: Path) -> None:
    pod.fleet("1", [("gate", SCENE)])
    text = (tmp_path / "fleet" / "fleet.yaml").read_text()
    pod.files(f"{text}workers: 1\n", {"revision": "1", "epochs": {"gate/tiny": 1}})
    command = pod.start("--drain", "120")
    command.wait_for(lambda: runs(command, "1"))
    command.wait_for(lambda: status(command)["fleet"]["frames"]["analysed"] > 5)
    (engine,) = [
        child
        for child in psutil.Process(command.process.pid).children()
        if "camslice.stream.engine_process" in " ".join(child.cmdline())
    ]
    engine.suspend()
    try:
        command.wait_for(lambda: not probe(command, "live")["ok"])
        assert "a batch of model tiny has been at work for" in probe(command, "live")["reason"]
        engine.resume()
        command.wait_for(lambda: probe(command, "live")["ok"])
        engine.suspend()
        command.wait_for(lambda: not probe(command, "live")["ok"])
        command.process.send_signal(signal.SIGTERM)
        assert command.end()[0] == 0
        assert "nobody is waited for: pod 0: a batch of model tiny" in command.stderr()
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            engine.kill()


def test_a_password_that_changes_is_followed_and_no_other_camera_pauses(pod: Pod) -> None:
    need_rtsp_server()
    with RtspServer(size="128x96", fps=10, password="first") as server:
        port = server.port
        pod.secrets({"CAM_PASSWORD": "first\n", "CAMSLICE_CREDENTIALS_REVISION": "a"})
        pod.fleet("1", [("gate", f"rtsp://bob:${{CAM_PASSWORD}}@127.0.0.1:{port}/cam1"), ("yard", SCENE)])
        command = pod.start()
        wait_for_live(command, "gate", "yard")
        processes = command.process.pid, analysis_process(command).pid
        before = captured(command, "yard")
        assert runs(command, "1.a")
    with RtspServer(size="128x96", fps=10, port=port, password="other"):
        command.wait_for(lambda: live(command) == {"yard"})
        pod.secrets({"CAM_PASSWORD": "other\n", "CAMSLICE_CREDENTIALS_REVISION": "b"})
        wait_for_live(command, "gate", "yard")
        assert (command.process.pid, analysis_process(command).pid) == processes
        after = captured(command, "yard")
        assert after[0] > before[0]
        assert after[1] == before[1] == 0, "the other camera has paused"
        restarted = [line for line in command.stderr().splitlines() if "restart" in line]
        assert not restarted
        assert runs(command, "1.b"), "it tells that the new password is in force"
        assert "first" not in command.stderr().replace("the first", "")


def test_a_pod_that_is_to_end_analyses_on_until_the_operator_says_that_others_do(pod: Pod) -> None:
    pod.fleet("1", [("gate", SCENE), ("yard", SCENE)])
    command = pod.start("--drain", "120")
    wait_for_live(command, "gate", "yard")
    command.process.send_signal(signal.SIGTERM)
    command.wait_for(lambda: status(command)["draining"])
    before = captured(command, "yard")[0]
    code, text = asked(command, "/api/released", {"streams": ["gate/tiny"]}, TOKEN)
    assert (code, json.loads(text)["waits_for"]) == (200, ["yard/tiny"])
    command.wait_for(lambda: live(command) == {"yard"})
    command.wait_for(lambda: captured(command, "yard")[0] > before + 5)
    asked(command, "/api/released", {"streams": ["yard/tiny"]}, TOKEN)
    code, output = command.end()
    assert code == 0, command.stderr()
    assert json.loads(output)["fleet"]["frames"]["in_flight"] == 0


def test_a_pod_that_is_to_end_ends_when_the_store_has_seen_newer_placements(pod: Pod, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/results.db"
    pod.fleet("1", [("gate", SCENE)], epochs={"gate/tiny": 3})
    command = pod.start("--drain", "120", store=url)
    command.wait_for(lambda: stored(tmp_path / "results.db") > 0)
    command.process.send_signal(signal.SIGTERM)
    command.wait_for(lambda: status(command)["draining"])
    before = stored(tmp_path / "results.db")
    command.wait_for(lambda: stored(tmp_path / "results.db") > before)
    successor = StoreSink(url, 30, 100, "successor")
    successor.epochs({StreamKey("gate", "tiny"): 4})
    successor.offer([a_result("gate")])
    successor.close()
    code, _ = command.end()
    assert code == 0, command.stderr()
    assert "every stream was taken over" in command.stderr()


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


def test_two_pods_hand_a_camera_over_through_the_store_without_an_operator(server: PostgresServer, tmp_path: Path) -> None:
    pods = [Pod(tmp_path / name) for name in ("old", "new")]
    try:
        for epoch, placed in enumerate(pods, 1):
            placed.secrets({"STORE_URL": server.url})
            placed.fleet("1", [("gate", SCENE)], epochs={"gate/tiny": epoch}, more='store: "${STORE_URL}"\n')
        old = pods[0].start("--drain", "120", store=None)
        old.wait_for(lambda: len(captured_us(server)) == 1)
        old.process.send_signal(signal.SIGTERM)
        old.wait_for(lambda: status(old)["draining"])
        new = pods[1].start(store=None)
        assert old.end()[0] == 0
        assert "every stream was taken over" in old.stderr()
        new.wait_for(lambda: len(captured_us(server)) == 2)
        new.process.send_signal(signal.SIGTERM)
        assert new.end()[0] == 0
        by_run = captured_us(server)
    finally:
        for placed in pods:
            placed.end()
    first, second = sorted(by_run.values())
    assert first[-1] < second[0], "what both pods analysed is stored once"
    assert second[0] - first[-1] < 2_000_000, "the camera was away while one pod followed the other"


def test_a_store_that_asks_for_another_password_gets_it_without_a_restart(
    server: PostgresServer, pod: Pod, tmp_path: Path
) -> None:
    server.query("CREATE ROLE pod LOGIN PASSWORD 'first-secret'")
    server.query("GRANT CREATE, USAGE ON SCHEMA public TO pod")
    pod.secrets({"STORE_URL": server.url_of("pod", "first-secret")})
    pod.fleet("1", [("gate", SCENE)], more='store: "${STORE_URL}"\n')
    command = pod.start(store=None)
    command.wait_for(lambda: len(captured_us(server)) == 1)
    server.query("ALTER ROLE pod PASSWORD 'other-secret'")
    server.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'pod'")
    command.wait_for(lambda: any("password" in problem for problem in status(command)["problems"]))
    pod.secrets({"STORE_URL": server.url_of("pod", "other-secret")})
    command.wait_for(lambda: not status(command)["problems"])
    before = sum(map(len, captured_us(server).values()))
    command.wait_for(lambda: sum(map(len, captured_us(server).values())) > before)
    assert runs(command, "1")
    pod.secrets({"STORE_URL": server.url_of("pod", "other-secret").replace("/postgres", "/elsewhere")})
    command.wait_for(lambda: "restart `camslice run`" in probe(command, "ready").get("reason", ""))
    command.process.send_signal(signal.SIGTERM)
    code, output = command.end()
    assert (code, json.loads(output)["dropped_results"]) == (0, {})
    assert "-secret" not in command.stderr()


def captured_us(server: PostgresServer) -> dict[int, list[int]]:
    """When the stored frames of each run were captured, in order."""
    found: dict[int, list[int]] = {}
    with contextlib.suppress(psycopg.errors.UndefinedTable):
        for run, at_us in server.query("SELECT run_id, captured_us FROM frames ORDER BY captured_us"):
            found.setdefault(int(str(run)), []).append(int(str(at_us)))
    return found


def test_nobody_who_takes_over_is_waited_for_longer_than_told(pod: Pod) -> None:
    pod.fleet("1", [("gate", SCENE)])
    command = pod.start("--drain", "1.5")
    wait_for_live(command, "gate")
    command.process.send_signal(signal.SIGTERM)
    assert command.end()[0] == 0
    assert "nobody took over 1 streams within 2 s: gate/tiny" in command.stderr()


def test_a_second_sigterm_ends_the_waiting(pod: Pod) -> None:
    pod.fleet("1", [("gate", SCENE)])
    command = pod.start("--drain", "120")
    wait_for_live(command, "gate")
    command.process.send_signal(signal.SIGTERM)
    command.wait_for(lambda: status(command)["draining"])
    command.process.send_signal(signal.SIGTERM)
    assert command.end()[0] == 0


def test_a_pod_without_streams_has_nobody_to_wait_for(pod: Pod) -> None:
    pod.fleet("1", [])
    command = pod.start("--drain", "120")
    command.wait_for(lambda: runs(command, "1"))
    command.process.send_signal(signal.SIGTERM)
    assert command.end()[0] == 0


def test_a_pod_without_a_declared_store_has_none(pod: Pod, tmp_path: Path) -> None:
    pod.fleet("1", [("gate", SCENE)])
    command = pod.start(store=None)
    command.wait_for(lambda: runs(command, "1"))
    assert not list(tmp_path.glob("**/*.db"))


@pytest.mark.parametrize(("wrong", "code"), [(True, 2), (False, 0)])
def test_other_weights_than_those_that_were_asked_for_are_refused(pod: Pod, tmp_path: Path, wrong: bool, code: int) -> None:
    pod.fleet("1", [("gate", SCENE)])
    sha256 = "0" * 64 if wrong else hashlib.sha256((tmp_path / "tiny.onnx").read_bytes()).hexdigest()
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("CAMSLICE_WEIGHTS_SHA256", f"tiny.onnx={sha256}")
        command = pod.start("--duration", "0.5")
    ended, _ = command.end()
    assert ended == code, command.stderr()
    assert ("are not those that were asked for" in command.stderr()) is wrong
    assert "Traceback" not in command.stderr()


def test_a_placement_that_cannot_be_read_at_the_start_is_one_sentence(pod: Pod) -> None:
    pod.files("models: {tiny: {weights: tiny.onnx}}\ncameras: []\n", {"revision": 1})
    code, output = (started := pod.start()).end()
    assert (code, output) == (2, "")
    assert "placement.json: this is no placement; write" in started.stderr()
    assert "Traceback" not in started.stderr()


def stored(path: Path) -> int:
    """Frames in a store, 0 while there is none."""
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as store:
            return int(store.execute("select count(*) from frames").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def a_result(camera: str) -> FrameResult:
    stages = StageTimes(1, 0, 1, 1, 0, 1, 1, 5)
    key = StreamKey(camera, "tiny")
    return FrameResult(key, 0, 1.0e9, None, 128, 96, "0" * 64, 1, stages, Detections.none(), ("person",))


def test_the_environment_may_say_how_long_to_wait(pod: Pod) -> None:
    assert os.environ.get("CAMSLICE_DRAIN_S") is None
    pod.fleet("1", [("gate", SCENE)])
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("CAMSLICE_DRAIN_S", "120")
        command = pod.start()
    wait_for_live(command, "gate")
    command.process.send_signal(signal.SIGTERM)
    command.wait_for(lambda: status(command)["draining"])
