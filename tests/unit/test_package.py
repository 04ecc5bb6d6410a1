from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import camslice
from camslice.engine.telemetry import ONNXRUNTIME_SWITCH, OPENVINO_REPORTER

HERE = Path(__file__).resolve()
SOURCE = HERE.parents[2] / "src" / "camslice"


def test_the_package_imports_and_has_the_version_that_was_installed() -> None:
    assert camslice.__doc__
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", version("camslice"))


def test_the_package_says_that_it_is_typed() -> None:
    assert (SOURCE / "py.typed").is_file()


def test_every_module_says_what_it_is_for() -> None:
    mute = [
        str(path) for path in SOURCE.rglob("*.py") if path.stat().st_size and not path.read_text().lstrip().startswith('"""')
    ]
    assert not mute, f"no docstring: {mute}"


def test_the_tests_mirror_the_source() -> None:
    rooms = {path.name for path in SOURCE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    tested = {path.name for path in HERE.parent.iterdir() if path.is_dir() and path.name != "__pycache__"}
    rooms.add("deploy")  # charts and images, which are not in the package
    assert tested <= rooms, f"tests of rooms that are not there: {tested - rooms}"


def test_telemetry_is_switched_off_unless_the_user_says_otherwise() -> None:
    code = f"""
import os, sys
from camslice.engine.telemetry import switch_off_telemetry
switch_off_telemetry(); switch_off_telemetry()
try:
    import {OPENVINO_REPORTER}
except ImportError:
    print("quiet", os.environ["{ONNXRUNTIME_SWITCH}"])
"""
    for chosen, expected in (({}, "quiet 1"), ({ONNXRUNTIME_SWITCH: "0"}, "quiet 0")):
        process = subprocess.run([sys.executable, "-c", code], env=chosen, capture_output=True, text=True, check=True)
        assert process.stdout.strip() == expected
