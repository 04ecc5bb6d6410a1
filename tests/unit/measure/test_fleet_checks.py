"""What a fleet will take here, and what of it is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from camslice.fleet.errors import ModelError
from camslice.fleet.spec import parse_fleet
from camslice.fleet.types import Decoder, Fleet
from camslice.measure import fleet_checks
from camslice.video.sources.hardware import why_not
from tests.blob_detector import blob_detector


def fleet(tmp_path: Path, cameras: str, top: str = "", weights: str = "yolox-nano") -> Fleet:
    text = f"models: {{people: {{weights: {weights}}}, unused: {{weights: no-such-model}}}}\n{top}\ncameras: [{cameras}]\n"
    return parse_fleet(text, tmp_path, {}, "fleet.yaml")


SCENE = 'source: "scene://people?seed=1&size=320x240", model: people'


def test_the_load_counts_streams(tmp_path: Path) -> None:
    declared = fleet(tmp_path, f"{{name: a, {SCENE}, fps: 5, count: 3}}, {{name: b, {SCENE}, fps: 2.5}}")
    assert fleet_checks.load(declared).detail.startswith("4 cameras, 4 streams, 17.5 frames per second")


def test_waiting_frames_are_bounded_and_the_assumed_size_is_said(tmp_path: Path) -> None:
    declared = fleet(tmp_path, f"{{name: a, {SCENE}, fps: 5, count: 2}}, {{name: b, {SCENE}, fps: 30, freshness: latest}}")
    check = fleet_checks.mailboxes(declared)
    assert check.ok
    assert "7 frames x 1.5 bytes x 1920 x 1080 pixels" in check.detail, "ceil(0.5 s x 5) twice, and one"
    assert "22 MB" in check.detail


def test_more_waiting_frames_than_memory_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet_checks, "available_memory_bytes", lambda: 1_000_000)
    assert "freshness: latest" in fleet_checks.mailboxes(fleet(tmp_path, f"{{name: a, {SCENE}, fps: 5}}")).fix


def test_missing_and_broken_files_are_told_and_the_network_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    cameras = (
        f"{{name: a, {SCENE}, fps: 5}}, {{name: b, source: none.mp4, fps: 1, model: people, count: 50}},"
        "{name: c, source: text.mp4, fps: 1, model: people},"
        '{name: d, source: "rtsp://u:secret@192.0.2.1/1", fps: 1, model: people}'
    )
    check = fleet_checks.sources(fleet(tmp_path, cameras))
    assert not check.ok
    assert check.detail.startswith(f"b-1: {tmp_path / 'none.mp4'}")
    assert f"; c: {tmp_path / 'text.mp4'}" in check.detail
    assert "192.0.2.1" not in check.detail
    assert check.detail.count("none.mp4") <= 2, "a source that fifty cameras share is told once"
    assert fleet_checks.sources(fleet(tmp_path, f"{{name: a, {SCENE}, fps: 5}}")).ok


def test_a_decoder_that_is_missing_is_told(tmp_path: Path) -> None:
    if not why_not(Decoder.VAAPI):
        pytest.skip("this machine has a VAAPI device")
    software, device = f"{{name: a, {SCENE}, fps: 5, count: 2}}", f"{{name: b, {SCENE}, fps: 5, decoder: vaapi}}"
    check = fleet_checks.decoders(fleet(tmp_path, f"{software}, {device}"))
    assert check.detail == f"software for 2: decoded by software; vaapi for 1: decoded in software: {why_not(Decoder.VAAPI)}"
    assert not check.ok
    assert fleet_checks.decoders(fleet(tmp_path, software)).ok


def test_weights_are_looked_for_where_they_are_declared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMSLICE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CAMSLICE_MODELS", raising=False)
    camera = f"{{name: a, {SCENE}, fps: 5}}"
    assert fleet_checks.models(fleet(tmp_path, camera)).fix == "camslice models pull yolox-nano"
    own = fleet(tmp_path, camera, weights="own.onnx")
    assert fleet_checks.models(own).fix == f"Put a file at {tmp_path / 'own.onnx'}."
    (tmp_path / "own.onnx").touch()
    assert fleet_checks.models(own).ok


def test_what_a_model_computes_in_and_why_is_said_before_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMSLICE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CAMSLICE_MODELS", raising=False)
    camera = f"{{name: a, {SCENE}, fps: 5}}"
    assert "people: not known before the weights are here" in fleet_checks.precisions(fleet(tmp_path, camera)).detail
    blob_detector(tmp_path / "own.onnx")
    assert "no INT8 version of it is here" in fleet_checks.precisions(fleet(tmp_path, camera, weights="own.onnx")).detail
    declared = fleet(tmp_path, camera, weights="own.onnx, precision: fp32")
    assert fleet_checks.precisions(declared).detail == "people: FP32 (declared)"
    with pytest.raises(ModelError, match=r"models quantise .*own\.onnx"):
        fleet_checks.precisions(fleet(tmp_path, camera, weights="own.onnx, precision: int8"))


def test_the_topology_says_how_many_pods_it_makes(tmp_path: Path) -> None:
    check = fleet_checks.topology(fleet(tmp_path, f"{{name: a, {SCENE}, fps: 5, count: 3}}", "topology: sliced"))
    assert check.ok
    assert "sliced: 3 pods" in check.detail
    assert "together 135 MB" in check.detail


def test_a_topology_that_this_machine_cannot_have_is_told(tmp_path: Path) -> None:
    check = fleet_checks.topology(fleet(tmp_path, f"{{name: a, {SCENE}, fps: 5, count: 3}}", "topology: dedicated"))
    assert not check.ok
    assert "3 streams a device of its own" in check.detail


def test_more_pods_than_memory_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet_checks, "available_memory_bytes", lambda: 1_000_000)
    declared = fleet(tmp_path, f"{{name: a, {SCENE}, fps: 5, count: 3}}", "topology: sliced")
    assert "streams_per_pod" in fleet_checks.topology(declared).fix
