"""Which findings stand when a fleet is given, and which when none is."""

from __future__ import annotations

from pathlib import Path

import pytest

from camslice.fleet.spec import parse_fleet
from camslice.measure.checks import Check
from camslice.measure.doctor import examine

FLEET = """\
models: {people: {weights: own.onnx}}
cameras:
  - {name: gate, source: "scene://people?seed=1&size=320x240", fps: 5, model: people}
"""


@pytest.fixture(autouse=True)
def _no_model_of_the_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMSLICE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CAMSLICE_MODELS", raising=False)


def found(tmp_path: Path, fleet: str | None) -> dict[str, Check]:
    declared = None if fleet is None else parse_fleet(fleet, tmp_path, {}, "fleet.yaml")
    return {check.name: check for check in examine(declared)}


def test_without_a_fleet_some_model_of_the_list_must_be_here(tmp_path: Path) -> None:
    check = found(tmp_path, None)["model files"]
    assert not check.ok
    assert check.fix.startswith("camslice models pull ")


def test_a_fleet_with_its_own_weights_needs_no_model_of_the_list(tmp_path: Path) -> None:
    (tmp_path / "own.onnx").touch()
    checks = found(tmp_path, FLEET)
    assert checks["models"].ok
    assert checks["model files"].ok
    assert checks["model files"].detail.startswith("none of the model list is here")


def test_a_fleet_without_its_weights_lacks_them(tmp_path: Path) -> None:
    checks = found(tmp_path, FLEET)
    assert not checks["models"].ok
    assert checks["model files"].ok
