"""`camslice deploy`, `verify` and `doctor --cluster` that no cluster lets in: one sentence, exit code 2, and no secret."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
import yaml

from tests.command_line import ended

TOKEN = "s3cr3t-bearer-token"
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "case-study" / "fleet.yaml"


@dataclass
class Answers:
    """What the server answers everything with."""

    status: int
    body: str
    media: str = "application/json"


class Handler(BaseHTTPRequestHandler):
    answers: ClassVar[Answers]

    def do_GET(self) -> None:
        body = self.answers.body.encode()
        self.send_response(self.answers.status)
        self.send_header("Content-Type", self.answers.media)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def server() -> Iterator[str]:
    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listening.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{listening.server_address[1]}"
    listening.shutdown()
    listening.server_close()


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The case study's, on the cheapest machine alone."""
    folder = tmp_path_factory.mktemp("plan")
    fleet = folder / "fleet.yaml"
    text = EXAMPLE.read_text("utf-8").replace("[g4dn.*]", "[g4dn.xlarge]").replace("count: 54", "count: 4")
    text = text.replace(", usd_per_camera_month: 30", "")
    fleet.write_text(text.replace("  system_pods:", "  topologies: [sliced]\n  robust: false\n  system_pods:"), "utf-8")
    path = folder / "plan.yaml"
    assert ended("plan", str(fleet), "--profile", "t4-case-study", "--out", str(path)) == 0
    return path


def kubeconfig(folder: Path, server: str, **user: object) -> Path:
    path = folder / "kubeconfig"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": user or {"token": TOKEN}}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
    }
    path.write_text(yaml.safe_dump(config))
    return path


COMMANDS = ("deploy", "verify")


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """What a command says that ends with 2: one line, without the token."""
    code = ended(*map(str, arguments))
    said = capsys.readouterr()
    assert code == 2, said.err
    assert TOKEN not in said.out + said.err
    lines = [line for line in said.err.splitlines() if not line.startswith("note: ")]
    assert len(lines) == 1, said.err
    assert said.out == ""
    return lines[0]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is no such file"),
        ("no: [yaml", "this is no kubeconfig file"),
        ("just: text", "this is no kubeconfig file"),
    ],
)
def test_a_kubeconfig_that_is_none(
    command: str, content: str | None, words: str, plan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "kubeconfig"
    if content is not None:
        path.write_text(content)
    assert words in refused(capsys, command, plan, "--kubeconfig", path)


def test_no_kubeconfig_at_all(
    plan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    assert "name a kubeconfig file with --kubeconfig" in refused(capsys, "deploy", plan)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_context_that_is_not_there_names_those_that_are(
    command: str, plan: Path, tmp_path: Path, server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = kubeconfig(tmp_path, server)
    assert "no context there; name one with --context (here)" in refused(
        capsys, command, plan, "--kubeconfig", path, "--context", "there"
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_a_cluster_that_is_not_there(command: str, plan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = kubeconfig(tmp_path, "http://127.0.0.1:9")
    assert "http://127.0.0.1:9 cannot be reached" in refused(capsys, command, plan, "--kubeconfig", path)


FORBIDDEN = json.dumps({"kind": "Status", "message": 'nodes is forbidden: User "eve" cannot list resource "nodes"'})


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("answers", "words"),
    [
        (Answers(401, json.dumps({"message": f"bad token {TOKEN}"})), "may have expired"),
        (Answers(403, FORBIDDEN), 'User "eve" cannot list'),
        (Answers(200, "<html>a portal</html>", "text/html"), "check that it is a Kubernetes API"),
    ],
)
def test_a_cluster_that_does_not_let_us_in(
    command: str, answers: Answers, words: str, plan: Path, tmp_path: Path, server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Handler.answers = answers
    assert words in refused(capsys, command, plan, "--kubeconfig", kubeconfig(tmp_path, server))


def test_a_log_in_program_that_fails_keeps_what_it_said_to_itself(
    plan: Path, tmp_path: Path, server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "sh", "args": ["-c", f"echo {TOKEN} >&2; exit 1"]}
    path = kubeconfig(tmp_path, server, exec=run)
    assert "for logging in failed" in refused(capsys, "deploy", plan, "--kubeconfig", path)


def test_doctor_counts_a_cluster_that_does_not_answer_as_a_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = kubeconfig(tmp_path, "http://127.0.0.1:9")
    assert ended("doctor", "--kubeconfig", str(path), "--json") == 1
    checks = {each["name"]: each for each in json.loads(capsys.readouterr().out)["checks"]}
    assert not checks["cluster"]["ok"]
    assert "cannot be reached" in checks["cluster"]["detail"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--window", "ten"), "--window ten"),
        (("--window", "0s"), "a second or more"),
        (("--prometheus", "ftp://x"), "write an address such as"),
        (("--prometheus", "http://127.0.0.1:9"), "cannot be reached"),
        (("--page", "http://127.0.0.1:9"), "cannot be reached"),
        (("--page", "127.0.0.1"), "write an address such as"),
        (("--page", "http://a", "--prometheus", "http://b"), "give one of them"),
        (("--page", "http://127.0.0.1:9", "--refit", "/no/such/folder/p.json"), "its folder does not exist"),
    ],
)
def test_what_verify_is_asked_wrongly(
    options: tuple[str, ...], words: str, plan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert words in refused(capsys, "verify", plan, *options)
