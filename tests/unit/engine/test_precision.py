"""Which arithmetic a model gets: as declared, or the fastest that was timed here, and never by guess."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camslice.engine import precision
from camslice.engine.precision import MARGIN, Timed, decide, remember, remembered
from camslice.fleet.errors import EngineError, ModelError
from camslice.fleet.types import Precision
from camslice.models.cache import sha256_of
from camslice.models.model import ModelInfo
from camslice.models.quantised import find_quantised, keep_quantised
from tests.unit.engine.tiny_models import mean_model
from tests.unit.models.test_quantised import evidence


@pytest.fixture
def info(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelInfo:
    monkeypatch.setenv("CAMSLICE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CAMSLICE_MODELS", raising=False)
    return mean_model(tmp_path / "mean.onnx")


def quantised(info: ModelInfo, folder: Path, content: bytes = b"weights") -> Path:
    """Keep something as the INT8 version of `info`; nothing here loads it."""
    folder.mkdir()
    (folder / "model.xml").write_bytes(b"<net/>")
    (folder / "model.bin").write_bytes(content)
    sha256 = sha256_of(folder / "model.xml", folder / "model.bin")
    return keep_quantised(folder, evidence(info, sha256))


def timed(int8_sha256: str | None, **fps: float) -> Timed:
    return Timed(fps, int8_sha256, "2026-11-28T10:00:00+00:00")


rates = st.floats(min_value=0.1, max_value=1000)


@given(fps=st.fixed_dictionaries({"fp32": rates}, optional={"bf16": rates, "int8": rates}))
def test_nothing_slower_is_preferred_and_nothing_coarser_without_a_margin(fps: dict[str, float]) -> None:
    best = Timed(fps, None, "").fastest
    finer = [name for name in ("fp32", "bf16", "int8")[: ("fp32", "bf16", "int8").index(best)] if name in fps]
    assert all(fps[best] > fps[name] * MARGIN for name in finer[:1]), "full precision stays unless it is clearly beaten"
    assert all(fps[name] <= fps[best] * MARGIN for name in fps if name not in {*finer, best}), "what is coarser is not faster"


@pytest.mark.parametrize(
    ("fps", "expected"),
    [
        ({"fp32": 10, "bf16": 30, "int8": 60}, Precision.INT8),
        ({"fp32": 10, "bf16": 30, "int8": 31}, Precision.BF16),
        ({"fp32": 10, "bf16": 30, "int8": 20}, Precision.BF16),
        ({"fp32": 10, "int8": 9}, Precision.FP32),
        ({"fp32": 10, "int8": 12}, Precision.INT8),
    ],
)
def test_the_fastest_is_taken_and_what_is_finer_where_they_are_alike(fps: dict[str, float], expected: Precision) -> None:
    assert Timed(fps, None, "").fastest is expected


def test_without_an_int8_version_the_processor_decides_and_that_is_said(info: ModelInfo) -> None:
    with_it, without = (decide(info, Precision.AUTO, "CPU", has_bf16=has) for has in (True, False))
    assert (with_it.precision, with_it.bf16, without.precision, without.bf16) == (Precision.BF16, True, Precision.FP32, False)
    assert with_it.why == "CPU computes in BF16, and no INT8 version of it is here"


def test_an_int8_version_that_was_not_timed_here_is_not_taken(info: ModelInfo, tmp_path: Path) -> None:
    quantised(info, tmp_path / "made")
    decision = decide(info, Precision.AUTO, "CPU", has_bf16=True)
    assert (decision.precision, decision.weights) == (Precision.BF16, None)
    assert "not timed on this machine yet" in decision.why


def test_what_was_timed_here_decides_with_its_figures(info: ModelInfo, tmp_path: Path) -> None:
    path = quantised(info, tmp_path / "made")
    int8 = find_quantised(info.sha256, info.input.width, info.input.height)
    assert int8 is not None
    remember(info, timed(int8.evidence.sha256, fp32=10.0, bf16=30.0, int8=50.0))
    decision = decide(info, Precision.AUTO, "CPU", has_bf16=True)
    assert (decision.precision, decision.weights, decision.bf16) == (Precision.INT8, path, True)
    assert "on 2026-11-28, in pictures/s: int8 50.0, bf16 30.0, fp32 10.0; it loses 0.0100 mAP by labels" in decision.why
    assert decide(info, Precision.INT8, "CPU", has_bf16=False).why == "declared; it loses 0.0100 mAP by labels"
    remember(info, timed(int8.evidence.sha256, fp32=10.0, bf16=30.0, int8=20.0))
    assert decide(info, Precision.AUTO, "CPU", has_bf16=True).weights is None


def test_figures_of_another_version_size_or_machine_do_not_count(
    info: ModelInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quantised(info, tmp_path / "made")
    int8 = find_quantised(info.sha256, info.input.width, info.input.height)
    assert int8 is not None
    remember(info, timed(int8.evidence.sha256, fp32=10.0, int8=50.0))
    assert remembered(info, int8) is not None
    larger = dataclasses.replace(info, input=dataclasses.replace(info.input, width=64))
    assert remembered(larger, int8) is None
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(precision, "machine_key", lambda: "another")
        assert remembered(info, int8) is None
    quantised(info, tmp_path / "again", b"other weights")
    again = find_quantised(info.sha256, info.input.width, info.input.height)
    assert remembered(info, again) is None
    assert decide(info, Precision.AUTO, "CPU", has_bf16=False).precision is Precision.FP32


def test_figures_that_cannot_be_read_or_kept_are_told_and_do_no_harm(
    info: ModelInfo, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    remember(info, timed(None, fp32=10.0))
    (file,) = (tmp_path / "cache" / "files" / "precisions").iterdir()
    file.write_text("{")
    assert remembered(info, None) is None
    assert "cannot be read and is measured anew" in caplog.text
    file.unlink()
    file.parent.rmdir()
    file.parent.write_text("in the way")
    remember(info, timed(None, fp32=10.0))
    assert "cannot be remembered" in caplog.text


def test_what_is_declared_and_cannot_be_had_is_refused(info: ModelInfo) -> None:
    with pytest.raises(EngineError, match=r"cannot compute in BF16; use `precision: auto` or fp32"):
        decide(info, Precision.BF16, "CPU", has_bf16=False)
    with pytest.raises(ModelError, match=r"no INT8 version of tiny at 32x32 .* `camslice models quantise tiny"):
        decide(info, Precision.INT8, "CPU", has_bf16=True)
    assert decide(info, Precision.FP32, "CPU", has_bf16=True).bf16 is False
