"""Findings, and what becomes of a look that fails."""

from __future__ import annotations

import os
from importlib.metadata import Distribution
from pathlib import Path

import pytest

from camslice.fleet.errors import ModelError
from camslice.measure import library_checks, machine_checks
from camslice.measure.checks import Check, checked
from camslice.measure.doctor import MACHINE


def failing(error: Exception) -> Check:
    raise error


def test_a_check_is_in_order_unless_there_is_something_to_fix() -> None:
    assert Check.of("a", "fine", fix=None) == Check("a", True, "fine", "")
    assert Check.of("a", "bad", fix="Mend it.") == Check("a", False, "bad", "Mend it.")


def test_a_look_that_fails_is_a_finding_and_keeps_no_other_from_being_made() -> None:
    good = Check.of("good", "fine", fix=None)
    broken, ours, last = checked(
        [
            ("broken", lambda: failing(ImportError("libGL.so.1: cannot open\nmore"))),
            ("ours", lambda: failing(ModelError("list.yaml is no list; delete it."))),
            ("good", lambda: good),
        ]
    )
    assert (broken.ok, broken.name) == (False, "broken")
    assert "ImportError: libGL.so.1: cannot open)" in broken.detail
    assert broken.fix
    assert ours == Check("ours", False, "list.yaml is no list", "Delete it.")
    assert last is good


def test_a_defect_of_our_own_is_not_dressed_up_as_a_finding() -> None:
    with pytest.raises(TypeError):
        checked([("x", lambda: failing(TypeError("ours")))])


def test_each_machine_check_bears_the_name_it_is_listed_under() -> None:
    assert [check.name for check in checked(MACHINE)] == [name for name, _ in MACHINE]


def test_shared_memory_is_looked_at_where_the_user_put_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CAMSLICE_SHM_DIR", str(tmp_path))
    assert str(tmp_path) in machine_checks.shared_memory().detail
    monkeypatch.setenv("CAMSLICE_SHM_DIR", str(tmp_path / "none"))
    check = machine_checks.shared_memory()
    assert not check.ok
    assert "CAMSLICE_SHM_DIR" in check.fix


def test_too_little_memory_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_checks, "available_memory_bytes", lambda: 10_000_000)
    check = machine_checks.memory()
    assert not check.ok
    assert check.detail.startswith("10 MB available")


def test_less_than_a_core_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_checks, "usable_cores", lambda: 0.5)
    monkeypatch.setattr(machine_checks, "cgroup_quota", lambda: 0.5)
    check = machine_checks.processor()
    assert not check.ok
    assert "a quota of 0.5" in check.detail


def test_a_cache_that_does_not_exist_yet_is_judged_by_its_parent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CAMSLICE_CACHE", str(tmp_path / "a" / "b"))
    assert machine_checks.cache_disk().detail.startswith(str(tmp_path / "a" / "b"))
    assert not (tmp_path / "a").exists()


def test_a_gpu_is_named_by_its_driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text('#!/bin/sh\necho "GPU 0: Tesla T4 (UUID: GPU-123)"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    check = machine_checks.gpu()
    assert (check.ok, check.detail) == (True, "GPU 0: Tesla T4")
    program.write_text("#!/bin/sh\nexit 9\n")
    assert not machine_checks.gpu().ok


def test_a_gpu_that_onnxruntime_cannot_use_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library_checks, "nvidia_devices", lambda: ["nvidia0"])
    assert "onnxruntime-gpu" in library_checks.onnxruntime().fix


def test_a_second_opencv_wheel_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Wheel:
        def __init__(self, name: str) -> None:
            self.name = name

    assert library_checks.opencv().ok
    both = [Wheel("opencv_python"), Wheel("opencv-python-headless"), Wheel("numpy")]
    monkeypatch.setattr(library_checks, "distributions", lambda: both)
    check = library_checks.opencv()
    assert not check.ok
    assert "opencv-python, opencv-python-headless" in check.detail
    monkeypatch.setattr(library_checks, "distributions", list[Distribution])
    assert not library_checks.opencv().ok


def test_a_decoder_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(library_checks.DECODERS, "Cinepak 3000", "cinepak3000")
    check = library_checks.decoders()
    assert not check.ok
    assert "not Cinepak 3000" in check.detail


def test_reports_that_the_user_switched_on_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    assert not library_checks.telemetry().ok
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "1")
    assert library_checks.telemetry().ok
