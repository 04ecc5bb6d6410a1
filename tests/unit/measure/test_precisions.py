"""Precisions are timed in turns, once per model and machine, in a process that leaves nothing behind."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camslice.engine.precision import remembered
from camslice.fleet.types import Backend, ModelSpec, Precision
from camslice.measure.precisions import steadied, time_once
from camslice.models.cache import sha256_of
from camslice.models.model import ModelInfo
from camslice.models.quantised import find_quantised, keep_quantised
from tests.unit.engine.tiny_models import mean_model
from tests.unit.models.test_quantised import evidence


@given(
    load=st.lists(st.floats(min_value=0.05, max_value=1.0), min_size=1, max_size=12),
    fp32=st.floats(min_value=1, max_value=100),
    ratio=st.floats(min_value=0.5, max_value=4),
)
def test_a_load_that_comes_and_goes_does_not_change_the_ratio(load: list[float], fp32: float, ratio: float) -> None:
    turns = {Precision.FP32: [fp32 * share for share in load], Precision.INT8: [fp32 * ratio * share for share in load]}
    fps = steadied(turns)
    assert fps["int8"] / fps["fp32"] == pytest.approx(ratio, rel=0.02 + 0.02 / min(fps.values()))


def test_a_burst_in_one_turn_is_outvoted() -> None:
    calm = {Precision.FP32: [10.0] * 5, Precision.BF16: [20.0] * 5}
    burst = {Precision.FP32: [10.0] * 5, Precision.BF16: [20.0, 20.0, 2.0, 20.0, 20.0]}
    assert steadied(burst)["bf16"] / steadied(burst)["fp32"] == pytest.approx(2, rel=0.01)
    assert steadied(calm) == {"fp32": 10.0, "bf16": 20.0}


@pytest.fixture
def info(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelInfo:
    """A model with an INT8 version (here: itself, as OpenVINO writes it)."""
    import openvino as ov

    monkeypatch.setenv("CAMSLICE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CAMSLICE_MODELS", raising=False)
    info = mean_model(tmp_path / "mean.onnx")
    work = tmp_path / "work"
    work.mkdir()
    ov.save_model(ov.convert_model(info.path), work / "model.xml")
    keep_quantised(work, evidence(info, sha256_of(work / "model.xml", work / "model.bin")))
    return info


def python_that_says(folder: Path, *lines: str) -> str:
    """A Python that runs the module it is given after these lines."""
    code = "; ".join(["import camslice.measure.precisions as timing", *lines, "timing.main()"])
    script = folder / "python"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{code}"\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return str(script)


def test_a_model_is_timed_once_in_a_process_of_its_own(
    info: ModelInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", python_that_says(tmp_path, "timing.TURN_S = 0.001"))
    said: list[str] = []
    for _ in range(2):
        time_once(info, ModelSpec("people", "mean.onnx"), said.append)
    assert said == ["model people: timing its precisions on this machine, once"]
    known = remembered(info, find_quantised(info.sha256, info.input.width, info.input.height))
    assert known is not None
    assert known.fps.keys() >= {"fp32", "int8"}
    assert min(known.fps.values()) > 0


def test_a_failure_is_told_and_the_fleet_starts_by_rule(
    info: ModelInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "executable", python_that_says(tmp_path, "raise SystemExit('no room')"))
    time_once(info, ModelSpec("people", "mean.onnx"), lambda _: None)
    assert "model people: its precisions could not be timed: no room" in caplog.text
    assert remembered(info, find_quantised(info.sha256, info.input.width, info.input.height)) is None


@pytest.mark.parametrize(
    "spec",
    [
        ModelSpec("m", "w", precision=Precision.FP32),
        ModelSpec("m", "w", backend=Backend.ONNXRUNTIME),
        ModelSpec("m", "w", device="GPU"),
    ],
)
def test_what_leaves_no_choice_is_not_timed(info: ModelInfo, spec: ModelSpec) -> None:
    said: list[str] = []
    time_once(info, spec, said.append)
    assert said == []
