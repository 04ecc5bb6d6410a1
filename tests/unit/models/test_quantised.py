"""Where INT8 versions lie, and that only the one that was judged is ever used."""

from __future__ import annotations

from pathlib import Path

import pytest

from camslice.fleet.errors import ModelError
from camslice.models.cache import sha256_of
from camslice.models.model import InputSpec, ModelInfo
from camslice.models.quantised import EVIDENCE, MODEL, Evidence, find_quantised, keep_quantised, required_quantised, versions_of


def evidence(info: ModelInfo, sha256: str, *, after: float = 0.39) -> Evidence:
    return Evidence(
        model=info.name,
        source_sha256=info.sha256,
        sha256=sha256,
        input_width=info.input.width,
        input_height=info.input.height,
        data="a test",
        calibration_pictures=8,
        judged_by="labels",
        judged_on="a test",
        judged_pictures=8,
        metric="map_50_95",
        map_before=0.4,
        map_after=after,
        max_drop=0.01,
        how="symmetric",
        fps={"fp32": 10.0, "int8": 20.0},
        machine="a processor",
        nncf="3",
        openvino="2026",
        made_at="2026-11-28T10:00:00+00:00",
    )


def model(side: int = 64, sha256: str = "a" * 64) -> ModelInfo:
    spec = InputSpec(side, side, dynamic_batch=True, dynamic_size=True)
    return ModelInfo("m", Path("m.onnx"), sha256, "MIT", "detect", ("thing",), spec, "yolov8", "a test")


def keep(info: ModelInfo, work: Path, content: bytes = b"1", *, after: float = 0.39) -> Path:
    work.mkdir()
    (work / MODEL).write_bytes(b"<net/>")
    (work / "model.bin").write_bytes(content)
    return keep_quantised(work, evidence(info, sha256_of(work / MODEL, work / "model.bin"), after=after))


def test_a_version_is_found_by_the_weights_and_the_size_it_was_made_for(tmp_path: Path, cache: Path) -> None:
    path = keep(model(), tmp_path / "work")
    found = find_quantised("a" * 64, 64, 64)
    assert found is not None
    assert (found.path, found.evidence.drop) == (path, 0.01)
    assert path.is_relative_to(cache / "quantised")
    assert find_quantised("a" * 64, 96, 64) is None
    assert find_quantised("b" * 64, 64, 64) is None
    assert find_quantised("a" * 16 + "b" * 48, 64, 64) is None, "hashes that begin alike are not alike"


def test_a_folder_of_models_may_bring_versions_along(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(model(), tmp_path / "work")
    cache.rename(tmp_path / "image")
    assert find_quantised("a" * 64, 64, 64) is None
    monkeypatch.setenv("CAMSLICE_MODELS", str(tmp_path / "image"))
    found = find_quantised("a" * 64, 64, 64)
    assert found is not None
    assert found.path.is_relative_to(tmp_path / "image")


def test_a_new_version_takes_the_place_of_the_one_before(tmp_path: Path, cache: Path) -> None:
    first = keep(model(), tmp_path / "one", after=0.391)
    second = keep(model(), tmp_path / "two", b"2", after=0.395)
    assert first == second
    assert [version.evidence.map_after for version in versions_of("a" * 64)] == [0.395]
    assert not list(cache.glob(".work-*"))


def test_every_size_has_a_version_of_its_own(tmp_path: Path) -> None:
    for side in (64, 96):
        keep(model(side), tmp_path / str(side))
    assert [version.evidence.input_width for version in versions_of("a" * 64)] == [64, 96]


@pytest.mark.parametrize("harm", ["changed", "gone", "no evidence"])
def test_another_than_the_judged_one_is_never_used(tmp_path: Path, harm: str) -> None:
    path = keep(model(), tmp_path / "work")
    if harm == "changed":
        path.with_suffix(".bin").write_bytes(b"2")
    elif harm == "gone":
        path.with_suffix(".bin").unlink()
    else:
        (path.parent / EVIDENCE).write_text("{}")
    with pytest.raises(ModelError, match="quantise the model again with --force"):
        find_quantised("a" * 64, 64, 64)


def test_a_missing_version_is_told_with_the_command_and_the_users_own_words() -> None:
    with pytest.raises(ModelError, match=r"INT8 version of best\.onnx at 64x64 .*`camslice models quantise best\.onnx"):
        required_quantised(model(), "best.onnx")
