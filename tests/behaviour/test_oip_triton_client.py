"""A client that is not ours, Triton's, drives our server over both transports, its shared-memory helpers included."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.own_environment import INSTALL_PATIENCE_S, own_environment
from tests.serve_process import PATIENCE_S, ServeProcess
from tests.tiny_detector import SIDE, tiny_detector

ROOT = Path(__file__).resolve().parents[2]
BOX = [12.0, 12.0, 20.0, 20.0, 1.0, 0.0]
"""What the detector finds in every picture: corners in pixels, confidence, class."""

pytestmark = pytest.mark.timeout(INSTALL_PATIENCE_S + 3 * PATIENCE_S)


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the client got to see of each call, by transport, and the server's own report."""
    python = own_environment("triton", ROOT / "requirements" / "contract-triton.txt")
    weights = tmp_path_factory.mktemp("models") / "tiny.onnx"
    tiny_detector(weights)
    with ServeProcess(str(weights)) as server:
        command = [python, ROOT / "tests" / "triton_client.py", server.grpc, server.http, "tiny", str(SIDE)]
        client = subprocess.run(command, capture_output=True, text=True, timeout=2 * PATIENCE_S, check=False)
        assert client.returncode == 0, client.stderr
        assert "Traceback" not in server.log()
        code, report = server.end()
    assert code == 0
    return {**json.loads(client.stdout), "report": report}


@pytest.fixture(params=["grpc", "http"])
def seen(request: pytest.FixtureRequest, everything: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = everything[request.param]
    return found


def test_it_learns_who_serves_what(seen: dict[str, Any]) -> None:
    assert seen["health"] == [True, True, True, False]
    assert seen["metadata"] == {"server": "camslice", "inputs": ["picture", "jpeg", "i420", "colour", "tensor"]}
    assert seen["config"]["name"] == "tiny"
    assert seen["config"]["backend"] == "openvino"
    assert {each["name"] for each in seen["config"]["output"]} == {"boxes", "output0"}
    assert "preferred_batch_size" in seen["config"]["dynamic_batching"]


def test_it_gets_boxes_and_what_they_cost(seen: dict[str, Any]) -> None:
    assert seen["infer"] == {
        "id": "seven",
        "boxes": [BOX, BOX],
        "parameters": ["inference_ns", "postprocess_ns", "preprocess_ns", "queue_ns"],
    }


def test_it_may_choose_outputs_and_thresholds(seen: dict[str, Any]) -> None:
    assert seen["chosen_outputs"] == {"output0": [2, 5, 84], "boxes": [2, 1, 6]}
    assert seen["parameters"] == 0.0, "no box is surer than certain"


def test_its_requests_wait_side_by_side(seen: dict[str, Any]) -> None:
    assert seen["asynchronous"] == {"answered": 8, "refused": []}
    assert seen["asyncio"] == [BOX] * 4


def test_its_stream_gets_errors_among_the_answers(everything: dict[str, Any]) -> None:
    (refused,) = everything["grpc"]["stream"]["refused"]
    assert "no model 'nobody'" in refused
    assert everything["grpc"]["stream"]["answered"] == 7


def test_it_may_send_json_instead_of_bytes(everything: dict[str, Any]) -> None:
    assert everything["http"]["json_tensors"] == [BOX, BOX]


def test_pictures_and_boxes_pass_through_shared_memory(seen: dict[str, Any]) -> None:
    assert seen["shared_memory"] == {"boxes": [BOX, BOX], "registered": True}


def test_it_unloads_and_loads_models(seen: dict[str, Any]) -> None:
    assert seen["repository"] == [["READY"], ["UNAVAILABLE"], ["READY"]]


@pytest.mark.parametrize(
    ("call", "words", "grpc_status", "http_status"),
    [
        ("too_late", "deadline", "DEADLINE_EXCEEDED", "504"),
        ("unknown_model", "there is no model 'nobody'", "NOT_FOUND", "404"),
        ("wrong_shape", "must be UINT8", "INVALID_ARGUMENT", "400"),
        ("foreign_memory", "plain name", "INVALID_ARGUMENT", "400"),
        ("cuda_memory", "is not supported", "UNIMPLEMENTED", "501"),
        ("compressed", "gzip", "UNIMPLEMENTED", "501"),
    ],
)
def test_it_is_told_what_went_wrong(
    call: str, words: str, grpc_status: str, http_status: str, everything: dict[str, Any]
) -> None:
    statuses = {"grpc": f"StatusCode.{grpc_status}", "http": http_status}
    for transport, status in statuses.items():
        refused = everything[transport][call]
        assert words in refused["error"]
        assert refused["status"] == status


def test_statistics_agree_with_what_was_asked(everything: dict[str, Any]) -> None:
    (own,) = everything["report"]["models"]
    last = everything["http"]["statistics"]
    assert own["inference_stats"]["success"]["count"] == last["success"] > everything["grpc"]["statistics"]["success"]
    assert own["inference_count"] == last["pictures"]
    assert own["refused"]["too late"] == 2
