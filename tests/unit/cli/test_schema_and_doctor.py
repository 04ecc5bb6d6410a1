"""The commands that look and change nothing."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from camslice.cli.main import main
from camslice.fleet.schema import fleet_schema
from camslice.fleet.types import Fleet
from camslice.measure import doctor
from camslice.measure.checks import Check

FLEET = """\
models: {people: {weights: yolox-nano}}
cameras:
  - {name: gate, source: "scene://people?seed=1&size=320x240", fps: 5, model: people}
"""


def ended(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["camslice", *arguments])
    with pytest.raises(SystemExit) as exit_:
        main()
    assert isinstance(exit_.value.code, int)
    return exit_.value.code


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_schema_prints_the_schema_and_nothing_else(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(monkeypatch, "schema", *arguments) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out) == fleet_schema()
    assert captured.err == ""


@pytest.mark.parametrize(("lacking", "code"), [([], 0), (["memory"], 1), (["memory", "gpu"], 1)])
def test_doctor_is_content_only_when_every_check_is(
    lacking: list[str], code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [
        Check.of(name, f"[{name}] seen", fix="Do it." if name in lacking else None) for name in ("memory", "gpu", "opencv")
    ]
    monkeypatch.setattr(doctor, "examine", lambda fleet: found)
    assert ended(monkeypatch, "doctor") == code
    printed = capsys.readouterr().out
    assert all(f"[{check.name}] seen" in printed for check in found)
    assert printed.count("Do it.") == len(lacking)
    assert not re.search(r"\[/?(?:bold|green|red)|\\\[", printed), "markup and its escapes are not for people"
    assert (f"{len(lacking)} to be put right: {', '.join(lacking)}" if lacking else "All is well.") in printed


def test_doctor_prints_one_json_object_whose_checks_each_say_how_to_fix_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CAMSLICE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CAMSLICE_MODELS", raising=False)
    (tmp_path / "fleet.yaml").write_text(FLEET)
    assert ended(monkeypatch, "doctor", str(tmp_path / "fleet.yaml"), "--json") == 1
    report = json.loads(capsys.readouterr().out)
    checks = {check["name"]: check for check in report["checks"]}
    assert list(checks) == [name for name, _ in [*doctor.MACHINE, *doctor.FLEET]]
    for check in checks.values():
        assert set(check) == {"name", "ok", "detail", "fix"}
        assert bool(check["fix"]) is not check["ok"]
        assert check["detail"]
    assert checks["model files"]["ok"], "the fleet's own weights decide"
    assert checks["model files"]["detail"].startswith("none of the model list is here (0 of ")
    assert not checks["models"]["ok"]
    assert checks["models"]["fix"] == "camslice models pull yolox-nano"
    assert checks["sources"]["ok"]
    assert "1 cameras, 1 streams, 5 frames per second" in checks["load"]["detail"]
    assert report["machine"]["cores"] >= 1
    assert not (tmp_path / "cache").exists(), "doctor looks and changes nothing"


def test_doctor_refuses_a_wrong_fleet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "fleet.yaml").write_text(FLEET.replace("fps: 5", "fps: -5"))
    assert ended(monkeypatch, "doctor", str(tmp_path / "fleet.yaml"), "--json") == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"camslice: {tmp_path}/fleet.yaml:3: cameras[0].fps: -5 is not allowed")


def test_doctor_examines_the_fleet_it_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[Fleet | None] = []
    monkeypatch.setattr(doctor, "examine", lambda fleet: seen.append(fleet) or [])
    (tmp_path / "fleet.yaml").write_text(FLEET)
    assert ended(monkeypatch, "doctor", str(tmp_path / "fleet.yaml")) == 0
    assert ended(monkeypatch, "doctor") == 0
    assert seen[0] is not None
    assert seen[0].cameras[0].name == "gate"
    assert seen[1] is None
    capsys.readouterr()
